import { ChannelKind, ChannelRole } from '#gen/telegate/local_telegram/v1/world_pb.ts';
import { setUsername } from './accounts.ts';
import { addEvent } from './box.ts';
import { Mentions } from './render.ts';
import { emptyBox } from './empty.ts';
import type { Account, BoxEvent, Channel, ChannelMessage, Content, Member, Rights } from './state.ts';
import { pushChannel, updatesTl } from './updates.ts';
import { accountOf, type World } from './world.ts';

export interface NewChannel {
  kind: ChannelKind;
  title: string;
  username?: string;
  about?: string;
  creatorId: number;
}

const ALL_RIGHTS: Rights = {
  postMessages: true,
  editMessages: true,
  deleteMessages: true,
  changeInfo: true,
  banUsers: true,
  inviteUsers: true,
  pinMessages: true,
  addAdmins: true,
};

export function createChannel(world: World, wanted: NewChannel): Channel {
  const id = world.state.nextChannelId++;
  const channel: Channel = {
    id,
    kind: wanted.kind === ChannelKind.UNSPECIFIED ? ChannelKind.BROADCAST : wanted.kind,
    title: wanted.title,
    username: '',
    about: wanted.about ?? '',
    creatorId: wanted.creatorId,
    linkedId: 0,
    reactions: { all: true, emoji: [] },
    slowModeSeconds: 0,
    members: new Map(),
    memberCount: 0,
    box: emptyBox(),
    messages: [],
    threads: new Map(),
    createTime: world.now(),
    deleted: false,
  };
  world.state.channels.set(id, channel);
  setUsername(world, -id, channel, wanted.username ?? '');
  setRole(world, channel, wanted.creatorId, ChannelRole.CREATOR, ALL_RIGHTS);
  return channel;
}

export function linkGroup(world: World, channel: Channel, group: Channel | undefined): void {
  const before = world.state.channels.get(channel.linkedId);
  if (before) before.linkedId = 0;
  const other = group && world.state.channels.get(group.linkedId);
  if (other) other.linkedId = 0;
  channel.linkedId = group?.id ?? 0;
  if (group) group.linkedId = channel.id;
}

export function setRole(
  world: World,
  channel: Channel,
  accountId: number,
  role: ChannelRole,
  rights?: Rights,
): Member {
  const account = accountOf(world, accountId);
  const before = channel.members.get(accountId);
  const member: Member = before ?? {
    accountId,
    role: ChannelRole.LEFT,
    rights: undefined,
    joinTime: world.now(),
    readInboxMaxId: channel.messages.length,
    lastWriteTime: 0,
  };
  const wasIn = isIn(member.role);
  const changed = member.role !== role;
  member.role = role;
  member.rights = role === ChannelRole.CREATOR || role === ChannelRole.ADMIN ? rights : undefined;
  channel.members.set(accountId, member);
  if (isIn(role) && !wasIn) {
    member.joinTime = world.now();
    channel.memberCount += 1;
    account.channels.add(channel.id);
  } else if (!isIn(role) && wasIn) {
    channel.memberCount -= 1;
    account.channels.delete(channel.id);
  }
  if (changed) tellChannelChanged(world, account, channel);
  return member;
}

export function tellChannelChanged(world: World, account: Account, channel: Channel, origin?: object): void {
  world.push(
    account.id,
    () =>
      updatesTl(
        world,
        account,
        [{ _: 'updateChannel', channel_id: BigInt(channel.id) }],
        new Mentions().add(-channel.id),
      ),
    origin,
  );
}

export function isIn(role: ChannelRole): boolean {
  return role === ChannelRole.CREATOR || role === ChannelRole.ADMIN || role === ChannelRole.MEMBER;
}

export function roleOf(channel: Channel, accountId: number): ChannelRole {
  return channel.members.get(accountId)?.role ?? ChannelRole.LEFT;
}

export interface NewChannelMessage {
  content: Content;
  isPost: boolean;
  replyTo: number;
  threadId: number;
}

export interface SentToChannel {
  message: ChannelMessage;
  event: BoxEvent;
}

