import type { TlObject } from '../codec/object.ts';
import type { Account, Channel, WorldState } from './state.ts';

/** The state with what its rules need of their surroundings. */
export interface World {
  state: WorldState;
  /** Epoch milliseconds, the true time. */
  now(): number;
  random(size: number): Buffer;
  /** Sends updates to the account's connected sessions but the one they come from; made only when there are some. */
  push(accountId: number, make: () => TlObject, origin: object | undefined): void;
  /** The accounts with connected sessions. */
  online(): Iterable<number>;
}

export function accountOf(world: World, id: number): Account {
  const account = world.state.accounts.get(id);
  if (!account) throw new Error(`account ${id} is not there`);
  return account;
}

export function channelOf(world: World, id: number): Channel {
  const channel = world.state.channels.get(id);
  if (!channel) throw new Error(`channel ${id} is not there`);
  return channel;
}

const MASK = (1n << 64n) - 1n;

/** What this viewer must show to name a user or (below zero) a channel; another viewer's is another number. */
export function accessHash(world: World, viewerId: number, target: number): bigint {
  let x = (BigInt(viewerId) * 0x9e3779b97f4a7c15n) ^ (BigInt(target) * 0xd1342543de82ef95n);
  x = (x ^ world.state.hashSecret) & MASK;
  x = ((x ^ (x >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  x = ((x ^ (x >> 27n)) * 0x94d049bb133111ebn) & MASK;
  return BigInt.asIntN(64, x ^ (x >> 31n));
}

export function seconds(ms: number): number {
  return Math.floor(ms / 1_000);
}
