import { status } from '@grpc/grpc-js';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { DomainError, InvalidFields } from '#lib/rpc/errors.ts';
import { inputChannelOf } from '../peers/book.ts';
import type { KnownPeer } from '../peers/store.ts';

/** The post has no discussion. */
export class CommentsClosed extends DomainError {
  override readonly code = status.FAILED_PRECONDITION;
  override readonly reason = ErrorReason.TELEGRAM_REFUSED;

  constructor(channel: string, postId: number) {
    super('The post takes no comments: its channel has no discussion group, or closed this one.', {
      channel,
      post_id: String(postId),
    });
  }
}

export function checkChannel(peer: KnownPeer): void {
  if (inputChannelOf(peer)) return;
  throw new InvalidFields([{ field: 'channel', description: 'is no channel; name a channel' }]);
}
