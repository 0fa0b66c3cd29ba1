import type { TlObject } from '../codec/object.ts';
import { RpcError } from '../rpc-error.ts';
import { channelMessageTl, Mentions, privateMessageTl } from '../world/render.ts';
import type { Channel, ChannelMessage, Media, PrivateMessage } from '../world/state.ts';
import { channelOf, seconds } from '../world/world.ts';
import { method, type Caller, type Method } from './method.ts';
import { channelOfInput, chatOf } from './peers.ts';
import { mentionAll } from './sending.ts';

const MOST_AT_ONCE = 100;

interface Page {
  offset_id: number;
  offset_date?: number;
  add_offset: number;
  limit: number;
  max_id: number;
  min_id: number;
}

interface Search extends Page {
  peer: TlObject;
  q: string;
  from_id?: TlObject;
  top_msg_id?: number;
  filter: TlObject;
  min_date: number;
  max_date: number;
}

type AnyMessage = PrivateMessage | ChannelMessage;

export const historyMethods: readonly Method[] = [
  method<Page & { peer: TlObject }>('messages.getHistory', {}, (query, caller) => {
    const chat = chatOf(query.peer, caller);
    if (chat.channel) return channelPage(caller, chat.channel, live(chat.channel.messages), query);
    return privatePage(caller, privateMessages(caller, chat.account.id), query);
  }),
  method<Search>('messages.search', {}, search),
  method<Page & { peer: TlObject; msg_id: number }>('messages.getReplies', {}, (query, caller) => {
    const { group, rootId } = threadOf(caller, query.peer, query.msg_id);
    const comments = (group.threads.get(rootId) ?? []).map((id) => group.messages[id - 1]!);
    return channelPage(caller, group, live(comments), query);
  }),
  method<{ id: TlObject[] }>('messages.getMessages', {}, ({ id }, caller) => {
    const { world, account } = caller;
    const found: PrivateMessage[] = [];
    const messages = id.map((one) => {
      const number = numberOf(one, (at) => account.messages.get(at)?.replyTo);
      const message = account.messages.get(number);
      if (!message) return { _: 'messageEmpty', id: number };
      found.push(message);
      return privateMessageTl(world, account, message);
    });
    const mentions = mentionAll(caller, found, new Mentions().add(account.id));
    return { _: 'messages.messages', messages, ...mentions.lists(world, account) };
  }),
  method<{ channel: TlObject; id: TlObject[] }>('channels.getMessages', {}, (query, caller) => {
    const channel = channelOfInput(query.channel, caller);
    const { world, account } = caller;
    const found: ChannelMessage[] = [];
    const messages = query.id.map((one) => {
      const number = numberOf(one, (at) => channel.messages[at - 1]?.replyTo);
      const message = channel.messages[number - 1];
      if (!message) return { _: 'messageEmpty', id: number };
      found.push(message);
      return channelMessageTl(world, account, channel, message);
    });
    const mentions = mentionAll(caller, found, new Mentions().add(-channel.id));
    return channelMessages(caller, channel, { messages, count: messages.length, mentions });
  }),
  method<{ peer: TlObject; msg_id: number }>('messages.getDiscussionMessage', {}, getDiscussionMessage),
];

function numberOf(input: TlObject, repliedBy: (id: number) => number | undefined): number {
  const id = input['id'] as number;
  if (input._ === 'inputMessageID') return id;
  if (input._ === 'inputMessageReplyTo') return repliedBy(id) ?? 0;
  throw new RpcError('MESSAGE_IDS_EMPTY');
}

function live<T extends { deleted: boolean }>(messages: readonly T[]): T[] {
  return messages.filter(({ deleted }) => !deleted);
}

function privateMessages({ account }: Caller, chat: number): PrivateMessage[] {
  return live((account.dialogs.get(chat)?.ids ?? []).map((id) => account.messages.get(id)!));
}

/** Messages in rising order to one page, newest first, as Telegram's offsets cut it. */
function cut<T extends AnyMessage>(rising: readonly T[], page: Page): T[] {
  const falling = rising.toReversed();
  let from = 0;
  if (page.offset_id > 0) from = falling.findIndex(({ id }) => id < page.offset_id);
  else if (page.offset_date)
    from = falling.findIndex(({ content }) => seconds(content.date) < page.offset_date!);
  if (from === -1) from = falling.length;
  const limit = Math.min(page.limit < 0 ? 0 : page.limit === 0 ? MOST_AT_ONCE : page.limit, MOST_AT_ONCE);
  const start = from + page.add_offset;
  return falling
    .slice(Math.max(0, start), Math.max(0, start + limit))
    .filter(({ id }) => (page.max_id === 0 || id < page.max_id) && id > page.min_id);
}

