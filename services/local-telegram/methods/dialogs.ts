import type { TlObject } from '../codec/object.ts';
import { unreadIn } from '../world/channels.ts';
import { channelMessageTl, Mentions, peerTl, privateMessageTl } from '../world/render.ts';
import type { Account, Channel, Dialog } from '../world/state.ts';
import { mentionChannelMessage } from '../world/updates.ts';
import { channelOf, seconds, type World } from '../world/world.ts';
import { method, type Caller, type Method } from './method.ts';
import { chatOf } from './peers.ts';
import { stateTl } from './state.ts';

const MOST_AT_ONCE = 100;

interface GetDialogs {
  offset_date: number;
  offset_id: number;
  offset_peer: TlObject;
  limit: number;
  folder_id?: number;
}

interface Entry {
  chat: number;
  topId: number;
  date: number;
}

export const dialogMethods: readonly Method[] = [
  method<GetDialogs>('messages.getDialogs', {}, getDialogs),
  method<{ peers: TlObject[] }>('messages.getPeerDialogs', {}, ({ peers }, caller) => {
    const { world, account } = caller;
    const chats = peers.flatMap((one) => {
      if (one._ !== 'inputDialogPeer') return [];
      const found = chatOf(one['peer'] as TlObject, caller);
      return [found.account ? found.account.id : -found.channel.id];
    });
    return {
      _: 'messages.peerDialogs',
      ...render(caller, chats),
      state: stateTl(world, account, caller.now()),
    };
  }),
  method('messages.getPinnedDialogs', {}, (_: object, caller) => ({
    _: 'messages.peerDialogs',
    ...render(caller, []),
    state: stateTl(caller.world, caller.account, caller.now()),
  })),
];

function getDialogs(query: GetDialogs, caller: Caller): TlObject {
  const all = query.folder_id === 1 ? [] : entries(caller);
  // A page begins behind the message that the last one ended with.
  const behind =
    query.offset_date === 0
      ? all
      : all.filter(
          ({ date, topId, chat }) =>
            seconds(date) < query.offset_date ||
            (seconds(date) === query.offset_date &&
              (topId < query.offset_id ||
                (topId === query.offset_id && chat !== offsetChat(query.offset_peer)))),
        );
  const limit = Math.min(query.limit <= 0 ? MOST_AT_ONCE : query.limit, MOST_AT_ONCE);
  const shown = behind.slice(0, limit);
  const rendered = render(
    caller,
    shown.map(({ chat }) => chat),
  );
  if (shown.length === all.length) return { _: 'messages.dialogs', ...rendered };
  return { _: 'messages.dialogsSlice', count: all.length, ...rendered };
}

function offsetChat(peer: TlObject): number {
  if (peer._ === 'inputPeerUser') return Number(peer['user_id']);
  return peer._ === 'inputPeerChannel' ? -Number(peer['channel_id']) : 0;
}

function entries({ world, account }: Caller): Entry[] {
  const all: Entry[] = [];
  for (const dialog of account.dialogs.values()) {
    const top = topOf(account, dialog);
    if (top) all.push({ chat: dialog.chat, topId: top.id, date: top.content.date });
  }
  for (const id of account.channels) {
    const channel = channelOf(world, id);
    const top = channel.messages.findLast(({ deleted }) => !deleted);
    all.push({ chat: -id, topId: top?.id ?? 0, date: top?.content.date ?? channel.createTime });
  }
  return all.toSorted((a, b) => b.date - a.date || b.topId - a.topId);
}

function topOf(account: Account, dialog: Dialog): ReturnType<Account['messages']['get']> {
  const id = dialog.ids.findLast((one) => !account.messages.get(one)!.deleted);
  return id === undefined ? undefined : account.messages.get(id);
}

function render({ world, account }: Caller, chats: readonly number[]): Record<string, unknown> {
  const mentions = new Mentions();
  const messages: TlObject[] = [];
  const dialogs = chats.map((chat) => {
    if (chat < 0) {
      const made = channelDialogTl(world, account, channelOf(world, -chat), mentions);
      if (made.message) messages.push(made.message);
      return made.dialog;
    }
    mentions.add(chat);
    const dialog = account.dialogs.get(chat);
    const top = dialog && topOf(account, dialog);
    if (top) {
      mentions.add(account.id);
      messages.push(privateMessageTl(world, account, top));
    }
    return dialogTl({
      chat,
      topId: top?.id ?? 0,
      inbox: dialog?.readInboxMaxId ?? 0,
      outbox: dialog?.readOutboxMaxId ?? 0,
      unread: dialog?.unread ?? 0,
    });
  });
  return { dialogs, messages, ...mentions.lists(world, account) };
}

export function channelDialogTl(
  world: World,
  account: Account,
  channel: Channel,
  mentions: Mentions,
): { dialog: TlObject; message: TlObject | undefined } {
  mentions.add(-channel.id);
  const top = channel.messages.findLast(({ deleted }) => !deleted);
  if (top) mentionChannelMessage(world, top, mentions);
  const dialog = dialogTl({
    chat: -channel.id,
    topId: top?.id ?? 0,
    inbox: channel.members.get(account.id)?.readInboxMaxId ?? 0,
    outbox: channel.messages.length,
    unread: unreadIn(channel, account.id),
    pts: channel.box.pts,
  });
  return { dialog, message: top && channelMessageTl(world, account, channel, top) };
}

function dialogTl(of: {
  chat: number;
  topId: number;
  inbox: number;
  outbox: number;
  unread: number;
  pts?: number;
}): TlObject {
  return {
    _: 'dialog',
    peer: peerTl(of.chat),
    top_message: of.topId,
    read_inbox_max_id: of.inbox,
    read_outbox_max_id: of.outbox,
    unread_count: of.unread,
    unread_mentions_count: 0,
    unread_reactions_count: 0,
    notify_settings: { _: 'peerNotifySettings' },
    pts: of.pts,
  };
}
