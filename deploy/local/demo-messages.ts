import { randomInt } from 'node:crypto';
import { AccountAuthService } from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import {
  LocalTelegramService,
  type GetServerInfoResponse,
} from '#gen/telegate/local_telegram/v1/local_telegram_service_pb.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { ConnectionState } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import { MessagingService } from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { pause, type Clock } from '#lib/lifecycle/clock.ts';
import { connect, type Client } from '#lib/rpc/client.ts';
import { DomainError } from '#lib/rpc/errors.ts';
import { renderMaterial } from '#lib/telegram/material/detect.ts';
import type { Tour } from './demo-tour.ts';
import { check, told } from './demo-tour.ts';
import type { MeshFile } from './mesh-file.ts';

const DEADLINE_MS = 15_000;
const LOOK_EVERY_MS = 50;

export interface MessageTour {
  tour: Tour;
  mesh: MeshFile;
  /** Of a user with a tenant of its own: nobody else takes its sessions. */
  token: string;
  clock: Clock;
  /** Distinguishes what this tour makes from that of others. */
  name: string;
}

interface Site extends MessageTour {
  readonly pool: Client<typeof SessionPoolService>;
  readonly telegram: Client<typeof LocalTelegramService>;
  readonly accounts: Client<typeof AccountAuthService>;
}

interface Member {
  readonly accountId: string;
  readonly sessionId: bigint;
  readonly username: string;
}

/** Two accounts of the local Telegram: the one writes, the other's watch hears of it. */
export async function messageTour(options: MessageTour): Promise<void> {
  const { tour, mesh, token, name } = options;
  const { messaging, local_telegram: local, account_auth: auth, session_pool: pooled } = mesh.endpoints;
  if (!messaging || !local || !auth || !pooled) return;
  const asUser = { token, defaultDeadlineMs: DEADLINE_MS };
  const messages = connect(MessagingService, { ...asUser, address: messaging.grpc });
  const accounts = connect(AccountAuthService, { ...asUser, address: auth.grpc });
  const pool = connect(SessionPoolService, { ...asUser, address: pooled.grpc });
  const telegram = connect(LocalTelegramService, {
    apiKey: mesh.apiKey,
    address: local.grpc,
    defaultDeadlineMs: DEADLINE_MS,
  });
  tour.afterwards('closing connections', () => {
    for (const client of [messages, telegram, accounts, pool]) client.close();
    return Promise.resolve();
  });
  const site = { ...options, pool, telegram, accounts };

  const [reader, writer] = await tour.step(
    'two accounts of the local Telegram come to the pool',
    async () => {
      const info = await telegram.getServerInfo({});
      const both = [await bringIn(site, info, 'reader'), await bringIn(site, info, 'writer')] as const;
      return told(both.map(({ username }) => `@${username}`).join(' and '), both);
    },
  );

  await tour.step('what the one sends arrives on a watch of the other', async () => {
    const deadline = AbortSignal.timeout(DEADLINE_MS);
    const watch = messages.watchMessages({ accountIds: [reader.accountId] }, { signal: deadline });
    const text = `hello from ${name}`;
    let sentAt = 0;
    for await (const { event } of watch) {
      if (event.case === 'connectionState' && event.value === ConnectionState.CONNECTED && sentAt === 0) {
        sentAt = options.clock.monotonic();
        await messages.sendMessage({
          actor: { actor: { case: 'sessionId', value: writer.sessionId } },
          peer: `@${reader.username}`,
          text,
          requestId: name,
        });
      }
      if (event.case !== 'messageAdded') continue;
      check(event.value.text === text, `the text “${text}”`);
      return told(`“${text}”, ${Math.round(options.clock.monotonic() - sentAt)} ms after it was handed in`);
    }
    throw new Error('the watch ended');
  });
}

async function bringIn(
  { tour, pool, telegram, accounts, clock, name }: Site,
  info: GetServerInfoResponse,
  role: string,
): Promise<Member> {
  const username = `${name.replace('-', '_')}_${role}`;
  const phone = `+1557${String(randomInt(10_000_000)).padStart(7, '0')}`;
  const { account } = await telegram.createAccount({ account: { phone, firstName: 'Demo', username } });
  const { keys } = await telegram.createAuthorization({ accountId: account!.accountId, count: 1 });
  const { defaultDataCenter: dataCenter, environment } = info;
  const address = info.dataCenters.find((one) => one.dataCenter === dataCenter);
  check(address !== undefined && keys[0] !== undefined, 'a key, and where it belongs');
  const material = renderMaterial(
    {
      dataCenter,
      authKey: Buffer.from(keys[0].authKey),
      address: { host: address.host, port: address.port },
      apiId: 1,
      userId: BigInt(account!.accountId),
    },
    'pyrogram-string',
  );
  const imported = await pool.importSession({
    name: `${name}-${role}`,
    material,
    environment,
    labels: { 'telegate.demo': 'true' },
  });
  const { sessionId } = imported.session!;
  const until = clock.monotonic() + DEADLINE_MS;
  for (;;) {
    const { session } = await pool.getSession({ sessionId });
    const accountId = session?.accountId ?? '';
    if (accountId !== '') {
      tour.afterwards(`deleting the ${role}`, async () => {
        await accounts.deleteAccount({ accountId, force: true });
        await isGone({ pool, clock }, sessionId);
      });
      return { accountId, sessionId, username };
    }
    check(clock.monotonic() < until, 'the session to get its account');
    await pause(clock, LOOK_EVERY_MS);
  }
}

/** The account is gone at once; its session when messaging has closed the socket. */
async function isGone({ pool, clock }: Pick<Site, 'pool' | 'clock'>, sessionId: bigint): Promise<void> {
  const until = clock.monotonic() + DEADLINE_MS;
  for (;;) {
    const found = await pool.getSession({ sessionId }).catch((error: unknown) => error);
    if (found instanceof DomainError && found.reason === ErrorReason.NOT_FOUND) return;
    check(clock.monotonic() < until, `session ${sessionId} to leave the pool`);
    await pause(clock, LOOK_EVERY_MS);
  }
}
