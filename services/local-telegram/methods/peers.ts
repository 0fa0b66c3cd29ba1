import type { TlObject } from '../codec/object.ts';
import { RpcError } from '../rpc-error.ts';
import { mayRead } from '../world/rules.ts';
import { SERVICE_ACCOUNT_ID, type Account, type Channel } from '../world/state.ts';
import { accessHash, type World } from '../world/world.ts';
import type { Caller } from './method.ts';

/** What a query names, without asking whether it is there: an id, as the log and the flood limits take it. */
export function peerOfQuery(query: TlObject, selfId: number): string {
  const named = (query['peer'] ?? query['channel']) as TlObject | undefined;
  switch (named?._) {
    case 'inputPeerSelf':
      return String(selfId);
    case 'inputPeerUser':
    case 'inputPeerUserFromMessage':
      return String(named['user_id']);
    case 'inputPeerChannel':
    case 'inputPeerChannelFromMessage':
    case 'inputChannel':
    case 'inputChannelFromMessage':
      return String(named['channel_id']);
    default:
      return '';
  }
}

export type Chat = { account: Account; channel?: undefined } | { channel: Channel; account?: undefined };

/** The chat that an InputPeer names; its access hash must be the caller's own. */
export function chatOf(peer: TlObject, caller: Caller): Chat {
  const { world, account: viewer } = caller;
  switch (peer._) {
    case 'inputPeerSelf':
      return { account: viewer };
    case 'inputPeerUser':
      return { account: userById(world, viewer, peer, 'PEER_ID_INVALID') };
    case 'inputPeerChannel':
      return { channel: channelById(world, viewer, peer, 'CHANNEL_INVALID') };
    case 'inputPeerUserFromMessage':
      return { account: knownUser(world, Number(peer['user_id']), 'PEER_ID_INVALID') };
    case 'inputPeerChannelFromMessage':
      return { channel: knownChannel(world, viewer, Number(peer['channel_id']), 'CHANNEL_INVALID') };
    default:
      throw new RpcError('PEER_ID_INVALID');
  }
}

export function userOf(user: TlObject, caller: Caller): Account {
  const { world, account: viewer } = caller;
  switch (user._) {
    case 'inputUserSelf':
    case 'inputPeerSelf':
      return viewer;
    case 'inputUser':
    case 'inputPeerUser':
      return userById(world, viewer, user, 'USER_ID_INVALID');
    case 'inputUserFromMessage':
    case 'inputPeerUserFromMessage':
      return knownUser(world, Number(user['user_id']), 'USER_ID_INVALID');
    default:
      throw new RpcError('USER_ID_INVALID');
  }
}

export function channelOfInput(channel: TlObject, caller: Caller): Channel {
  const { world, account: viewer } = caller;
  if (channel._ === 'inputChannel') return channelById(world, viewer, channel, 'CHANNEL_INVALID');
  if (channel._ === 'inputChannelFromMessage')
    return knownChannel(world, viewer, Number(channel['channel_id']), 'CHANNEL_INVALID');
  throw new RpcError('CHANNEL_INVALID');
}

function userById(world: World, viewer: Account, user: TlObject, error: string): Account {
  const id = Number(user['user_id']);
  const found = knownUser(world, id, error);
  // A client has no hash of itself before it asked, and none is needed for Telegram's own account.
  const isFree = id === viewer.id || id === SERVICE_ACCOUNT_ID;
  if (!isFree && user['access_hash'] !== accessHash(world, viewer.id, id)) throw new RpcError(error);
  return found;
}

function knownUser(world: World, id: number, error: string): Account {
  const found = world.state.accounts.get(id);
  if (!found) throw new RpcError(error);
  return found;
}

function channelById(world: World, viewer: Account, channel: TlObject, error: string): Channel {
  const id = Number(channel['channel_id']);
  if (channel['access_hash'] !== accessHash(world, viewer.id, -id)) throw new RpcError(error);
  return knownChannel(world, viewer, id, error);
}

function knownChannel(world: World, viewer: Account, id: number, error: string): Channel {
  const found = world.state.channels.get(id);
  if (!found) throw new RpcError(error);
  mayRead(found, viewer);
  return found;
}
