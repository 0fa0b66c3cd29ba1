import type { Actor, Message } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import type { CallContext } from '#lib/rpc/implement.ts';
import { Api } from '#lib/telegram/client.ts';
import type { LiveSession } from '../connections/live-session.ts';
import { formOf } from '../messages.ts';
import { inputPeerOf, type PeerBook } from '../peers/book.ts';
import type { KnownPeer } from '../peers/store.ts';
import type { Target } from '../peers/target.ts';
import { withPeer } from '../peers/with-peer.ts';
import type { RequestKey } from '../sending/requests.ts';
import { sendTo, sessionKey } from '../sending/send.ts';
import type { Sending } from '../sending/sending.ts';
import type { FormattedText } from '../text/formatted.ts';
import { checkChannel, CommentsClosed } from './errors.ts';
import { atPost } from './guarded.ts';

export interface CommentWish {
  readonly target: Target;
  readonly postId: number;
  readonly text: FormattedText;
}

/** Comments on a post, once, or gives the result that the same request had before. */
export function sendComment(
  sending: Sending,
  ctx: CallContext,
  actor: Actor | undefined,
  key: RequestKey,
  { target, postId, text }: CommentWish,
): Promise<Message> {
  const { connections, sends, book } = sending;
  return connections.use(actor, ctx, (session) =>
    sends.once(sessionKey(key, session), (attempt) =>
      withPeer(book, session, target, async (channel) => {
        checkChannel(channel);
        const { group, rootId } = await discussionOf(book, session, channel, postId);
        const place = {
          channel: channel.form,
          postId,
          kind: 'comment',
          actor: `send ${attempt.randomId}`,
        } as const;
        return atPost(sending, session, place, attempt.isRepeat, () =>
          sendTo(
            sending,
            session,
            {
              peer: group,
              input: inputPeerOf(group, session.userId),
              attempt,
              media: undefined,
              topId: undefined,
            },
            { text, replyTo: rootId, silent: false, scheduleDate: undefined, waitForFlood: false },
          ),
        );
      }),
    ),
  );
}

/** The post's copy in the discussion group, which comments answer. */
async function discussionOf(
  book: PeerBook,
  session: LiveSession,
  channel: KnownPeer,
  postId: number,
): Promise<{ group: KnownPeer; rootId: number }> {
  const answer = await book.call(
    session,
    new Api.messages.GetDiscussionMessage({ peer: inputPeerOf(channel, session.userId), msgId: postId }),
    { peer: channel.form },
  );
  const root = answer.messages.findLast(({ className }) => className === 'Message') as
    | Api.Message
    | undefined;
  const form = root && formOf(root.peerId);
  if (!root || form === undefined || form === channel.form) throw new CommentsClosed(channel.form, postId);
  return { group: await book.resolve(session, { kind: 'form', form }), rootId: root.id };
}
