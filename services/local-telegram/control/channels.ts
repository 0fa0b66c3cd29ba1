import type { MessageInitShape } from '@bufbuild/protobuf';
import type { LocalTelegramService } from '#gen/telegate/local_telegram/v1/local_telegram_service_pb.ts';
import {
  ChannelKind,
  ChannelRole,
  type AdminRights,
  type ChannelSchema,
  type MemberSchema,
} from '#gen/telegate/local_telegram/v1/world_pb.ts';
import { NotFound } from '#lib/rpc/errors.ts';
import type { Handlers } from '#lib/rpc/implement.ts';
import type { Telegram } from '../telegram.ts';
import { setUsername } from '../world/accounts.ts';
import {
  createChannel,
  deleteChannel,
  isIn,
  linkGroup,
  setRole,
  tellChannelChanged,
} from '../world/channels.ts';
import type { Channel, Member, Rights } from '../world/state.ts';
import { forMembersOnline } from '../world/updates.ts';
import { checkUsername } from './accounts.ts';
import {
  accountById,
  channelById,
  invalid,
  maskPaths,
  numberOf,
  stamp,
  stampOf,
  textWithin,
} from './fields.ts';
import { pageOf } from './paging.ts';

type Calls = Handlers<typeof LocalTelegramService>;

const MOST_MEMBERS = 10_000;
const LONGEST_SLOW_MODE_S = 3_600;

export function channelRoutes(
  telegram: Telegram,
): Pick<
  Calls,
  | 'createChannel'
  | 'getChannel'
  | 'listChannels'
  | 'updateChannel'
  | 'deleteChannel'
  | 'setMember'
  | 'listMembers'
> {
  const { world } = telegram;
  return {
    createChannel: async (request) => {
      const creator = accountById(telegram, request.creatorAccountId, 'creator_account_id');
      textWithin('title', request.title, 128, 1);
      textWithin('about', request.about, 255);
      checkUsername(telegram, 'username', request.username, 0);
      if (request.memberAccountIds.length > MOST_MEMBERS)
        throw invalid('member_account_ids', `must be at most ${MOST_MEMBERS}`);
      if (request.withDiscussionGroup && request.kind === ChannelKind.SUPERGROUP)
        throw invalid('with_discussion_group', 'is for broadcast channels only');
      const members = request.memberAccountIds.map((id) => accountById(telegram, id, 'member_account_ids'));
      const channel = createChannel(world, { ...request, creatorId: creator.id });
      const group = request.withDiscussionGroup
        ? createChannel(world, {
            kind: ChannelKind.SUPERGROUP,
            title: `${request.title} Chat`,
            creatorId: creator.id,
          })
        : undefined;
      if (group) linkGroup(world, channel, group);
      for (const { id } of members) if (id !== creator.id) setRole(world, channel, id, ChannelRole.MEMBER);
      return {
        channel: channelMessage(channel),
        ...(group ? { discussionGroup: channelMessage(group) } : {}),
      };
    },
    getChannel: async ({ name }) => {
      if (name.case === undefined) throw invalid('name', 'one of channel_id and username must be set');
      if (name.case === 'channelId') return { channel: channelMessage(channelById(telegram, name.value)) };
      const chat = world.state.usernames.get(name.value.replace(/^@/, '').toLowerCase()) ?? 0;
      const channel = world.state.channels.get(-chat);
      if (!channel) throw new NotFound('channel', name.value.slice(0, 60));
      return { channel: channelMessage(channel) };
    },
    listChannels: async (request) => {
      const all = [...world.state.channels.values()].filter(({ deleted }) => !deleted);
      const { shown, nextPageToken } = pageOf('channels', request, all);
      return { channels: shown.map(channelMessage), nextPageToken };
    },
    updateChannel: async ({ channel: wanted, updateMask }) => {
      if (!wanted) throw invalid('channel', 'is missing');
      const channel = channelById(telegram, wanted.channelId, 'channel.channel_id');
      const paths = new Set(
        maskPaths(updateMask, [
          'title',
          'username',
          'about',
          'linked_channel_id',
          'allowed_reactions',
          'slow_mode_seconds',
        ]),
      );
      if (paths.has('title')) textWithin('channel.title', wanted.title, 128, 1);
      if (paths.has('about')) textWithin('channel.about', wanted.about, 255);
      if (paths.has('username')) checkUsername(telegram, 'channel.username', wanted.username, -channel.id);
      const { slowModeSeconds } = wanted;
      if (paths.has('slow_mode_seconds') && (slowModeSeconds < 0 || slowModeSeconds > LONGEST_SLOW_MODE_S))
        throw invalid('channel.slow_mode_seconds', `must be 0 to ${LONGEST_SLOW_MODE_S}`);
      const linked = paths.has('linked_channel_id')
        ? linkable(telegram, channel, wanted.linkedChannelId)
        : undefined;
      if (paths.has('title')) channel.title = wanted.title;
      if (paths.has('about')) channel.about = wanted.about;
      if (paths.has('username')) setUsername(world, -channel.id, channel, wanted.username);
      if (paths.has('slow_mode_seconds')) channel.slowModeSeconds = slowModeSeconds;
      if (paths.has('linked_channel_id')) linkGroup(world, channel, linked);
      if (paths.has('allowed_reactions')) {
        const { all = false, emoji = [] } = wanted.allowedReactions ?? {};
        channel.reactions = { all, emoji: emoji.slice(0, 100) };
      }
      forMembersOnline(world, channel, (viewer) => tellChannelChanged(world, viewer, channel));
      return { channel: channelMessage(channel) };
    },
    deleteChannel: async ({ channelId }) => {
      const channel = world.state.channels.get(numberOf(channelId, 'channel_id'));
      if (!channel) throw new NotFound('channel', channelId);
      deleteChannel(world, channel);
      return {};
    },
    setMember: async ({ channelId, accountId, role, adminRights }) => {
      const channel = channelById(telegram, channelId);
      const account = accountById(telegram, accountId);
      if (role === ChannelRole.UNSPECIFIED) throw invalid('role', 'must be set');
      if (role === ChannelRole.CREATOR || account.id === channel.creatorId)
        throw invalid('role', "the creator's role is neither given nor taken");
      const rights = role === ChannelRole.ADMIN ? rightsOf(adminRights) : undefined;
      return { member: memberMessage(channel, setRole(world, channel, account.id, role, rights)) };
    },
    listMembers: async (request) => {
      const channel = channelById(telegram, request.channelId);
      const all = [...channel.members.values()]
        .filter(({ role }) => isIn(role))
        .toSorted((a, b) => rankOf(a) - rankOf(b) || a.joinTime - b.joinTime);
      const { shown, nextPageToken } = pageOf(`members/${channel.id}`, request, all);
      return { members: shown.map((one) => memberMessage(channel, one)), nextPageToken };
    },
  };
}