function privatePage(caller: Caller, rising: readonly PrivateMessage[], page: Page): TlObject {
  const { world, account } = caller;
  const shown = cut(rising, page);
  const mentions = mentionAll(caller, shown, new Mentions().add(account.id));
  const body = {
    messages: shown.map((message) => privateMessageTl(world, account, message)),
    ...mentions.lists(world, account),
  };
  return shown.length === rising.length
    ? { _: 'messages.messages', ...body }
    : { _: 'messages.messagesSlice', count: rising.length, ...body };
}

function channelPage(
  caller: Caller,
  channel: Channel,
  rising: readonly ChannelMessage[],
  page: Page,
): TlObject {
  const { world, account } = caller;
  const shown = cut(rising, page);
  return channelMessages(caller, channel, {
    messages: shown.map((message) => channelMessageTl(world, account, channel, message)),
    count: rising.length,
    mentions: mentionAll(caller, shown, new Mentions().add(-channel.id, -channel.linkedId)),
  });
}

function channelMessages(
  { world, account }: Caller,
  channel: Channel,
  of: { messages: TlObject[]; count: number; mentions: Mentions },
): TlObject {
  return {
    _: 'messages.channelMessages',
    pts: channel.box.pts,
    count: of.count,
    messages: of.messages,
    topics: [],
    ...of.mentions.lists(world, account),
  };
}

function search(query: Search, caller: Caller): TlObject {
  const chat = chatOf(query.peer, caller);
  const wanted = matcher(query, caller);
  if (chat.account)
    return privatePage(caller, privateMessages(caller, chat.account.id).filter(wanted), query);
  const inThread = query.top_msg_id
    ? (chat.channel.threads.get(query.top_msg_id) ?? []).map((id) => chat.channel.messages[id - 1]!)
    : chat.channel.messages;
  return channelPage(caller, chat.channel, live(inThread).filter(wanted), query);
}

const MEDIA_FILTERS: Readonly<Record<string, (media: Media | undefined) => boolean>> = {
  inputMessagesFilterEmpty: () => true,
  inputMessagesFilterPhotos: (media) => media?.kind === 'photo',
  inputMessagesFilterPhotoVideo: (media) => media?.kind === 'photo',
  inputMessagesFilterDocument: (media) => media?.kind === 'document',
};

function matcher(query: Search, caller: Caller): (message: AnyMessage) => boolean {
  const words = query.q.toLowerCase();
  const sender = query.from_id && chatOf(query.from_id, caller);
  const ofKind = MEDIA_FILTERS[query.filter._] ?? (() => false);
  return ({ content }) =>
    content.text.toLowerCase().includes(words) &&
    ofKind(content.media) &&
    (!sender || content.senderId === sender.account?.id) &&
    (query.min_date === 0 || seconds(content.date) > query.min_date) &&
    (query.max_date === 0 || seconds(content.date) < query.max_date);
}

/** The group and the message there that the comments of a post, or the answers to a message, hang on. */
export function threadOf(
  caller: Caller,
  peer: TlObject,
  messageId: number,
): { group: Channel; rootId: number } {
  const { channel } = chatOf(peer, caller);
  const message = channel?.messages[messageId - 1];
  if (!channel || !message || message.deleted) throw new RpcError('MSG_ID_INVALID');
  if (!message.isPost) return { group: channel, rootId: message.threadId || message.id };
  if (message.discussionId === 0 || channel.linkedId === 0) throw new RpcError('MSG_ID_INVALID');
  return { group: channelOf(caller.world, channel.linkedId), rootId: message.discussionId };
}

function getDiscussionMessage(
  { peer, msg_id }: { peer: TlObject; msg_id: number },
  caller: Caller,
): TlObject {
  const { world, account } = caller;
  const { group, rootId } = threadOf(caller, peer, msg_id);
  const root = group.messages[rootId - 1]!;
  const comments = live((group.threads.get(rootId) ?? []).map((id) => group.messages[id - 1]!));
  const readUpTo = group.members.get(account.id)?.readInboxMaxId ?? 0;
  const mentions = mentionAll(caller, [root], new Mentions().add(-group.id, -group.linkedId));
  return {
    _: 'messages.discussionMessage',
    messages: [channelMessageTl(world, account, group, root)],
    max_id: comments.at(-1)?.id,
    read_inbox_max_id: readUpTo === 0 ? undefined : readUpTo,
    unread_count: comments.filter(({ id }) => id > readUpTo).length,
    ...mentions.lists(world, account),
  };
}
