import type { Api } from '../client.ts';

/** Which counter an update moves, and from where to where. */
export type Counted =
  | { readonly counter: 'pts' | 'qts'; readonly from: number; readonly to: number }
  | { readonly counter: 'channel'; readonly id: bigint; readonly from: number; readonly to: number };

export function counted(update: Api.TypeUpdate): Counted | undefined {
  if ('ptsCount' in update) {
    const span = { from: update.pts - update.ptsCount, to: update.pts };
    const id = channelIdOf(update);
    return id === undefined ? { counter: 'pts', ...span } : { counter: 'channel', id, ...span };
  }
  if ('qts' in update && update.qts > 0) return { counter: 'qts', from: update.qts - 1, to: update.qts };
  return undefined;
}

function channelIdOf(update: Api.TypeUpdate): bigint | undefined {
  switch (update.className) {
    case 'UpdateNewChannelMessage':
    case 'UpdateEditChannelMessage': {
      const peer = update.message.peerId;
      // An empty message may come without its peer; its number then belongs to no counter that could be named.
      return peer?.className === 'PeerChannel' ? native(peer.channelId) : 0n;
    }
    case 'UpdateDeleteChannelMessages':
    case 'UpdatePinnedChannelMessages':
    case 'UpdateChannelWebPage':
      return native(update.channelId);
    default:
      return undefined;
  }
}

export type Fit = 'next' | 'seen' | 'early';

/**
 * How a step from `from` to `to` fits a counter that stands at `at`. A step that overlaps it is early too: part of it
 * has not been seen, and only a difference tells which.
 */
export function fit(at: number, from: number, to: number): Fit {
  if (from === at) return 'next';
  return to <= at ? 'seen' : 'early';
}

/** The library's big integers are objects. */
export function native(long: { toString(): string }): bigint {
  return BigInt(long.toString());
}
