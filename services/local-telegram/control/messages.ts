import type { LocalTelegramService } from '#gen/telegate/local_telegram/v1/local_telegram_service_pb.ts';
import { ChannelKind, type Peer } from '#gen/telegate/local_telegram/v1/world_pb.ts';
import { NotFound } from '#lib/rpc/errors.ts';
import type { Handlers } from '#lib/rpc/implement.ts';
import { pushChannelReaction } from '../methods/reactions.ts';
import { RpcError } from '../rpc-error.ts';
import type { Telegram } from '../telegram.ts';
import {
  deleteChannelMessages,
  editChannelMessage,
  publish,
  readChannel,
  unreadIn,
} from '../world/channels.ts';
import {
  contentOf,
  deletePrivate,
  editPrivate,
  pushPrivateReaction,
  react,
  readPrivate,
  rememberSent,
  sendPrivate,
} from '../world/private-chats.ts';
import { mayDelete, mayEdit, mayReact, mayWrite } from '../world/rules.ts';
import type { Account, Channel, ChannelMessage, PrivateMessage } from '../world/state.ts';
import { accountById, channelById, invalid, msOf, textWithin } from './fields.ts';
import { channelMessage, privateMessage, scheduledMessage, type MessageInit } from './message-messages.ts';
import { pageToken, readPage } from './paging.ts';

type Calls = Handlers<typeof LocalTelegramService>;

const LONGEST_TEXT = 4_096;
const MOST_POSTS = 10_000;
const MOST_DELETED = 1_000;

export function messageRoutes(
  telegram: Telegram,
): Pick<
  Calls,
  | 'createPosts'
  | 'sendMessage'
  | 'editMessage'
  | 'deleteMessages'
  | 'markRead'
  | 'setReaction'
  | 'listMessages'
> {
  const { world } = telegram;
  return {
    createPosts: async ({ channelId, posts }) => {
      const channel = channelById(telegram, channelId);
      if (channel.kind !== ChannelKind.BROADCAST) throw invalid('channel_id', 'must be a broadcast channel');
      if (posts.length === 0 || posts.length > MOST_POSTS)
        throw invalid('posts', `must be 1 to ${MOST_POSTS}`);
      const now = world.now();
      const wanted = posts.map(({ text, postTime }, index) => {
        textWithin(`posts[${index}].text`, text, LONGEST_TEXT, 1);
        const date = postTime ? msOf(postTime) : now;
        if (date > now) throw invalid(`posts[${index}].post_time`, 'is in the future');
        return contentOf(world, channel.creatorId, plainDraft(text, 0, 0n), date);
      });
      const made = wanted.map(
        (content) => publish(world, channel, { content, isPost: true, replyTo: 0, threadId: 0 }).message,
      );
      return { posts: made.map((one) => channelMessage(telegram, channel, one)) };
    },
    sendMessage: async (request) => {
      const from = accountById(telegram, request.accountId);
      const text = textWithin('text', request.text, LONGEST_TEXT, 1);
      const to = peerOf(telegram, request.to, 'to');
      const { randomId } = request;
      const before = randomId === 0n ? undefined : from.sent.get(randomId);
      if (before && !before.scheduled) return sentBefore(telegram, from, before.chat, before.id);
      if ('phone' in to) {
        const draft = plainDraft(text, request.replyToMessageId, randomId);
        const { mine, receiverId } = sendPrivate(world, from, to, draft);
        return { message: privateMessage(mine, from), receiverMessageId: receiverId };
      }
      return sendToChannel(telegram, from, to, request);
    },
    editMessage: async ({ accountId, peer, messageId, text }) => {
      textWithin('text', text, LONGEST_TEXT, 1);
      const found = messageOf(telegram, { accountId, peer, messageId });
      const change = { text, entities: undefined };
      if (found.channel) {
        allow('account_id', () => mayEdit(found.channel, found.account, found.message));
        editChannelMessage(world, found.channel, found.message, change);
      } else {
        if (!found.message.out) throw invalid('account_id', 'is not who wrote the message');
        editPrivate(world, found.account, found.message, change);
      }
      return { message: anyMessage(telegram, found) };
    },
    deleteMessages: async ({ accountId, peer, messageIds }) => {
      const account = accountById(telegram, accountId);
      if (messageIds.length > MOST_DELETED) throw invalid('message_ids', `must be at most ${MOST_DELETED}`);
      const chat = peerOf(telegram, peer, 'peer');
      if ('phone' in chat) {
        const ids = messageIds.filter((id) => account.messages.get(id)?.chat === chat.id);
        return { deletedCount: deletePrivate(world, account, ids, { revoke: true }).count };
      }
      for (const id of messageIds) {
        const message = chat.messages[id - 1];
        if (message && !message.deleted) allow('account_id', () => mayDelete(chat, account, message));
      }
      return { deletedCount: deleteChannelMessages(world, chat, messageIds)?.count ?? 0 };
    },
    markRead: async ({ accountId, peer, upToMessageId }) => {
      const account = accountById(telegram, accountId);
      const chat = peerOf(telegram, peer, 'peer');
      if ('phone' in chat) {
        readPrivate(world, account, chat.id, upToMessageId);
        return { unreadCount: account.dialogs.get(chat.id)?.unread ?? 0 };
      }
      readChannel(world, account, chat, upToMessageId);
      return { unreadCount: unreadIn(chat, account.id) };
    },
    setReaction: async ({ accountId, peer, messageId, emoji }) => {
      const found = messageOf(telegram, { accountId, peer, messageId });
      if (emoji !== '') allow('emoji', () => mayReact(found.channel, emoji));
      const { content } = found.message;
      if (react(world, content, found.account.id, emoji)) {
        if (found.channel) pushChannelReaction(world, found.channel, messageId, content);
        else pushPrivateReaction(world, found.account, found.message);
      }
      return { message: anyMessage(telegram, found) };
    },
    listMessages: async (request) => listMessages(telegram, request),
  };
}

