import { ChannelKind } from '#gen/telegate/local_telegram/v1/world_pb.ts';
import type { TlObject } from '../codec/object.ts';
import { RpcError } from '../rpc-error.ts';
import { schedule } from '../scheduled.ts';
import { publish } from '../world/channels.ts';
import { contentOf, rememberSent, sendPrivate, type Draft } from '../world/private-chats.ts';
import { channelMessageTl, mediaTl, Mentions, peerTl, privateMessageTl } from '../world/render.ts';
import { mayReachOut, mayWrite } from '../world/rules.ts';
import type { Account, Channel, ChannelMessage, PrivateMessage, ScheduledMessage } from '../world/state.ts';
import { channelUpdateTl, mentionChannelMessage, updatesTl } from '../world/updates.ts';
import { accountOf, channelOf, seconds } from '../world/world.ts';
import { method, type Caller, type Method } from './method.ts';
import { chatOf } from './peers.ts';
import { takeMedia } from './upload.ts';

const LONGEST_TEXT = 4_096;
const LONGEST_CAPTION = 1_024;
/** A message due sooner than this is sent at once, as Telegram does. */
const SOON_S = 10;
const FURTHEST_S = 365 * 86_400;

interface Send {
  peer: TlObject;
  reply_to?: TlObject;
  message: string;
  random_id: bigint;
  entities?: TlObject[];
  schedule_date?: number;
  media?: TlObject;
}

export const sendingMethods: readonly Method[] = [
  method<Send>('messages.sendMessage', { writes: true }, send),
  method<Send>('messages.sendMedia', { writes: true }, send),
  method<{ peer: TlObject }>('messages.setTyping', { writes: true }, () => true),
];

function send(query: Send, caller: Caller): TlObject {
  const { account, telegram, call } = caller;
  const limit = query.media ? LONGEST_CAPTION : LONGEST_TEXT;
  if (query.message.trim() === '' && !query.media) throw new RpcError('MESSAGE_EMPTY');
  if (query.message.length > limit)
    throw new RpcError(query.media ? 'MEDIA_CAPTION_TOO_LONG' : 'MESSAGE_TOO_LONG');
  if (query.random_id === 0n) throw new RpcError('RANDOM_ID_EMPTY');
  const chat = chatOf(query.peer, caller);
  const chatId = chat.account ? chat.account.id : -chat.channel.id;
  const before = account.sent.get(query.random_id);
  if (before) {
    if (before.chat !== chatId) throw new RpcError('RANDOM_ID_DUPLICATE', 500);
    call.deduplicated = true;
    telegram.log.counters.sendsDeduplicated += 1;
    return before.scheduled
      ? scheduledAnswer(caller, account.scheduled.get(before.id), query.random_id)
      : sentBefore(caller, chatId, before.id, query.random_id);
  }
  const replyTo = (query.reply_to?.['reply_to_msg_id'] as number | undefined) ?? 0;
  const thread = chat.channel
    ? threadOf(chat.channel, replyTo, query.reply_to?.['top_msg_id'] as number | undefined)
    : 0;
  if (chat.channel) mayWrite(caller.world, chat.channel, account, thread);
  else mayReachOut(account, chat.account === account || account.dialogs.has(chat.account.id));
  const media = query.media && takeMedia(query.media, caller);
  const { message: text, entities, random_id: randomId } = query;
  const draft: Draft = { text, entities, media, randomId, replyTo };
  call.effect = true;
  if (query.schedule_date !== undefined && query.schedule_date > caller.now() + SOON_S)
    return sendLater(caller, chatId, draft, query.schedule_date);
  telegram.log.counters.messagesSent += 1;
  if (chat.account) {
    const { mine, event } = sendPrivate(caller.world, account, chat.account, draft, caller.session);
    return shortSent(caller, mine, event.pts);
  }
  return sendToChannel(caller, chat.channel, draft, thread);
}

/** The message that an answer's thread hangs on; 0 outside threads. */
export function threadOf(channel: Channel, replyTo: number, topId?: number): number {
  if (replyTo === 0) return 0;
  const answered = channel.messages[replyTo - 1];
  if (!answered || answered.deleted) throw new RpcError('REPLY_MESSAGE_ID_INVALID');
  if (answered.threadId !== 0) return answered.threadId;
  return topId ?? replyTo;
}

