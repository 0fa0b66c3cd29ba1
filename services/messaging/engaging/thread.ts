import type { Api } from '#lib/telegram/client.ts';
import { PeerKind } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import type { LiveSession } from '../connections/live-session.ts';
import { formOf, type PeerForm } from '../messages.ts';
import type { PeerBook } from '../peers/book.ts';
import type { KnownPeer } from '../peers/store.ts';
import { readMessages } from '../reading/by-id.ts';

export interface Post {
  readonly channel: PeerForm;
  readonly postId: number;
}

/**
 * The post that an answer to this message is a comment on: Telegram copies each post of a channel into its discussion
 * group, and what answers the copy, or an answer to it, is a comment. Undefined elsewhere.
 */
export async function postAnswered(
  book: PeerBook,
  session: LiveSession,
  peer: KnownPeer,
  messageId: number,
): Promise<Post | undefined> {
  if (messageId === 0 || !peer.form.startsWith('channel:') || peer.kind !== PeerKind.CHAT) return undefined;
  const answered = await one(book, session, peer, messageId);
  const copied = answered && postCopied(answered);
  if (copied) return copied;
  const { replyTo } = answered ?? {};
  if (replyTo?.className !== 'MessageReplyHeader') return undefined;
  const topId = replyTo.replyToTopId ?? replyTo.replyToMsgId;
  const top = topId === undefined ? undefined : await one(book, session, peer, topId);
  return top && postCopied(top);
}

async function one(
  book: PeerBook,
  session: LiveSession,
  peer: KnownPeer,
  id: number,
): Promise<Api.Message | undefined> {
  const { messages } = await readMessages(book, session, peer, [id]);
  return messages.find((message): message is Api.Message => message.className === 'Message');
}

function postCopied({ fwdFrom }: Api.Message): Post | undefined {
  const from = fwdFrom?.savedFromPeer;
  const postId = fwdFrom?.channelPost ?? fwdFrom?.savedFromMsgId;
  if (from?.className !== 'PeerChannel' || postId === undefined) return undefined;
  return { channel: formOf(from), postId };
}
