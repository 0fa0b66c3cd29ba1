import { ChannelKind, ChannelRole } from '#gen/telegate/local_telegram/v1/world_pb.ts';
import type { TlObject } from '../codec/object.ts';
import { RpcError } from '../rpc-error.ts';
import { isIn, roleOf, setRole, unreadIn } from '../world/channels.ts';
import { adminRightsTl, channelTl, Mentions, peerTl, reactionTl } from '../world/render.ts';
import { mayReachOut, mayRead } from '../world/rules.ts';
import type { Channel, Member } from '../world/state.ts';
import { updatesTl } from '../world/updates.ts';
import { accessHash, seconds } from '../world/world.ts';
import { method, type Caller, type Method } from './method.ts';
import { channelOfInput, userOf } from './peers.ts';

export const channelMethods: readonly Method[] = [
  method<{ id: TlObject[] }>('channels.getChannels', {}, ({ id }, caller) => {
    const { world, account } = caller;
    const chats = id.map((input) => {
      // One that may not be read is shown as such, not refused.
      const channel = world.state.channels.get(Number(input['channel_id']));
      if (input._ !== 'inputChannel' || !channel) throw new RpcError('CHANNEL_INVALID');
      if (input['access_hash'] !== accessHash(world, account.id, -channel.id))
        throw new RpcError('CHANNEL_INVALID');
      return channelTl(world, account, channel);
    });
    return { _: 'messages.chats', chats };
  }),
  method<{ channel: TlObject }>('channels.getFullChannel', {}, ({ channel }, caller) =>
    fullChannel(channelOfInput(channel, caller), caller),
  ),
  method<{ channel: TlObject; participant: TlObject }>('channels.getParticipant', {}, (query, caller) => {
    const channel = channelOfInput(query.channel, caller);
    const user = userOf(query.participant, caller);
    const member = channel.members.get(user.id);
    const isSelf = user === caller.account;
    if (!member || member.role === ChannelRole.LEFT) throw new RpcError('USER_NOT_PARTICIPANT');
    if (!isSelf && channel.kind === ChannelKind.BROADCAST && !isAdmin(channel, caller.account.id))
      throw new RpcError('CHAT_ADMIN_REQUIRED', 400);
    const mentions = new Mentions().add(user.id, -channel.id);
    return {
      _: 'channels.channelParticipant',
      participant: participantTl(channel, member, caller),
      ...mentions.lists(caller.world, caller.account),
    };
  }),
  method<{ channel: TlObject; filter: TlObject; offset: number; limit: number }>(
    'channels.getParticipants',
    {},
    getParticipants,
  ),
  method<{ channel: TlObject }>('channels.joinChannel', { writes: true }, ({ channel: input }, caller) => {
    const channel = channelOfInput(input, caller);
    const { world, account, call } = caller;
    mayRead(channel, account);
    if (isIn(roleOf(channel, account.id))) throw new RpcError('USER_ALREADY_PARTICIPANT');
    mayReachOut(account, false);
    setRole(world, channel, account.id, ChannelRole.MEMBER);
    call.effect = true;
    return channelChanged(caller, channel);
  }),
  method<{ channel: TlObject }>('channels.leaveChannel', { writes: true }, ({ channel: input }, caller) => {
    const channel = channelOfInput(input, caller);
    const { world, account, call } = caller;
    const role = roleOf(channel, account.id);
    if (role === ChannelRole.CREATOR) throw new RpcError('USER_CREATOR');
    if (!isIn(role)) throw new RpcError('USER_NOT_PARTICIPANT');
    setRole(world, channel, account.id, ChannelRole.LEFT);
    call.effect = true;
    return channelChanged(caller, channel);
  }),
];

function channelChanged({ world, account }: Caller, channel: Channel): TlObject {
  const update = { _: 'updateChannel', channel_id: BigInt(channel.id) };
  return updatesTl(world, account, [update], new Mentions().add(-channel.id));
}

function isAdmin(channel: Channel, accountId: number): boolean {
  const role = roleOf(channel, accountId);
  return role === ChannelRole.CREATOR || role === ChannelRole.ADMIN;
}