function linkable(telegram: Telegram, channel: Channel, id: string): Channel | undefined {
  if (id === '') return undefined;
  const other = channelById(telegram, id, 'channel.linked_channel_id');
  if (other.kind === channel.kind)
    throw invalid('channel.linked_channel_id', 'a broadcast channel is linked with a group');
  return other;
}

function rightsOf(wanted: AdminRights | undefined): Rights {
  const none: Rights = {
    postMessages: false,
    editMessages: false,
    deleteMessages: false,
    changeInfo: false,
    banUsers: false,
    inviteUsers: false,
    pinMessages: false,
    addAdmins: false,
  };
  if (!wanted) return { ...none, postMessages: true, editMessages: true, deleteMessages: true };
  for (const right of Object.keys(none) as (keyof Rights)[]) none[right] = wanted[right];
  return none;
}

function channelMessage(channel: Channel): MessageInitShape<typeof ChannelSchema> {
  return {
    channelId: String(channel.id),
    kind: channel.kind,
    title: channel.title,
    username: channel.username,
    about: channel.about,
    creatorAccountId: String(channel.creatorId),
    linkedChannelId: channel.linkedId === 0 ? '' : String(channel.linkedId),
    allowedReactions: { all: channel.reactions.all, emoji: channel.reactions.emoji },
    slowModeSeconds: channel.slowModeSeconds,
    memberCount: channel.memberCount,
    lastMessageId: channel.messages.length,
    createTime: stamp(channel.createTime),
  };
}

function memberMessage(channel: Channel, member: Member): MessageInitShape<typeof MemberSchema> {
  return {
    channelId: String(channel.id),
    accountId: String(member.accountId),
    role: member.role,
    ...(member.rights ? { adminRights: member.rights } : {}),
    joinTime: stampOf(isIn(member.role) ? member.joinTime : undefined),
  };
}

function rankOf({ role }: Member): number {
  return role === ChannelRole.CREATOR ? 0 : role === ChannelRole.ADMIN ? 1 : 2;
}
