import { create } from '@bufbuild/protobuf';
import type { Actor, Message } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import type { CallContext } from '#lib/rpc/implement.ts';
import { Api, wireLong } from '#lib/telegram/client.ts';
import { TelegramRefused } from '#lib/telegram/errors.ts';
import { PeerSchema } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import { HeldElsewhere } from '../connections/elsewhere.ts';
import { atPost } from '../engaging/guarded.ts';
import { postAnswered } from '../engaging/thread.ts';
import type { LiveSession } from '../connections/live-session.ts';
import { inputPeerOf } from '../peers/book.ts';
import { telegramPeerOf } from '../peers/telegram-peer.ts';
import type { KnownPeer } from '../peers/store.ts';
import { withPeer } from '../peers/with-peer.ts';
import { entitiesOf } from '../text/entities.ts';
import { sentMessage, withoutNumber, type Wanted } from './answer.ts';
import { upload } from './attachment.ts';
import { fetchFile, type Fetched } from './fetch.ts';
import { findSent } from './find-sent.ts';
import type { Attempt } from './once.ts';
import type { RequestKey, SendWish } from './requests.ts';
import type { Sending } from './sending.ts';

/** Sends a message, or gives the result that the same request had before. */
export async function sendMessage(
  sending: Sending,
  ctx: CallContext,
  actor: Actor | undefined,
  key: RequestKey,
  wish: SendWish,
): Promise<Message> {
  const { connections, sends, book } = sending;
  try {
    return await connections.use(actor, ctx, (session) =>
      sends.once(sessionKey(key, session), (attempt) =>
        withPeer(book, session, wish.target, async (peer) => {
          const input = inputPeerOf(peer, session.userId);
          const media =
            wish.file && (await upload(session, wish.file, await bytesOf(sending, wish.file, ctx)));
          const send = () =>
            sendTo(sending, session, { peer, input, attempt, media, topId: undefined }, wish);
          const post = await postAnswered(book, session, peer, wish.replyTo);
          if (!post) return send();
          // A comment by another name.
          const place = { ...post, kind: 'comment', actor: `send ${attempt.randomId}` } as const;
          return atPost(sending, session, place, attempt.isRepeat, send);
        }),
      ),
    );
  } catch (error) {
    if (error instanceof HeldElsewhere) throw error;
    // An account that can not act any more does not take back what it sent.
    const before = await sends.result(key).catch(() => undefined);
    if (before) return before;
    throw error;
  }
}

export function sessionKey(key: RequestKey, { sessionId, accountId }: LiveSession) {
  return { ...key, sessionId, accountId };
}

async function bytesOf(
  { fetchRules }: Sending,
  { source }: NonNullable<SendWish['file']>,
  ctx: CallContext,
): Promise<Fetched> {
  if (source.kind === 'bytes') return { bytes: source.bytes, name: '', mimeType: '' };
  return fetchFile(source.url, fetchRules, ctx.signal);
}

export interface Send {
  readonly peer: KnownPeer;
  readonly input: Api.TypeInputPeer;
  readonly attempt: Attempt;
  readonly media: Api.TypeInputMedia | undefined;
  /** The message that a thread hangs on. */
  readonly topId: number | undefined;
}

/** One attempt, by its random_id: the message that came of it, now or at an attempt before. */
export async function sendTo(
  { book, database }: Pick<Sending, 'book' | 'database'>,
  session: LiveSession,
  { peer, input, attempt, media, topId }: Send,
  wish: Pick<SendWish, 'text' | 'replyTo' | 'silent' | 'scheduleDate' | 'waitForFlood'>,
): Promise<Message> {
  const { text, replyTo, silent, scheduleDate, waitForFlood } = wish;
  const { randomId, firstTime } = attempt;
  const fields = {
    peer: input,
    message: text.text,
    entities: entitiesOf(text),
    randomId: wireLong(randomId),
    silent: silent || undefined,
    scheduleDate,
    replyTo:
      replyTo === 0 ? undefined : new Api.InputReplyToMessage({ replyToMsgId: replyTo, topMsgId: topId }),
  };
  const request = media
    ? new Api.messages.SendMedia({ ...fields, media })
    : new Api.messages.SendMessage(fields);
  const self = session.userId;
  const wanted: Wanted = { randomId, peer: telegramPeerOf(peer.form), text: text.text, replyTo, self };
  let sent: Message | undefined;
  try {
    const answer = await book.call<Api.messages.SendMessage | Api.messages.SendMedia>(session, request, {
      peer: peer.form,
      waitForFlood,
    });
    sent = sentMessage(answer, wanted);
  } catch (error) {
    // Telegram has it: at this attempt over a connection that broke, or at one before.
    if (!(error instanceof TelegramRefused && error.verdict.kind === 'sent_before')) throw error;
  }
  sent ??= await findSent({ database, book }, session, { ...wanted, form: peer.form, input, firstTime });
  sent ??= withoutNumber(wanted, firstTime.getTime());
  return withPeerShown(sent, peer);
}

/** Short answers leave out who is who. */
function withPeerShown(message: Message, { form, kind, title, username, phone }: KnownPeer): Message {
  if (!message.peer || message.peer.title === '')
    message.peer = create(PeerSchema, { peer: form, kind, title, username, phone });
  return message;
}
