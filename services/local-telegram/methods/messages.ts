import type { TlObject } from '../codec/object.ts';
import { RpcError } from '../rpc-error.ts';
import { sendScheduled } from '../scheduled.ts';
import { deleteChannelMessages, editChannelMessage, readChannel } from '../world/channels.ts';
import { deletePrivate, editPrivate, readPrivate } from '../world/private-chats.ts';
import { Mentions, peerTl, repliesTl } from '../world/render.ts';
import { mayDelete, mayEdit } from '../world/rules.ts';
import type { BoxEvent } from '../world/state.ts';
import { accountUpdateTl, channelUpdateTl, updatesTl } from '../world/updates.ts';
import { threadOf } from './history.ts';
import { method, type Caller, type Method } from './method.ts';
import { channelOfInput, chatOf } from './peers.ts';
import { scheduledTl } from './sending.ts';

const LONGEST_TEXT = 4_096;

interface Edit {
  peer: TlObject;
  id: number;
  message?: string;
  entities?: TlObject[];
}

export const messageMethods: readonly Method[] = [
  method<Edit>('messages.editMessage', { writes: true }, edit),
  method<{ id: number[]; revoke: boolean }>(
    'messages.deleteMessages',
    { writes: true },
    ({ id, revoke }, caller) => {
      const { world, account, session } = caller;
      const { event } = deletePrivate(world, account, id, { revoke, origin: session });
      caller.call.effect = event !== undefined;
      return affected(caller, event);
    },
  ),
  method<{ channel: TlObject; id: number[] }>(
    'channels.deleteMessages',
    { writes: true },
    (query, caller) => {
      const channel = channelOfInput(query.channel, caller);
      for (const id of query.id) {
        const message = channel.messages[id - 1];
        if (message) mayDelete(channel, caller.account, message);
      }
      const event = deleteChannelMessages(caller.world, channel, query.id, caller.session);
      caller.call.effect = event !== undefined;
      return { _: 'messages.affectedMessages', pts: channel.box.pts, pts_count: event?.count ?? 0 };
    },
  ),
  method<{ peer: TlObject; max_id: number }>(
    'messages.readHistory',
    { writes: true },
    ({ peer, max_id }, caller) => {
      const chat = chatOf(peer, caller);
      if (chat.channel) throw new RpcError('PEER_ID_INVALID');
      const event = readPrivate(caller.world, caller.account, chat.account.id, max_id, caller.session);
      caller.call.effect = event !== undefined;
      return affected(caller, event);
    },
  ),
  method<{ channel: TlObject; max_id: number }>('channels.readHistory', { writes: true }, (query, caller) => {
    const channel = channelOfInput(query.channel, caller);
    caller.call.effect = readChannel(caller.world, caller.account, channel, query.max_id, caller.session);
    return caller.call.effect;
  }),
  method<{ peer: TlObject; msg_id: number; read_max_id: number }>(
    'messages.readDiscussion',
    { writes: true },
    ({ peer, msg_id, read_max_id }, caller) => {
      const { group } = threadOf(caller, peer, msg_id);
      caller.call.effect = readChannel(caller.world, caller.account, group, read_max_id, caller.session);
      return true;
    },
  ),
  method<{ peer: TlObject; id: number[]; increment: boolean }>('messages.getMessagesViews', {}, getViews),
  method<{ peer: TlObject }>('messages.getScheduledHistory', {}, ({ peer }, caller) =>
    scheduledList(caller, peer),
  ),
  method<{ peer: TlObject; id: number[] }>('messages.getScheduledMessages', {}, ({ peer, id }, caller) =>
    scheduledList(caller, peer, id),
  ),
  method<{ peer: TlObject; id: number[] }>(
    'messages.sendScheduledMessages',
    { writes: true },
    (query, caller) => {
      for (const message of scheduledIn(caller, query.peer, query.id)) {
        sendScheduled(caller.telegram, caller.account, message);
        caller.telegram.log.counters.messagesSent += 1;
        caller.call.effect = true;
      }
      return scheduledGone(caller, query);
    },
  ),
  method<{ peer: TlObject; id: number[] }>(
    'messages.deleteScheduledMessages',
    { writes: true },
    (query, caller) => {
      for (const message of scheduledIn(caller, query.peer, query.id)) {
        caller.account.scheduled.delete(message.id);
        caller.call.effect = true;
      }
      return scheduledGone(caller, query);
    },
  ),
  method('messages.getPeerSettings', {}, () => ({
    _: 'messages.peerSettings',
    settings: { _: 'peerSettings' },
    chats: [],
    users: [],
  })),
];

