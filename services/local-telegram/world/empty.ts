import { AccountState } from '#gen/telegate/local_telegram/v1/world_pb.ts';
import { SERVICE_ACCOUNT_ID, type Account, type Box, type WorldState } from './state.ts';

const FIRST_ACCOUNT_ID = 5_000_000_001;
const FIRST_CHANNEL_ID = 2_000_000_001;

export function emptyBox(): Box {
  return { pts: 1, events: [], time: 0 };
}

export function emptyWorld(options: {
  environment: string;
  privateKeyPem: string;
  hashSecret: bigint;
  dataCenter: number;
  now: number;
}): WorldState {
  const state: WorldState = {
    version: 1,
    environment: options.environment,
    privateKeyPem: options.privateKeyPem,
    hashSecret: options.hashSecret,
    nextAccountId: FIRST_ACCOUNT_ID,
    nextChannelId: FIRST_CHANNEL_ID,
    nextFileId: 1n,
    accounts: new Map(),
    accountByPhone: new Map(),
    usernames: new Map(),
    channels: new Map(),
    keys: new Map(),
    files: new Map(),
  };
  clearWorld(state, options);
  return state;
}

/** Forgets everybody and everything; ids are not given again. */
export function clearWorld(state: WorldState, options: { dataCenter: number; now: number }): void {
  for (const map of [
    state.accounts,
    state.accountByPhone,
    state.usernames,
    state.channels,
    state.keys,
    state.files,
  ])
    map.clear();
  state.accounts.set(
    SERVICE_ACCOUNT_ID,
    emptyAccount({
      id: SERVICE_ACCOUNT_ID,
      phone: '+42777',
      firstName: 'Telegram',
      ...options,
      isService: true,
    }),
  );
}

export function emptyAccount(options: {
  id: number;
  phone: string;
  firstName: string;
  dataCenter: number;
  now: number;
  isService?: boolean;
}): Account {
  return {
    id: options.id,
    phone: options.phone,
    firstName: options.firstName,
    lastName: '',
    username: '',
    password: undefined,
    passwordHint: '',
    dataCenter: options.dataCenter,
    state: AccountState.ACTIVE,
    premium: false,
    createTime: options.now,
    isService: options.isService ?? false,
    box: emptyBox(),
    messages: new Map(),
    lastMessageId: 0,
    dialogs: new Map(),
    channels: new Set(),
    sent: new Map(),
    scheduled: new Map(),
    lastScheduledId: 0,
  };
}