function fullChannel(channel: Channel, { world, account }: Caller): TlObject {
  const member = channel.members.get(account.id);
  const isManager = isAdmin(channel, account.id);
  const admins = [...channel.members.keys()].filter((id) => isAdmin(channel, id)).length;
  const slowUntil = (member?.lastWriteTime ?? 0) + 1_000 * channel.slowModeSeconds;
  const mentions = new Mentions().add(-channel.id, -channel.linkedId);
  return {
    _: 'messages.chatFull',
    full_chat: {
      _: 'channelFull',
      can_view_participants: isManager || channel.kind === ChannelKind.SUPERGROUP,
      id: BigInt(channel.id),
      about: channel.about,
      participants_count: channel.memberCount,
      admins_count: isManager ? admins : undefined,
      read_inbox_max_id: member?.readInboxMaxId ?? 0,
      read_outbox_max_id: channel.messages.length,
      unread_count: unreadIn(channel, account.id),
      chat_photo: { _: 'photoEmpty', id: 0n },
      notify_settings: { _: 'peerNotifySettings' },
      bot_info: [],
      linked_chat_id: channel.linkedId === 0 ? undefined : BigInt(channel.linkedId),
      slowmode_seconds: channel.slowModeSeconds === 0 ? undefined : channel.slowModeSeconds,
      slowmode_next_send_date:
        channel.slowModeSeconds > 0 && slowUntil > world.now() ? seconds(slowUntil) : undefined,
      pts: channel.box.pts,
      available_reactions: allowedReactionsTl(channel),
    },
    ...mentions.lists(world, account),
  };
}

function allowedReactionsTl({ reactions }: Channel): TlObject {
  if (reactions.all) return { _: 'chatReactionsAll' };
  if (reactions.emoji.length === 0) return { _: 'chatReactionsNone' };
  return { _: 'chatReactionsSome', reactions: reactions.emoji.map(reactionTl) };
}

function participantTl(channel: Channel, member: Member, { account }: Caller): TlObject {
  const user_id = BigInt(member.accountId);
  const date = seconds(member.joinTime);
  const isSelf = member.accountId === account.id;
  const inviter_id = BigInt(channel.creatorId);
  switch (member.role) {
    case ChannelRole.CREATOR:
      return { _: 'channelParticipantCreator', user_id, admin_rights: adminRightsTl(member.rights!) };
    case ChannelRole.ADMIN:
      return {
        _: 'channelParticipantAdmin',
        self: isSelf,
        user_id,
        inviter_id: isSelf ? inviter_id : undefined,
        promoted_by: inviter_id,
        date,
        admin_rights: adminRightsTl(member.rights!),
      };
    case ChannelRole.BANNED:
      return {
        _: 'channelParticipantBanned',
        left: true,
        peer: peerTl(member.accountId),
        kicked_by: inviter_id,
        date,
        banned_rights: { _: 'chatBannedRights', view_messages: true, until_date: 0 },
      };
    case ChannelRole.LEFT:
      return { _: 'channelParticipantLeft', peer: peerTl(member.accountId) };
    default:
      return isSelf
        ? { _: 'channelParticipantSelf', user_id, inviter_id, date }
        : { _: 'channelParticipant', user_id, date };
  }
}

function getParticipants(
  query: { channel: TlObject; filter: TlObject; offset: number; limit: number },
  caller: Caller,
): TlObject {
  const channel = channelOfInput(query.channel, caller);
  if (channel.kind === ChannelKind.BROADCAST && !isAdmin(channel, caller.account.id))
    throw new RpcError('CHAT_ADMIN_REQUIRED', 400);
  const admins = query.filter._ === 'channelParticipantsAdmins';
  const all = [...channel.members.values()].filter(
    ({ role, accountId }) => isIn(role) && (!admins || isAdmin(channel, accountId)),
  );
  const shown = all.slice(query.offset, query.offset + Math.min(Math.max(query.limit, 0), 200));
  const mentions = new Mentions().add(-channel.id, ...shown.map(({ accountId }) => accountId));
  return {
    _: 'channels.channelParticipants',
    count: all.length,
    participants: shown.map((member) => participantTl(channel, member, caller)),
    ...mentions.lists(caller.world, caller.account),
  };
}
