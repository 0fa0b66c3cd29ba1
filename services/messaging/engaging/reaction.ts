import type { Actor, ReactionCount } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import type { CallContext } from '#lib/rpc/implement.ts';
import { Api } from '#lib/telegram/client.ts';
import { TelegramRefused } from '#lib/telegram/errors.ts';
import type { LiveSession } from '../connections/live-session.ts';
import { reactionsOf } from '../messages.ts';
import { inputPeerOf } from '../peers/book.ts';
import type { KnownPeer } from '../peers/store.ts';
import type { Target } from '../peers/target.ts';
import { withPeer } from '../peers/with-peer.ts';
import { readMessages } from '../reading/by-id.ts';
import type { Sending } from '../sending/sending.ts';
import { atPost } from './guarded.ts';

/** Sets the account's reaction, or takes it away; answers all that the message has then. */
export function sendReaction(
  sending: Sending,
  ctx: CallContext,
  actor: Actor | undefined,
  { target, messageId, emoji }: { target: Target; messageId: number; emoji: string },
): Promise<ReactionCount[]> {
  const { connections, book } = sending;
  return connections.use(actor, ctx, (session) =>
    withPeer(book, session, target, (peer) => {
      const act = (): Promise<ReactionCount[]> => react(sending, session, peer, { messageId, emoji });
      // What is taken away raises nothing, and what stands between few is nobody's counter.
      if (emoji === '' || !peer.form.startsWith('channel:')) return act();
      const place = {
        channel: peer.form,
        postId: messageId,
        kind: 'reaction',
        actor: `user ${session.userId ?? `of ${session.sessionId}`}`,
      } as const;
      return atPost(sending, session, place, false, act);
    }),
  );
}

async function react(
  { book }: Pick<Sending, 'book'>,
  session: LiveSession,
  peer: KnownPeer,
  { messageId, emoji }: { messageId: number; emoji: string },
): Promise<ReactionCount[]> {
  const request = new Api.messages.SendReaction({
    peer: inputPeerOf(peer, session.userId),
    msgId: messageId,
    reaction: emoji === '' ? [] : [new Api.ReactionEmoji({ emoticon: emoji })],
  });
  try {
    const answer = await book.call(session, request, { peer: peer.form });
    if (answer.className === 'Updates' || answer.className === 'UpdatesCombined')
      for (const update of answer.updates)
        if (update.className === 'UpdateMessageReactions' && update.msgId === messageId)
          return reactionsOf(update.reactions);
  } catch (error) {
    // It stands so already.
    if (!(error instanceof TelegramRefused && error.telegramError.type === 'MESSAGE_NOT_MODIFIED'))
      throw error;
  }
  const { messages } = await readMessages(book, session, peer, [messageId]);
  const [found] = messages;
  return found?.className === 'Message' && found.reactions ? reactionsOf(found.reactions) : [];
}