function affected({ account }: Caller, event: BoxEvent | undefined): TlObject {
  return {
    _: 'messages.affectedMessages',
    pts: event?.pts ?? account.box.pts,
    pts_count: event?.count ?? 0,
  };
}

function edit(query: Edit, caller: Caller): TlObject {
  const { world, account, session, call } = caller;
  const text = query.message ?? '';
  if (text.trim() === '') throw new RpcError('MESSAGE_EMPTY');
  if (text.length > LONGEST_TEXT) throw new RpcError('MESSAGE_TOO_LONG');
  const change = { text, entities: query.entities };
  const chat = chatOf(query.peer, caller);
  const mentions = new Mentions().add(account.id);
  let update: TlObject | undefined;
  if (chat.account) {
    const message = account.messages.get(query.id);
    if (!message || message.deleted || message.chat !== chat.account.id)
      throw new RpcError('MESSAGE_ID_INVALID');
    if (!message.out) throw new RpcError('MESSAGE_AUTHOR_REQUIRED');
    if (message.content.text === text) throw new RpcError('MESSAGE_NOT_MODIFIED');
    const event = editPrivate(world, account, message, change, session);
    update = accountUpdateTl(world, account, event, mentions);
  } else {
    const message = chat.channel.messages[query.id - 1];
    if (!message || message.deleted) throw new RpcError('MESSAGE_ID_INVALID');
    mayEdit(chat.channel, account, message);
    if (message.content.text === text) throw new RpcError('MESSAGE_NOT_MODIFIED');
    const event = editChannelMessage(world, chat.channel, message, change, session);
    update = channelUpdateTl(world, account, chat.channel, event, mentions);
  }
  call.effect = true;
  return updatesTl(world, account, update ? [update] : [], mentions);
}

/** With `increment` it raises the counter that everybody sees, which the mesh must never ask for: so it is counted. */
function getViews(query: { peer: TlObject; id: number[]; increment: boolean }, caller: Caller): TlObject {
  const { world, account, telegram, call } = caller;
  const { channel } = chatOf(query.peer, caller);
  const views = query.id.map((id) => {
    const message = channel?.messages[id - 1];
    if (!channel || !message || message.deleted) return { _: 'messageViews' };
    if (query.increment && message.isPost) {
      message.views += 1;
      telegram.log.counters.viewIncrements += 1;
      call.effect = true;
    }
    const isPost = message.isPost;
    return {
      _: 'messageViews',
      views: isPost ? message.views : undefined,
      forwards: isPost ? 0 : undefined,
      replies: repliesTl(world, channel, message),
    };
  });
  const mentions = channel ? new Mentions().add(-channel.id, -channel.linkedId) : new Mentions();
  return { _: 'messages.messageViews', views, ...mentions.lists(world, account) };
}

function scheduledIn(caller: Caller, peer: TlObject, ids?: readonly number[]) {
  const chat = chatOf(peer, caller);
  const chatId = chat.account ? chat.account.id : -chat.channel.id;
  return [...caller.account.scheduled.values()].filter(
    (one) => one.chat === chatId && (!ids || ids.includes(one.id)),
  );
}

function scheduledList(caller: Caller, peer: TlObject, ids?: readonly number[]): TlObject {
  const { world, account } = caller;
  const found = scheduledIn(caller, peer, ids).toSorted((a, b) => b.dueTime - a.dueTime);
  const mentions = new Mentions().add(account.id, ...found.map(({ chat }) => chat));
  return {
    _: 'messages.messages',
    messages: found.map((one) => scheduledTl(caller, account, one)),
    ...mentions.lists(world, account),
  };
}

function scheduledGone(caller: Caller, { peer, id }: { peer: TlObject; id: number[] }): TlObject {
  const { world, account } = caller;
  const chat = chatOf(peer, caller);
  const peerId = chat.account ? chat.account.id : -chat.channel.id;
  const update = { _: 'updateDeleteScheduledMessages', peer: peerTl(peerId), messages: id };
  return updatesTl(world, account, [update], new Mentions().add(peerId));
}
