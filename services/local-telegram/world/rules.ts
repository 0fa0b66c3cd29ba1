import { AccountState, ChannelKind, ChannelRole } from '#gen/telegate/local_telegram/v1/world_pb.ts';
import { RpcError } from '../rpc-error.ts';
import { isIn, roleOf } from './channels.ts';
import type { Account, Channel, ChannelMessage, Rights } from './state.ts';
import type { World } from './world.ts';

/** Who may do what; each throws the error that Telegram answers. */

export function mayRead(channel: Channel, account: Account): void {
  const role = roleOf(channel, account.id);
  if (channel.deleted || role === ChannelRole.BANNED) throw new RpcError('CHANNEL_PRIVATE');
  if (channel.username === '' && !isIn(role) && !isOpenByLink(channel)) throw new RpcError('CHANNEL_PRIVATE');
}

/** The discussion group of a channel can be read by whoever reads the channel. */
function isOpenByLink(channel: Channel): boolean {
  return channel.kind === ChannelKind.SUPERGROUP && channel.linkedId !== 0;
}

export function mayWrite(world: World, channel: Channel, account: Account, threadId: number): void {
  if (channel.deleted) throw new RpcError('CHANNEL_PRIVATE');
  const role = roleOf(channel, account.id);
  if (role === ChannelRole.BANNED) throw new RpcError('USER_BANNED_IN_CHANNEL');
  if (channel.kind === ChannelKind.BROADCAST) {
    if (!hasRight(channel, account, 'postMessages')) throw new RpcError('CHAT_WRITE_FORBIDDEN');
    return;
  }
  const comments = threadId !== 0 && isOpenByLink(channel);
  if (!isIn(role) && !comments) throw new RpcError('CHAT_WRITE_FORBIDDEN');
  if (channel.slowModeSeconds > 0 && role !== ChannelRole.CREATOR && role !== ChannelRole.ADMIN) {
    const last = channel.members.get(account.id)?.lastWriteTime ?? 0;
    const left = last + 1_000 * channel.slowModeSeconds - world.now();
    if (left > 0) throw new RpcError(`SLOWMODE_WAIT_${Math.ceil(left / 1_000)}`);
  }
}

export function hasRight(channel: Channel, account: Account, right: keyof Rights): boolean {
  const member = channel.members.get(account.id);
  return (
    member?.role === ChannelRole.CREATOR ||
    (member?.role === ChannelRole.ADMIN && member.rights?.[right] === true)
  );
}

export function mayEdit(channel: Channel, account: Account, message: ChannelMessage): void {
  const isAuthor = message.content.senderId === account.id && !message.copyOf;
  const allowed = message.isPost
    ? hasRight(channel, account, 'editMessages') || (isAuthor && hasRight(channel, account, 'postMessages'))
    : isAuthor;
  if (!allowed) throw new RpcError('MESSAGE_AUTHOR_REQUIRED');
}

export function mayDelete(channel: Channel, account: Account, message: ChannelMessage): void {
  const isAuthor = message.content.senderId === account.id && !message.copyOf;
  if (!isAuthor && !hasRight(channel, account, 'deleteMessages'))
    throw new RpcError('MESSAGE_DELETE_FORBIDDEN');
}

/** A limited account may go on with those it knows. */
export function mayReachOut(account: Account, knows: boolean): void {
  if (account.state === AccountState.LIMITED && !knows) throw new RpcError('PEER_FLOOD');
}

/** Every standard emoji is one to three code points long, with what joins them. */
const EMOJI =
  /^\p{Extended_Pictographic}(?:\uFE0F|\u200D|\p{Emoji_Modifier}|\p{Extended_Pictographic}){0,6}$/u;

export function mayReact(channel: Channel | undefined, emoji: string): void {
  if (!EMOJI.test(emoji)) throw new RpcError('REACTION_INVALID');
  if (channel && !channel.reactions.all && !channel.reactions.emoji.includes(emoji))
    throw new RpcError('REACTION_INVALID');
}
