import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Message } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import type { PostConditions } from '../model.ts';

/** A post as conditions look at it. */
export interface Post {
  readonly postId: bigint;
  readonly text: string;
  readonly hasMedia: boolean;
  readonly sendMs: number;
  /** All that its sender is called, in small letters; none for a post signed by its channel alone. */
  readonly authors: readonly string[];
}

/** That somebody joined, or pinned something, is no post. */
const SERVICE = 'service';

export function postsOf(messages: readonly Message[]): Post[] {
  return messages
    .filter(({ mediaKind }) => mediaKind !== SERVICE)
    .map(({ messageId, text, mediaKind, sendTime, sender }) => ({
      postId: messageId,
      text,
      hasMedia: mediaKind !== '',
      sendMs: sendTime ? timestampMs(sendTime) : 0,
      authors: sender ? [sender.peer, sender.username, sender.title].map(folded).filter(Boolean) : [],
    }));
}

/** Whether the post is one of those that are meant; how old it must be is for its time, not here. */
export function fulfils(conditions: PostConditions, post: Post, nowMs: number): boolean {
  const { contains, excludes, media, maxAgeMs, author } = conditions;
  const text = folded(post.text);
  if (contains.length > 0 && !contains.some((part) => text.includes(folded(part)))) return false;
  if (excludes.some((part) => text.includes(folded(part)))) return false;
  if (media !== 'any' && post.hasMedia !== (media === 'some')) return false;
  if (maxAgeMs > 0 && nowMs - post.sendMs > maxAgeMs) return false;
  return author === '' || post.authors.includes(folded(author.replace(/^@/, '')));
}

function folded(text: string): string {
  return text.normalize('NFC').toLowerCase();
}
