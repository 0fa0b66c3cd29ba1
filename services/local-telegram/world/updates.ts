import type { TlObject } from '../codec/object.ts';
import { channelMessageTl, Mentions, peerTl, privateMessageTl } from './render.ts';
import type { Account, BoxEvent, Channel, ChannelMessage } from './state.ts';
import { channelOf, seconds, type World } from './world.ts';

/** Updates as they are pushed, with everybody they speak of. */
export function updatesTl(world: World, viewer: Account, updates: TlObject[], mentions: Mentions): TlObject {
  return {
    _: 'updates',
    updates,
    ...mentions.lists(world, viewer),
    date: seconds(world.now()),
    // Only updates that have no counter of their own would be numbered.
    seq: 0,
  };
}

/** The update that one event of an account's box is; undefined when it is nothing any more. */
export function accountUpdateTl(
  world: World,
  account: Account,
  event: BoxEvent,
  mentions: Mentions,
): TlObject | undefined {
  const at = { pts: event.pts, pts_count: event.count };
  switch (event.kind) {
    case 'new':
    case 'edit': {
      const message = account.messages.get(event.id);
      if (!message) return undefined;
      mentions.add(account.id, message.chat);
      const name = event.kind === 'new' ? 'updateNewMessage' : 'updateEditMessage';
      return { _: name, message: privateMessageTl(world, account, message), ...at };
    }
    case 'delete':
      return { _: 'updateDeleteMessages', messages: event.ids, ...at };
    case 'readInbox': {
      mentions.add(event.chat);
      const read = { max_id: event.maxId, still_unread_count: event.unread };
      return { _: 'updateReadHistoryInbox', peer: peerTl(event.chat), ...read, ...at };
    }
    case 'readOutbox':
      mentions.add(event.chat);
      return { _: 'updateReadHistoryOutbox', peer: peerTl(event.chat), max_id: event.maxId, ...at };
  }
}

export function channelUpdateTl(
  world: World,
  viewer: Account,
  channel: Channel,
  event: BoxEvent,
  mentions: Mentions,
): TlObject | undefined {
  const at = { pts: event.pts, pts_count: event.count };
  mentions.add(-channel.id);
  if (event.kind === 'delete') {
    const channel_id = BigInt(channel.id);
    return { _: 'updateDeleteChannelMessages', channel_id, messages: event.ids, ...at };
  }
  if (event.kind !== 'new' && event.kind !== 'edit') return undefined;
  const message = channel.messages[event.id - 1];
  if (!message) return undefined;
  mentionChannelMessage(world, message, mentions);
  const name = event.kind === 'new' ? 'updateNewChannelMessage' : 'updateEditChannelMessage';
  return { _: name, message: channelMessageTl(world, viewer, channel, message), ...at };
}

export function mentionChannelMessage(world: World, message: ChannelMessage, mentions: Mentions): void {
  if (message.copyOf) mentions.add(-channelOf(world, message.copyOf.channelId).id);
  else if (!message.isPost) mentions.add(message.content.senderId);
  for (const { accountId } of message.content.reactions.slice(-3)) mentions.add(accountId);
}

/** Pushes an event of the account's own box. */
export function pushAccount(world: World, account: Account, event: BoxEvent, origin?: object): void {
  world.push(
    account.id,
    () => {
      const mentions = new Mentions();
      const update = accountUpdateTl(world, account, event, mentions);
      return updatesTl(world, account, update ? [update] : [], mentions);
    },
    origin,
  );
}

/** Pushes an event of a channel to the members that are connected. */
export function pushChannel(world: World, channel: Channel, event: BoxEvent, origin?: object): void {
  forMembersOnline(world, channel, (viewer) => {
    world.push(
      viewer.id,
      () => {
        const mentions = new Mentions();
        const update = channelUpdateTl(world, viewer, channel, event, mentions);
        return updatesTl(world, viewer, update ? [update] : [], mentions);
      },
      origin,
    );
  });
}

export function forMembersOnline(world: World, channel: Channel, body: (viewer: Account) => void): void {
  for (const accountId of world.online()) {
    const viewer = world.state.accounts.get(accountId);
    if (viewer?.channels.has(channel.id)) body(viewer);
  }
}
