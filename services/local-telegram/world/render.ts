import { AccountState, ChannelKind, ChannelRole } from '#gen/telegate/local_telegram/v1/world_pb.ts';
import type { TlObject } from '../codec/object.ts';
import type { Account, Channel, ChannelMessage, Content, Media, PrivateMessage, Rights } from './state.ts';
import { accessHash, accountOf, channelOf, seconds, type World } from './world.ts';

/* What TL shows of the world to one viewer. */

export function peerTl(chat: number): TlObject {
  return chat > 0
    ? { _: 'peerUser', user_id: BigInt(chat) }
    : { _: 'peerChannel', channel_id: BigInt(-chat) };
}

/** The users and channels that an answer speaks of, each once. */
export class Mentions {
  readonly #chats = new Set<number>();

  add(...chats: number[]): this {
    for (const chat of chats) if (chat !== 0) this.#chats.add(chat);
    return this;
  }

  lists(world: World, viewer: Account): { users: TlObject[]; chats: TlObject[] } {
    const users: TlObject[] = [];
    const chats: TlObject[] = [];
    for (const chat of this.#chats) {
      if (chat > 0) users.push(userTl(world, viewer, accountOf(world, chat)));
      else chats.push(channelTl(world, viewer, channelOf(world, -chat)));
    }
    return { users, chats };
  }
}

export function userTl(world: World, viewer: Account, account: Account): TlObject {
  const isSelf = viewer.id === account.id;
  const deleted = account.state === AccountState.DEACTIVATED;
  return {
    _: 'user',
    self: isSelf,
    verified: account.isService,
    support: account.isService,
    premium: account.premium,
    deleted,
    id: BigInt(account.id),
    access_hash: accessHash(world, viewer.id, account.id),
    first_name: deleted ? undefined : account.firstName,
    last_name: account.lastName === '' || deleted ? undefined : account.lastName,
    username: account.username === '' || deleted ? undefined : account.username,
    phone: isSelf ? account.phone.slice(1) : undefined,
    status: { _: 'userStatusRecently' },
  };
}

export function channelTl(world: World, viewer: Account, channel: Channel): TlObject {
  const member = channel.members.get(viewer.id);
  const role = member?.role ?? ChannelRole.LEFT;
  const isGroup = channel.kind === ChannelKind.SUPERGROUP;
  const kind = { broadcast: !isGroup, megagroup: isGroup };
  const id = BigInt(channel.id);
  const hash = accessHash(world, viewer.id, -channel.id);
  if (channel.deleted || role === ChannelRole.BANNED)
    return { _: 'channelForbidden', ...kind, id, access_hash: hash, title: channel.title };
  return {
    _: 'channel',
    ...kind,
    creator: role === ChannelRole.CREATOR,
    left: role === ChannelRole.LEFT,
    has_link: channel.linkedId !== 0,
    slowmode_enabled: channel.slowModeSeconds > 0,
    id,
    access_hash: hash,
    title: channel.title,
    username: channel.username === '' ? undefined : channel.username,
    photo: { _: 'chatPhotoEmpty' },
    date: seconds(member?.joinTime ?? channel.createTime),
    admin_rights: member?.rights ? adminRightsTl(member.rights) : undefined,
    default_banned_rights: isGroup ? { _: 'chatBannedRights', until_date: 0 } : undefined,
    participants_count: channel.memberCount,
  };
}

export function adminRightsTl(rights: Rights): TlObject {
  return {
    _: 'chatAdminRights',
    post_messages: rights.postMessages,
    edit_messages: rights.editMessages,
    delete_messages: rights.deleteMessages,
    change_info: rights.changeInfo,
    ban_users: rights.banUsers,
    invite_users: rights.inviteUsers,
    pin_messages: rights.pinMessages,
    add_admins: rights.addAdmins,
    other: true,
  };
}

export function privateMessageTl(world: World, viewer: Account, message: PrivateMessage): TlObject {
  const { content } = message;
  if (message.deleted) return { _: 'messageEmpty', id: message.id, peer_id: peerTl(message.chat) };
  return {
    _: 'message',
    out: message.out,
    id: message.id,
    from_id: message.out ? peerTl(viewer.id) : undefined,
    peer_id: peerTl(message.chat),
    reply_to: replyTl(message.replyTo),
    ...contentTl(world, viewer, content, true),
  };
}