/** Publishes a message; a post of a channel with a discussion group gets its copy there. */
export function publish(
  world: World,
  channel: Channel,
  wanted: NewChannelMessage & { copyOf?: ChannelMessage['copyOf'] },
  origin?: object,
): SentToChannel {
  const id = channel.messages.length + 1;
  const message: ChannelMessage = {
    id,
    content: wanted.content,
    isPost: wanted.isPost,
    replyTo: wanted.replyTo,
    threadId: wanted.threadId,
    copyOf: wanted.copyOf,
    discussionId: 0,
    views: 0,
    deleted: false,
  };
  channel.messages.push(message);
  if (message.threadId !== 0) {
    const thread = channel.threads.get(message.threadId);
    if (thread) thread.push(id);
    else channel.threads.set(message.threadId, [id]);
  }
  const sender = wanted.isPost ? undefined : channel.members.get(wanted.content.senderId);
  if (sender) {
    sender.lastWriteTime = world.now();
    sender.readInboxMaxId = id;
  }
  const group = wanted.isPost ? world.state.channels.get(channel.linkedId) : undefined;
  if (group && !group.deleted) {
    // The group's numbers are known before its members are told, so the post goes out with its comments open.
    message.discussionId = group.messages.length + 1;
  }
  const event = addEvent(channel.box, { kind: 'new', id }, world.now());
  pushChannel(world, channel, event, origin);
  if (group && message.discussionId !== 0) {
    publish(world, group, {
      content: wanted.content,
      isPost: false,
      replyTo: 0,
      threadId: 0,
      copyOf: { channelId: channel.id, postId: id },
    });
  }
  return { message, event };
}

export function editChannelMessage(
  world: World,
  channel: Channel,
  message: ChannelMessage,
  change: Pick<Content, 'text' | 'entities'>,
  origin?: object,
): BoxEvent {
  Object.assign(message.content, change, { editDate: world.now() });
  return noteEdit(world, channel, message, origin);
}

/** Tells members of a message that changed. */
export function noteEdit(world: World, channel: Channel, message: ChannelMessage, origin?: object): BoxEvent {
  const event = addEvent(channel.box, { kind: 'edit', id: message.id }, world.now());
  pushChannel(world, channel, event, origin);
  return event;
}

export function deleteChannelMessages(
  world: World,
  channel: Channel,
  ids: readonly number[],
  origin?: object,
): BoxEvent | undefined {
  const gone: number[] = [];
  for (const id of new Set(ids)) {
    const message = channel.messages[id - 1];
    if (!message || message.deleted) continue;
    message.deleted = true;
    gone.push(id);
    const group = message.discussionId === 0 ? undefined : world.state.channels.get(channel.linkedId);
    if (group) deleteChannelMessages(world, group, [message.discussionId]);
  }
  if (gone.length === 0) return undefined;
  const event = addEvent(channel.box, { kind: 'delete', ids: gone }, world.now(), gone.length);
  pushChannel(world, channel, event, origin);
  return event;
}

/** Marks as read up to a number; 0 is all. True when that changed something. */
export function readChannel(
  world: World,
  account: Account,
  channel: Channel,
  upTo: number,
  origin?: object,
): boolean {
  const member = channel.members.get(account.id);
  const last = channel.messages.length;
  const maxId = upTo === 0 ? last : Math.min(upTo, last);
  if (!member || maxId <= member.readInboxMaxId) return false;
  member.readInboxMaxId = maxId;
  world.push(
    account.id,
    () => {
      const update = {
        _: 'updateReadChannelInbox',
        channel_id: BigInt(channel.id),
        max_id: maxId,
        still_unread_count: unreadIn(channel, account.id),
        pts: channel.box.pts,
      };
      return updatesTl(world, account, [update], new Mentions().add(-channel.id));
    },
    origin,
  );
  return true;
}

export function unreadIn(channel: Channel, accountId: number): number {
  const member = channel.members.get(accountId);
  if (!member || !isIn(member.role)) return 0;
  let unread = 0;
  for (let id = channel.messages.length; id > member.readInboxMaxId; id -= 1) {
    const message = channel.messages[id - 1]!;
    if (!message.deleted && (message.isPost || message.content.senderId !== accountId)) unread += 1;
  }
  return unread;
}

/** Ends a channel for everybody; its discussion group stays. */
export function deleteChannel(world: World, channel: Channel): void {
  if (channel.deleted) return;
  linkGroup(world, channel, undefined);
  setUsername(world, -channel.id, channel, '');
  channel.deleted = true;
  for (const { accountId } of channel.members.values()) {
    const account = accountOf(world, accountId);
    account.channels.delete(channel.id);
    tellChannelChanged(world, account, channel);
  }
}
