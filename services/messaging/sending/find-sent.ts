import { withRetry } from '#lib/postgres/transaction.ts';
import { Api, wireLong } from '#lib/telegram/client.ts';
import type { Message } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import type { LiveSession } from '../connections/live-session.ts';
import { messageOf } from '../messages.ts';
import type { MessagingDatabase } from '../tables.ts';
import type { PeerBook } from '../peers/book.ts';
import type { Wanted } from './answer.ts';
import { knownMessages } from './store.ts';

export interface Sought extends Wanted {
  readonly form: string;
  readonly input: Api.TypeInputPeer;
  readonly firstTime: Date;
}

const LOOKED_AT = 100;
/** Telegram's clock and the database's are not one. */
const SKEW_MS = 120_000;

/**
 * The message of a send that Telegram took before and whose answer was lost. It is one of the account's in the chat,
 * with the same text and since the request; when it is not the only such that no other request is known to have sent,
 * nobody can say which, and it is undefined.
 */
export async function findSent(
  { database, book }: { database: MessagingDatabase; book: PeerBook },
  session: LiveSession,
  { form, input, firstTime, text, replyTo, self }: Sought,
): Promise<Message | undefined> {
  const zero = { offsetId: 0, offsetDate: 0, addOffset: 0, maxId: 0, minId: 0 };
  const page = await book.call(
    session,
    new Api.messages.GetHistory({ peer: input, ...zero, limit: LOOKED_AT, hash: NO_HASH }),
  );
  if (page.className === 'messages.MessagesNotModified') return undefined;
  const since = firstTime.getTime() - SKEW_MS;
  const alike = page.messages.filter(
    (one): one is Api.Message =>
      one.className === 'Message' &&
      (one.out === true || one.post === true) &&
      one.message === text &&
      1_000 * one.date >= since &&
      replyOf(one) === replyTo,
  );
  const known = await withRetry(() =>
    knownMessages(database.kysely, {
      sessionId: session.sessionId,
      peer: form,
      messageIds: alike.map(({ id }) => id),
    }),
  );
  const [found, ...others] = alike.filter(({ id }) => !known.has(id));
  return found && others.length === 0 ? messageOf(found, page, self) : undefined;
}

const NO_HASH = wireLong(0n);

function replyOf({ replyTo }: Api.Message): number {
  return replyTo?.className === 'MessageReplyHeader' ? (replyTo.replyToMsgId ?? 0) : 0;
}
