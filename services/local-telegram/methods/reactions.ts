import type { TlObject } from '../codec/object.ts';
import { RpcError } from '../rpc-error.ts';
import { pushPrivateReaction, react } from '../world/private-chats.ts';
import { Mentions, peerReactionTl, peerTl, reactionsTl } from '../world/render.ts';
import { mayReact } from '../world/rules.ts';
import type { Account, Channel, Content, PrivateMessage } from '../world/state.ts';
import { forMembersOnline, updatesTl } from '../world/updates.ts';
import type { World } from '../world/world.ts';
import { method, type Caller, type Method } from './method.ts';
import { chatOf, type Chat } from './peers.ts';
import { ChannelKind } from '#gen/telegate/local_telegram/v1/world_pb.ts';

export const reactionMethods: readonly Method[] = [
  method<{ peer: TlObject; msg_id: number; reaction?: TlObject[] }>(
    'messages.sendReaction',
    { writes: true },
    sendReaction,
  ),
  method<{ peer: TlObject; id: number[] }>('messages.getMessagesReactions', {}, ({ peer, id }, caller) => {
    const chat = chatOf(peer, caller);
    const mentions = new Mentions();
    const updates = id.flatMap((one) => {
      const content = contentIn(caller, chat, one);
      if (!content) return [];
      mentions.add(...content.reactions.map(({ accountId }) => accountId));
      return [reactionUpdate(caller.account, chat, one, content)];
    });
    return updatesTl(caller.world, caller.account, updates, mentions);
  }),
  method<{ peer: TlObject; id: number; reaction?: TlObject; offset?: string; limit: number }>(
    'messages.getMessageReactionsList',
    {},
    listReactions,
  ),
  method('messages.getAvailableReactions', {}, () => ({ _: 'messages.availableReactionsNotModified' })),
];

function contentIn({ account }: Caller, chat: Chat, id: number): Content | undefined {
  const message = chat.channel ? chat.channel.messages[id - 1] : privateIn(account, chat.account.id, id);
  return message && !message.deleted ? message.content : undefined;
}

function privateIn(account: Account, chat: number, id: number): PrivateMessage | undefined {
  const message = account.messages.get(id);
  return message?.chat === chat ? message : undefined;
}

function sendReaction(
  query: { peer: TlObject; msg_id: number; reaction?: TlObject[] },
  caller: Caller,
): TlObject {
  const { world, account, telegram, call, session } = caller;
  const chat = chatOf(query.peer, caller);
  const content = contentIn(caller, chat, query.msg_id);
  if (!content) throw new RpcError('MESSAGE_ID_INVALID');
  const wanted = query.reaction ?? [];
  if (wanted.length > 1) throw new RpcError('REACTIONS_TOO_MANY');
  const [first] = wanted;
  if (first && first._ !== 'reactionEmoji' && first._ !== 'reactionEmpty')
    throw new RpcError('REACTION_INVALID');
  const emoji = first?._ === 'reactionEmoji' ? (first['emoticon'] as string) : '';
  if (emoji !== '') mayReact(chat.channel, emoji);
  if (react(world, content, account.id, emoji)) {
    call.effect = true;
    if (emoji !== '') telegram.log.counters.reactions += 1;
    if (chat.channel) pushChannelReaction(world, chat.channel, query.msg_id, content, session);
    else pushPrivateReaction(world, account, account.messages.get(query.msg_id)!, session);
  }
  const update = reactionUpdate(account, chat, query.msg_id, content);
  return updatesTl(world, account, [update], new Mentions().add(account.id));
}

function reactionUpdate(viewer: Account, chat: Chat, id: number, content: Content): TlObject {
  return {
    _: 'updateMessageReactions',
    peer: peerTl(chat.account ? chat.account.id : -chat.channel.id),
    msg_id: id,
    reactions: reactionsTl(viewer, content, chat.channel?.kind !== ChannelKind.BROADCAST),
  };
}

export function pushChannelReaction(
  world: World,
  channel: Channel,
  id: number,
  content: Content,
  origin?: object,
): void {
  forMembersOnline(world, channel, (viewer) => {
    world.push(
      viewer.id,
      () => {
        const mentions = new Mentions().add(-channel.id);
        return updatesTl(world, viewer, [reactionUpdate(viewer, { channel }, id, content)], mentions);
      },
      origin,
    );
  });
}

function listReactions(
  query: { peer: TlObject; id: number; reaction?: TlObject; offset?: string; limit: number },
  caller: Caller,
): TlObject {
  const { world, account } = caller;
  const chat = chatOf(query.peer, caller);
  if (chat.channel?.kind === ChannelKind.BROADCAST) throw new RpcError('BROADCAST_FORBIDDEN', 403);
  const content = contentIn(caller, chat, query.id);
  if (!content) throw new RpcError('MSG_ID_INVALID');
  const emoji = query.reaction?.['emoticon'];
  const all = content.reactions.filter((one) => emoji === undefined || one.emoji === emoji).toReversed();
  const from = Number(query.offset || '0');
  const shown = all.slice(from, from + Math.min(Math.max(query.limit, 1), 100));
  const mentions = new Mentions().add(...shown.map(({ accountId }) => accountId));
  return {
    _: 'messages.messageReactionsList',
    count: all.length,
    reactions: shown.map((one) => peerReactionTl(account, one)),
    ...mentions.lists(world, account),
    next_offset: from + shown.length < all.length ? String(from + shown.length) : undefined,
  };
}
