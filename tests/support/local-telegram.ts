import {
  startLocalTelegram,
  type LocalTelegram,
  type LocalTelegramOptions,
} from '../../services/local-telegram/local-telegram.ts';
import type { Telegram } from '../../services/local-telegram/telegram.ts';
import { createAccount, type NewAccount } from '../../services/local-telegram/world/accounts.ts';
import type { Account } from '../../services/local-telegram/world/state.ts';
import { createLogger } from '#lib/telemetry/log.ts';
import {
  Api,
  computeCheck,
  plainClient,
  resumedClient,
  type PlainOptions,
  type PlainTarget,
} from './gramjs.ts';

type PlainClient = ReturnType<typeof plainClient>;

export interface TestTelegram {
  local: LocalTelegram;
  telegram: Telegram;
  target: PlainTarget;
  account(wanted?: Partial<NewAccount>): Account;
  /** A client that is connected and logged in with a key made for it. */
  client(account: Account, options?: PlainOptions): Promise<PlainClient>;
  /** A client that is connected and logged in by a code, after an exchange of keys. */
  codeLogin(account: Account, options?: PlainOptions): Promise<PlainClient>;
  connected(options?: PlainOptions): Promise<PlainClient>;
  /** A client that goes on with a key that exists. */
  resumed(authKey: Buffer, options?: PlainOptions): Promise<PlainClient>;
  close(): Promise<void>;
}

let nextPhone = 1;

/** A local Telegram in this process; its clients are closed with it. */
export async function startTestTelegram(options: Partial<LocalTelegramOptions> = {}): Promise<TestTelegram> {
  const local = await startLocalTelegram({
    host: '127.0.0.1',
    port: 0,
    publicHost: '127.0.0.1',
    logger: createLogger({ service: 'local-telegram', level: 'error' }),
    ...options,
  });
  const { telegram } = local;
  const target: PlainTarget = { dataCenters: telegram.dataCenters, rsa: telegram.serverKey };
  const clients: PlainClient[] = [];
  const track = async (client: PlainClient): Promise<PlainClient> => {
    clients.push(client);
    await client.connect();
    return client;
  };
  // The library drops a zero that a key begins with: one exchange in 256 fails in its hands.
  const exchanged = async (plain: PlainOptions): Promise<PlainClient> => {
    for (let attempt = 0; attempt < 4; attempt += 1) {
      const client = plainClient(target, plain);
      clients.push(client);
      if (await client.connect()) return client;
    }
    throw new Error('no key exchange succeeded');
  };
  const made: TestTelegram = {
    local,
    telegram,
    target,
    account(wanted = {}) {
      const phone = `+1555${String(nextPhone++).padStart(7, '0')}`;
      return createAccount(telegram.world, { phone, dataCenter: 2, ...wanted });
    },
    async client(account, plain = {}) {
      const key = telegram.makeAuthorizedKey(account);
      return track(
        await resumedClient(target, { dataCenter: account.dataCenter, ...plain, authKey: key.key }),
      );
    },
    connected: (plain = {}) => exchanged(plain),
    async resumed(authKey, plain = {}) {
      return track(await resumedClient(target, { ...plain, authKey }));
    },
    async codeLogin(account, plain = {}) {
      const client = await exchanged({ dataCenter: account.dataCenter, ...plain });
      await signIn(made, client, account);
      return client;
    },
    async close() {
      await Promise.all(clients.map((client) => client.destroy()));
      await local.close();
    },
  };
  return made;
}

export async function signIn(
  { telegram }: TestTelegram,
  client: PlainClient,
  account: Account,
): Promise<void> {
  const sent = await client.invoke(
    new Api.auth.SendCode({
      phoneNumber: account.phone,
      apiId: 1,
      apiHash: 'local',
      settings: new Api.CodeSettings({}),
    }),
  );
  const { phoneCodeHash } = sent as Api.auth.SentCode;
  const { code } = telegram.logins.code(account.phone)!;
  await client.invoke(new Api.auth.SignIn({ phoneNumber: account.phone, phoneCodeHash, phoneCode: code }));
}

export async function provePassword(
  client: PlainClient,
  password: string,
): Promise<Api.auth.TypeAuthorization> {
  const asked = await client.invoke(new Api.account.GetPassword());
  return client.invoke(new Api.auth.CheckPassword({ password: await computeCheck(asked, password) }));
}

/** The text of the error that a call ends with. */
export async function errorOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return (error as { errorMessage?: string }).errorMessage ?? String(error);
  }
  throw new Error('the call succeeded');
}