function sendToChannel(caller: Caller, channel: Channel, draft: Draft, threadId: number): TlObject {
  const { world, account } = caller;
  const isPost = channel.kind === ChannelKind.BROADCAST;
  const wanted = { content: contentOf(world, account.id, draft), isPost, replyTo: draft.replyTo, threadId };
  const { message, event } = publish(world, channel, wanted, caller.session);
  if (draft.randomId !== 0n) rememberSent(account, draft.randomId, -channel.id, message.id);
  const mentions = new Mentions().add(account.id);
  const update = channelUpdateTl(world, account, channel, event, mentions)!;
  return updatesTl(
    world,
    account,
    [{ _: 'updateMessageID', id: message.id, random_id: draft.randomId }, update],
    mentions,
  );
}

function shortSent({ world, account }: Caller, message: PrivateMessage, pts: number): TlObject {
  const { content } = message;
  return {
    _: 'updateShortSentMessage',
    out: true,
    id: message.id,
    pts,
    pts_count: 1,
    date: seconds(content.date),
    media: content.media ? mediaTl(world, account, content.media, content.date) : undefined,
    entities: content.entities,
  };
}

function sentBefore(caller: Caller, chat: number, id: number, randomId: bigint): TlObject {
  const { world, account } = caller;
  const idUpdate = { _: 'updateMessageID', id, random_id: randomId };
  const mentions = new Mentions().add(account.id, chat);
  if (chat > 0) {
    const message = account.messages.get(id)!;
    // Its own counter is not known any more, and the client has passed it: a count of zero moves nothing.
    const update = { message: privateMessageTl(world, account, message), pts: account.box.pts, pts_count: 0 };
    return updatesTl(world, account, [idUpdate, { _: 'updateNewMessage', ...update }], mentions);
  }
  const channel = channelOf(world, -chat);
  const message = channel.messages[id - 1]!;
  const update = {
    message: channelMessageTl(world, account, channel, message),
    pts: channel.box.pts,
    pts_count: 0,
  };
  return updatesTl(world, account, [idUpdate, { _: 'updateNewChannelMessage', ...update }], mentions);
}

function sendLater(caller: Caller, chat: number, draft: Draft, dueSeconds: number): TlObject {
  const { world, account, telegram } = caller;
  if (dueSeconds > caller.now() + FURTHEST_S) throw new RpcError('SCHEDULE_DATE_TOO_LATE');
  const message: ScheduledMessage = {
    id: ++account.lastScheduledId,
    chat,
    dueTime: 1_000 * dueSeconds,
    replyTo: draft.replyTo,
    content: contentOf(world, account.id, draft),
  };
  account.scheduled.set(message.id, message);
  account.sent.set(draft.randomId, { chat, id: message.id, scheduled: true });
  schedule(telegram, account, message);
  return scheduledAnswer(caller, message, draft.randomId);
}

function scheduledAnswer(caller: Caller, message: ScheduledMessage | undefined, randomId: bigint): TlObject {
  const { world, account } = caller;
  const mentions = new Mentions().add(account.id);
  if (!message) return updatesTl(world, account, [], mentions);
  mentions.add(message.chat);
  return updatesTl(
    world,
    account,
    [
      { _: 'updateMessageID', id: message.id, random_id: randomId },
      { _: 'updateNewScheduledMessage', message: scheduledTl(caller, account, message) },
    ],
    mentions,
  );
}

export function scheduledTl({ world }: Caller, account: Account, message: ScheduledMessage): TlObject {
  const { content, chat } = message;
  const media = content.media && mediaTl(world, account, content.media, content.date);
  return {
    _: 'message',
    out: true,
    from_scheduled: true,
    id: message.id,
    from_id: peerTl(account.id),
    peer_id: peerTl(chat),
    date: seconds(message.dueTime),
    message: content.text,
    media,
    entities: content.entities,
  };
}

export function mentionAll(
  caller: Caller,
  messages: readonly (PrivateMessage | ChannelMessage)[],
  mentions: Mentions,
): Mentions {
  for (const message of messages) {
    if ('isPost' in message) mentionChannelMessage(caller.world, message, mentions);
    else mentions.add(accountOf(caller.world, message.chat).id);
  }
  return mentions;
}