export function channelMessageTl(
  world: World,
  viewer: Account,
  channel: Channel,
  message: ChannelMessage,
): TlObject {
  const { content, isPost, copyOf } = message;
  const peer_id = peerTl(-channel.id);
  if (message.deleted) return { _: 'messageEmpty', id: message.id, peer_id };
  const isGroup = channel.kind === ChannelKind.SUPERGROUP;
  return {
    _: 'message',
    out: !isPost && !copyOf && content.senderId === viewer.id,
    post: isPost,
    id: message.id,
    from_id: copyOf ? peerTl(-copyOf.channelId) : isPost ? undefined : peerTl(content.senderId),
    peer_id,
    fwd_from: copyOf
      ? {
          _: 'messageFwdHeader',
          date: seconds(content.date),
          from_id: peerTl(-copyOf.channelId),
          channel_post: copyOf.postId,
          saved_from_peer: peerTl(-copyOf.channelId),
          saved_from_msg_id: copyOf.postId,
        }
      : undefined,
    reply_to: replyTl(message.replyTo, message.threadId),
    views: isPost ? message.views : undefined,
    forwards: isPost ? 0 : undefined,
    replies: repliesTl(world, channel, message),
    ...contentTl(world, viewer, content, isGroup),
  };
}

function contentTl(
  world: World,
  viewer: Account,
  content: Content,
  listsReactions: boolean,
): Record<string, unknown> {
  return {
    date: seconds(content.date),
    message: content.text,
    media: content.media ? mediaTl(world, viewer, content.media, content.date) : undefined,
    entities: content.entities,
    edit_date: content.editDate === undefined ? undefined : seconds(content.editDate),
    reactions: content.reactions.length === 0 ? undefined : reactionsTl(viewer, content, listsReactions),
  };
}

function replyTl(replyTo: number, threadId = 0): TlObject | undefined {
  if (replyTo === 0) return undefined;
  return {
    _: 'messageReplyHeader',
    reply_to_msg_id: replyTo,
    reply_to_top_id: threadId !== 0 && threadId !== replyTo ? threadId : undefined,
  };
}

/** The comments under a post, or the answers under a group's message. */
export function repliesTl(world: World, channel: Channel, message: ChannelMessage): TlObject | undefined {
  if (message.isPost) {
    const group = channel.linkedId === 0 ? undefined : world.state.channels.get(channel.linkedId);
    if (!group || message.discussionId === 0) return undefined;
    const comments = liveComments(group, message.discussionId);
    return {
      _: 'messageReplies',
      comments: true,
      replies: comments.length,
      replies_pts: group.box.pts,
      recent_repliers: [...new Set(comments.slice(-3).map(({ content }) => content.senderId))].map(peerTl),
      channel_id: BigInt(group.id),
      max_id: comments.at(-1)?.id,
    };
  }
  if (!channel.threads.has(message.id)) return undefined;
  const replies = liveComments(channel, message.id);
  return { _: 'messageReplies', replies: replies.length, replies_pts: channel.box.pts };
}

export function liveComments(group: Channel, threadId: number): ChannelMessage[] {
  const ids = group.threads.get(threadId) ?? [];
  return ids.map((id) => group.messages[id - 1]!).filter(({ deleted }) => !deleted);
}

export function reactionTl(emoji: string): TlObject {
  return { _: 'reactionEmoji', emoticon: emoji };
}

const RECENT_REACTIONS = 3;

export function reactionsTl(viewer: Account, content: Content, listsWho: boolean): TlObject {
  const counts = new Map<string, number>();
  for (const { emoji } of content.reactions) counts.set(emoji, (counts.get(emoji) ?? 0) + 1);
  const mine = content.reactions.find(({ accountId }) => accountId === viewer.id)?.emoji;
  return {
    _: 'messageReactions',
    can_see_list: listsWho,
    results: [...counts]
      .toSorted(([, a], [, b]) => b - a)
      .map(([emoji, count]) => ({
        _: 'reactionCount',
        chosen_order: emoji === mine ? 0 : undefined,
        reaction: reactionTl(emoji),
        count,
      })),
    recent_reactions: listsWho
      ? content.reactions
          .slice(-RECENT_REACTIONS)
          .toReversed()
          .map((reaction) => peerReactionTl(viewer, reaction))
      : undefined,
  };
}

export function peerReactionTl(viewer: Account, reaction: Content['reactions'][number]): TlObject {
  return {
    _: 'messagePeerReaction',
    my: reaction.accountId === viewer.id,
    peer_id: peerTl(reaction.accountId),
    date: seconds(reaction.date),
    reaction: reactionTl(reaction.emoji),
  };
}

export function mediaTl(world: World, viewer: Account, media: Media, date: number): TlObject {
  const common = {
    id: media.fileId,
    access_hash: accessHash(world, viewer.id, Number(media.fileId)),
    file_reference: Buffer.from(`file ${media.fileId}`),
    date: seconds(date),
    dc_id: viewer.dataCenter,
  };
  if (media.kind === 'photo') {
    const size = { _: 'photoSize', type: 'x', w: 640, h: 480, size: media.size };
    return { _: 'messageMediaPhoto', photo: { _: 'photo', ...common, sizes: [size] } };
  }
  const attributes = media.name === '' ? [] : [{ _: 'documentAttributeFilename', file_name: media.name }];
  const document = {
    _: 'document',
    ...common,
    mime_type: media.mimeType,
    size: BigInt(media.size),
    attributes,
  };
  return { _: 'messageMediaDocument', document };
}
