import type { MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type {
  CreateAccountRequestSchema,
  NewAccount as NewAccountMessage,
} from '#gen/telegate/local_telegram/v1/local_telegram_service_pb.ts';
import type { LocalTelegramService } from '#gen/telegate/local_telegram/v1/local_telegram_service_pb.ts';
import { AccountState, type AccountSchema } from '#gen/telegate/local_telegram/v1/world_pb.ts';
import { AlreadyExists, NotFound } from '#lib/rpc/errors.ts';
import type { Handlers } from '#lib/rpc/implement.ts';
import { DEFAULT_DATA_CENTER } from '../data-centers.ts';
import type { Telegram } from '../telegram.ts';
import { accountByPhone, createAccount, normalPhone, setPassword, setUsername } from '../world/accounts.ts';
import type { Account } from '../world/state.ts';
import { accountById, invalid, maskPaths, stamp, textWithin } from './fields.ts';
import { pageOf } from './paging.ts';

type Calls = Handlers<typeof LocalTelegramService>;

const MOST_AT_ONCE = 10_000;
const PHONE = /^\+[1-9]\d{6,14}$/;
const USERNAME = /^[A-Za-z]\w{3,31}$/;

export function accountRoutes(
  telegram: Telegram,
): Pick<Calls, 'createAccount' | 'createAccounts' | 'getAccount' | 'listAccounts' | 'updateAccount'> {
  const { world } = telegram;
  return {
    createAccount: async ({ account }: MessageShape<typeof CreateAccountRequestSchema>) => {
      if (!account) throw invalid('account', 'is missing');
      const [made] = createAll(telegram, [account], () => 'account');
      return { account: accountMessage(telegram, made!) };
    },
    createAccounts: async ({ accounts }) => {
      if (accounts.length > MOST_AT_ONCE) throw invalid('accounts', `must be at most ${MOST_AT_ONCE}`);
      const made = createAll(telegram, accounts, (index) => `accounts[${index}]`);
      return { accounts: made.map((one) => accountMessage(telegram, one)) };
    },
    getAccount: async ({ name }) => ({ account: accountMessage(telegram, find(telegram, name)) }),
    listAccounts: async (request) => {
      const all = [...world.state.accounts.values()].filter(({ isService }) => !isService);
      const { shown, nextPageToken } = pageOf('accounts', request, all);
      return { accounts: shown.map((one) => accountMessage(telegram, one)), nextPageToken };
    },
    updateAccount: async ({ account: wanted, updateMask, password }) => {
      if (!wanted) throw invalid('account', 'is missing');
      const account = accountById(telegram, wanted.accountId, 'account.account_id');
      const paths = new Set(
        maskPaths(updateMask, [
          'first_name',
          'last_name',
          'username',
          'password_hint',
          'state',
          'premium',
          'password',
        ]),
      );
      if (paths.has('first_name')) textWithin('account.first_name', wanted.firstName, 64, 1);
      if (paths.has('last_name')) textWithin('account.last_name', wanted.lastName, 64);
      if (paths.has('username')) checkUsername(telegram, 'account.username', wanted.username, account.id);
      if (paths.has('password')) textWithin('password', password, 256);
      if (paths.has('first_name')) account.firstName = wanted.firstName;
      if (paths.has('last_name')) account.lastName = wanted.lastName;
      if (paths.has('username')) setUsername(world, account.id, account, wanted.username);
      if (paths.has('password_hint')) account.passwordHint = wanted.passwordHint.slice(0, 255);
      if (paths.has('state')) account.state = wanted.state || AccountState.ACTIVE;
      if (paths.has('premium')) account.premium = wanted.premium;
      if (paths.has('password')) setPassword(world, account, password);
      return { account: accountMessage(telegram, account) };
    },
  };
}

function find(
  telegram: Telegram,
  name: { case: 'accountId' | 'phone' | 'username'; value: string } | { case: undefined; value?: undefined },
): Account {
  if (name.case === 'accountId') return accountById(telegram, name.value);
  if (name.case === undefined) throw invalid('name', 'one of account_id, phone and username must be set');
  const { state } = telegram.world;
  const found =
    name.case === 'phone'
      ? accountByPhone(telegram.world, name.value)
      : state.accounts.get(state.usernames.get(name.value.replace(/^@/, '').toLowerCase()) ?? 0);
  if (!found || found.isService) throw new NotFound('account', name.value.slice(0, 60));
  return found;
}

/** All or none: everything is checked before the first is made. */
function createAll(
  telegram: Telegram,
  wanted: readonly NewAccountMessage[],
  fieldOf: (index: number) => string,
): Account[] {
  const phones = new Set<string>();
  const usernames = new Set<string>();
  for (const [index, one] of wanted.entries()) {
    const field = fieldOf(index);
    if (!PHONE.test(one.phone)) throw invalid(`${field}.phone`, 'must be in E.164, as +15550000001');
    if (phones.has(one.phone) || accountByPhone(telegram.world, one.phone))
      throw new AlreadyExists('account', one.phone);
    phones.add(one.phone);
    checkUsername(telegram, `${field}.username`, one.username, 0);
    const username = one.username.toLowerCase();
    if (username !== '' && usernames.has(username)) throw new AlreadyExists('username', one.username);
    usernames.add(username);
    textWithin(`${field}.first_name`, one.firstName, 64);
    textWithin(`${field}.last_name`, one.lastName, 64);
    textWithin(`${field}.password`, one.password, 256);
    if (one.dataCenter !== 0 && !telegram.dataCenters.some(({ id }) => id === one.dataCenter))
      throw invalid(
        `${field}.data_center`,
        `must be one of ${telegram.dataCenters.map(({ id }) => id).join(', ')}`,
      );
  }
  return wanted.map((one) =>
    createAccount(telegram.world, {
      phone: normalPhone(one.phone),
      firstName: one.firstName,
      lastName: one.lastName,
      username: one.username,
      password: one.password,
      passwordHint: one.passwordHint,
      dataCenter: one.dataCenter || DEFAULT_DATA_CENTER,
      state: one.state || AccountState.ACTIVE,
      premium: one.premium,
    }),
  );
}

/** Free, or held by this chat already; empty is none. */
export function checkUsername({ world }: Telegram, field: string, username: string, chat: number): void {
  if (username === '') return;
  if (!USERNAME.test(username)) throw invalid(field, 'must be 4 to 32 letters, digits and _, a letter first');
  const holder = world.state.usernames.get(username.toLowerCase());
  if (holder !== undefined && holder !== chat) throw new AlreadyExists('username', username);
}

function accountMessage(telegram: Telegram, account: Account): MessageInitShape<typeof AccountSchema> {
  return {
    accountId: String(account.id),
    phone: account.phone,
    firstName: account.firstName,
    lastName: account.lastName,
    username: account.username,
    hasPassword: account.password !== undefined,
    passwordHint: account.passwordHint,
    dataCenter: account.dataCenter,
    state: account.state,
    premium: account.premium,
    createTime: stamp(account.createTime),
    liveAuthorizations: telegram.keysOf(account.id).size,
  };
}
