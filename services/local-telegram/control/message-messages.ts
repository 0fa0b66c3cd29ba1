import type { MessageInitShape } from '@bufbuild/protobuf';
import type { MessageSchema } from '#gen/telegate/local_telegram/v1/world_pb.ts';
import type { Telegram } from '../telegram.ts';
import { liveComments } from '../world/render.ts';
import type {
  Account,
  Channel,
  ChannelMessage,
  Content,
  PrivateMessage,
  ScheduledMessage,
} from '../world/state.ts';
import { stamp, stampOf } from './fields.ts';

export type MessageInit = MessageInitShape<typeof MessageSchema>;

function peerInit(chat: number): MessageInit['peer'] {
  return {
    peer: chat > 0 ? { case: 'accountId', value: String(chat) } : { case: 'channelId', value: String(-chat) },
  };
}

function contentFields(content: Content) {
  const byEmoji = new Map<string, string[]>();
  for (const { emoji, accountId } of content.reactions) {
    const who = byEmoji.get(emoji);
    if (who) who.push(String(accountId));
    else byEmoji.set(emoji, [String(accountId)]);
  }
  return {
    text: content.text,
    sendTime: stamp(content.date),
    editTime: stampOf(content.editDate),
    randomId: content.randomId,
    reactions: [...byEmoji]
      .toSorted(([, a], [, b]) => b.length - a.length)
      .map(([emoji, accountIds]) => ({ emoji, accountIds })),
    mediaKind: content.media?.kind ?? '',
    mediaSize: BigInt(content.media?.size ?? 0),
  };
}

export function privateMessage(message: PrivateMessage, owner: Account): MessageInit {
  return {
    peer: peerInit(message.chat),
    messageId: message.id,
    senderAccountId: String(message.out ? owner.id : message.chat),
    replyToMessageId: message.replyTo,
    deleted: message.deleted,
    ...contentFields(message.content),
  };
}

export function channelMessage({ world }: Telegram, channel: Channel, message: ChannelMessage): MessageInit {
  const root = message.threadId === 0 ? undefined : channel.messages[message.threadId - 1];
  const group = message.discussionId === 0 ? undefined : world.state.channels.get(channel.linkedId);
  return {
    peer: peerInit(-channel.id),
    messageId: message.id,
    senderAccountId: message.isPost || message.copyOf ? '' : String(message.content.senderId),
    replyToMessageId: message.replyTo,
    commentOnPostId: root?.copyOf?.postId ?? 0,
    viewCount: message.views,
    commentCount: group ? liveComments(group, message.discussionId).length : 0,
    deleted: message.deleted,
    ...contentFields(message.content),
  };
}

export function scheduledMessage(message: ScheduledMessage): MessageInit {
  return {
    peer: peerInit(message.chat),
    messageId: message.id,
    senderAccountId: String(message.content.senderId),
    ...contentFields(message.content),
    scheduleTime: stamp(message.dueTime),
  };
}
