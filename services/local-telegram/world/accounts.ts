import { AccountState } from '#gen/telegate/local_telegram/v1/world_pb.ts';
import { emptyAccount } from './empty.ts';
import type { Account } from './state.ts';
import type { World } from './world.ts';

export interface NewAccount {
  phone: string;
  firstName?: string;
  lastName?: string;
  username?: string;
  password?: string;
  passwordHint?: string;
  dataCenter: number;
  state?: AccountState;
  premium?: boolean;
}

export function createAccount(world: World, wanted: NewAccount): Account {
  const { state } = world;
  const id = state.nextAccountId++;
  const firstName = wanted.firstName || `User ${wanted.phone.slice(-4)}`;
  const account = emptyAccount({
    id,
    phone: wanted.phone,
    firstName,
    dataCenter: wanted.dataCenter,
    now: world.now(),
  });
  account.lastName = wanted.lastName ?? '';
  account.passwordHint = wanted.passwordHint ?? '';
  account.state = wanted.state ?? AccountState.ACTIVE;
  account.premium = wanted.premium ?? false;
  setPassword(world, account, wanted.password ?? '');
  state.accounts.set(id, account);
  state.accountByPhone.set(wanted.phone, id);
  setUsername(world, id, account, wanted.username ?? '');
  return account;
}

export function setPassword(world: World, account: Account, text: string): void {
  account.password = text === '' ? undefined : { text, salt1: world.random(16), salt2: world.random(16) };
}

/** Of an account or, with a chat below zero, of a channel. */
export function setUsername(world: World, chat: number, named: { username: string }, username: string): void {
  const { usernames } = world.state;
  if (named.username !== '') usernames.delete(named.username.toLowerCase());
  named.username = username;
  if (username !== '') usernames.set(username.toLowerCase(), chat);
}

export function accountByPhone(world: World, phone: string): Account | undefined {
  const id = world.state.accountByPhone.get(normalPhone(phone));
  return id === undefined ? undefined : world.state.accounts.get(id);
}

/** Clients leave the plus out, or put blanks in. */
export function normalPhone(phone: string): string {
  return `+${phone.replace(/\D/g, '')}`;
}