function plainDraft(text: string, replyTo: number, randomId: bigint) {
  return { text, replyTo, randomId, entities: undefined, media: undefined };
}

/** What MTProto refuses is here a field that does not fit. */
function allow(field: string, rule: () => void): void {
  try {
    rule();
  } catch (error) {
    if (error instanceof RpcError) throw invalid(field, `is refused: ${error.text}`);
    throw error;
  }
}

function peerOf(telegram: Telegram, peer: Peer | undefined, field: string): Account | Channel {
  const named = peer?.peer;
  switch (named?.case) {
    case 'accountId':
      return accountById(telegram, named.value, `${field}.account_id`);
    case 'channelId':
      return channelById(telegram, named.value, `${field}.channel_id`);
    case 'username': {
      const { state } = telegram.world;
      const chat = state.usernames.get(named.value.replace(/^@/, '').toLowerCase()) ?? 0;
      const found = state.accounts.get(chat) ?? state.channels.get(-chat);
      if (!found) throw new NotFound('username', named.value.slice(0, 60));
      return found;
    }
    default:
      throw invalid(field, 'one of account_id, channel_id and username must be set');
  }
}

interface SendToChannel {
  text: string;
  replyToMessageId: number;
  commentOnPostId: number;
  randomId: bigint;
}

function sendToChannel(telegram: Telegram, from: Account, to: Channel, request: SendToChannel) {
  const { world } = telegram;
  const { commentOnPostId, randomId } = request;
  const post = commentOnPostId === 0 ? undefined : to.messages[commentOnPostId - 1];
  const group = commentOnPostId === 0 ? undefined : world.state.channels.get(to.linkedId);
  if (commentOnPostId !== 0 && (!post || post.deleted)) throw new NotFound('post', String(commentOnPostId));
  if (commentOnPostId !== 0 && (!group || post!.discussionId === 0))
    throw invalid('comment_on_post_id', 'the post has no discussion group');
  const channel = group ?? to;
  const replyTo = request.replyToMessageId || (post?.discussionId ?? 0);
  const answered = replyTo === 0 ? undefined : channel.messages[replyTo - 1];
  if (replyTo !== 0 && (!answered || answered.deleted)) throw new NotFound('message', String(replyTo));
  const threadId = answered ? answered.threadId || answered.id : 0;
  allow('to', () => mayWrite(world, channel, from, threadId));
  const content = contentOf(world, from.id, plainDraft(request.text, replyTo, randomId));
  const isPost = channel.kind === ChannelKind.BROADCAST;
  const { message } = publish(world, channel, { content, isPost, replyTo, threadId });
  if (randomId !== 0n) rememberSent(from, randomId, -channel.id, message.id);
  return { message: channelMessage(telegram, channel, message), receiverMessageId: message.id };
}

