import { create } from '@bufbuild/protobuf';
import { MessageSchema, type Actor, type Message } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import type { CallContext } from '#lib/rpc/implement.ts';
import { Api } from '#lib/telegram/client.ts';
import { TelegramRefused } from '#lib/telegram/errors.ts';
import type { LiveSession } from '../connections/live-session.ts';
import { messageOf } from '../messages.ts';
import { inputChannelOf, inputPeerOf } from '../peers/book.ts';
import type { KnownPeer } from '../peers/store.ts';
import type { Target } from '../peers/target.ts';
import { withPeer } from '../peers/with-peer.ts';
import { readMessages } from '../reading/by-id.ts';
import { entitiesOf } from '../text/entities.ts';
import type { FormattedText } from '../text/formatted.ts';
import type { Sending } from './sending.ts';

type Parts = Pick<Sending, 'connections' | 'book'>;

/** Replaces the text; one that stands so already is as good as replaced. */
export function editMessage(
  { connections, book }: Parts,
  ctx: CallContext,
  actor: Actor | undefined,
  { target, messageId, text }: { target: Target; messageId: number; text: FormattedText },
): Promise<Message> {
  return connections.use(actor, ctx, (session) =>
    withPeer(book, session, target, async (peer) => {
      const request = new Api.messages.EditMessage({
        peer: inputPeerOf(peer, session.userId),
        id: messageId,
        message: text.text,
        entities: entitiesOf(text),
      });
      try {
        const answer = await book.call(session, request, { peer: peer.form });
        const edited = editedIn(answer, messageId, session);
        if (edited) return edited;
      } catch (error) {
        if (!isNotModified(error)) throw error;
      }
      const { messages, entities } = await readMessages(book, session, peer, [messageId]);
      const [found] = messages.flatMap((one) => messageOf(one, entities, session.userId) ?? []);
      return (
        found ?? create(MessageSchema, { messageId: BigInt(messageId), text: text.text, outgoing: true })
      );
    }),
  );
}

function isNotModified(error: unknown): boolean {
  return error instanceof TelegramRefused && error.telegramError.type === 'MESSAGE_NOT_MODIFIED';
}

function editedIn(answer: Api.TypeUpdates, id: number, session: LiveSession): Message | undefined {
  if (answer.className !== 'Updates' && answer.className !== 'UpdatesCombined') return undefined;
  for (const update of answer.updates) {
    if (update.className !== 'UpdateEditMessage' && update.className !== 'UpdateEditChannelMessage') continue;
    if (update.message.id === id) return messageOf(update.message, answer, session.userId);
  }
  return undefined;
}

/** Answers how many of them there were. */
export function deleteMessages(
  { connections, book }: Parts,
  ctx: CallContext,
  actor: Actor | undefined,
  wanted: { target: Target; messageIds: readonly number[]; onlyForMe: boolean },
): Promise<number> {
  return connections.use(actor, ctx, (session) =>
    withPeer(book, session, wanted.target, async (peer) => {
      // Private chats share one row of numbers: what is deleted by number alone may lie in another chat.
      const there = await thereIn({ book }, session, peer, wanted.messageIds);
      if (there.length === 0) return 0;
      const channel = inputChannelOf(peer);
      const request = channel
        ? new Api.channels.DeleteMessages({ channel, id: there })
        : new Api.messages.DeleteMessages({ id: there, revoke: !wanted.onlyForMe });
      await book.call<Api.channels.DeleteMessages | Api.messages.DeleteMessages>(session, request, {
        peer: peer.form,
      });
      return there.length;
    }),
  );
}

async function thereIn(
  { book }: Pick<Parts, 'book'>,
  session: LiveSession,
  peer: KnownPeer,
  messageIds: readonly number[],
): Promise<number[]> {
  const { messages, entities } = await readMessages(book, session, peer, messageIds);
  return messages.flatMap((one) => {
    const told = messageOf(one, entities, session.userId);
    return told?.peer?.peer === peer.form ? [one.id] : [];
  });
}