function sentBefore(telegram: Telegram, from: Account, chat: number, id: number) {
  if (chat > 0) {
    const message = from.messages.get(id)!;
    return { message: privateMessage(message, from), receiverMessageId: message.twinId || id };
  }
  const channel = telegram.world.state.channels.get(-chat)!;
  return { message: channelMessage(telegram, channel, channel.messages[id - 1]!), receiverMessageId: id };
}

type Found = { account: Account } & (
  | { channel: Channel; message: ChannelMessage }
  | { channel?: undefined; message: PrivateMessage }
);

function messageOf(
  telegram: Telegram,
  where: { accountId: string; peer: Peer | undefined; messageId: number },
): Found {
  const account = accountById(telegram, where.accountId);
  const chat = peerOf(telegram, where.peer, 'peer');
  const missing = new NotFound('message', String(where.messageId));
  if ('phone' in chat) {
    const message = account.messages.get(where.messageId);
    if (!message || message.deleted || message.chat !== chat.id) throw missing;
    return { account, message };
  }
  const message = chat.messages[where.messageId - 1];
  if (!message || message.deleted) throw missing;
  return { account, channel: chat, message };
}

function anyMessage(telegram: Telegram, found: Found): MessageInit {
  return found.channel
    ? channelMessage(telegram, found.channel, found.message)
    : privateMessage(found.message, found.account);
}

interface ListMessages {
  accountId: string;
  peer?: Peer;
  commentOnPostId: number;
  showDeleted: boolean;
  showScheduled: boolean;
  pageSize: number;
  pageToken: string;
}

function listMessages(telegram: Telegram, request: ListMessages) {
  const chat = peerOf(telegram, request.peer, 'peer');
  const list = `messages/${request.accountId}/${chat.id}/${request.commentOnPostId}`;
  const { after, size } = readPage(list, request);
  const all = (
    'phone' in chat ? privateList(telegram, chat, request) : channelList(telegram, chat, request)
  ).filter(({ deleted }) => request.showDeleted || !deleted);
  const shown = all.filter(({ messageId }) => after === 0 || messageId! < after).slice(0, size);
  const last = shown.at(-1);
  const isLast = !last || last === all.at(-1);
  const scheduled =
    after === 0 && request.showScheduled ? scheduledList(telegram, chat, request.accountId) : [];
  return {
    messages: [...scheduled, ...shown],
    nextPageToken: isLast ? '' : pageToken(list, last.messageId!),
  };
}

function privateList(telegram: Telegram, chat: Account, { accountId }: ListMessages): MessageInit[] {
  const owner = accountById(telegram, accountId);
  const ids = owner.dialogs.get(chat.id)?.ids ?? [];
  return ids.toReversed().map((id) => privateMessage(owner.messages.get(id)!, owner));
}

function channelList(telegram: Telegram, channel: Channel, { commentOnPostId }: ListMessages): MessageInit[] {
  if (commentOnPostId === 0)
    return channel.messages.toReversed().map((one) => channelMessage(telegram, channel, one));
  const post = channel.messages[commentOnPostId - 1];
  if (!post) throw new NotFound('post', String(commentOnPostId));
  const group = telegram.world.state.channels.get(channel.linkedId);
  if (!group || post.discussionId === 0) return [];
  const ids = group.threads.get(post.discussionId) ?? [];
  return ids.toReversed().map((id) => channelMessage(telegram, group, group.messages[id - 1]!));
}

function scheduledList(telegram: Telegram, chat: Account | Channel, accountId: string): MessageInit[] {
  const owners =
    accountId === '' ? [...telegram.world.state.accounts.values()] : [accountById(telegram, accountId)];
  const chatId = 'phone' in chat ? chat.id : -chat.id;
  return owners.flatMap((owner) =>
    [...owner.scheduled.values()].filter((one) => one.chat === chatId).map((one) => scheduledMessage(one)),
  );
}
