import { randomBytes, randomUUIDv7 } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import {
  MessagingService,
  type WatchMessagesResponse,
} from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import { ConnectionState } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { connect, type Client } from '#lib/rpc/client.ts';
import { renderMaterial } from '#lib/telegram/material/detect.ts';
import type { Bench } from '../pool/bench.ts';
import { startProgram, sumOf, type Program, type System } from '../pool/system.ts';
import { startLocal, type Local } from '../telegram/local.ts';

/** A pool, a local Telegram and messaging, each in processes of their own. */
export interface WatchMesh {
  readonly local: Local;
  /** So many accounts at Telegram, each with its session in the pool. */
  accounts(count: number): Promise<BenchAccount[]>;
  messaging(): Promise<MessagingProcess>;
  stop(): Promise<void>;
}

export interface BenchAccount {
  /** At Telegram. */
  readonly userId: string;
  readonly accountId: string;
}

export interface MessagingProcess {
  readonly program: Program;
  readonly client: Client<typeof MessagingService>;
  /** Processor seconds that it has used. */
  cpuSeconds(): Promise<number>;
  /** Resident bytes. */
  memory(): Promise<number>;
  stop(): Promise<void>;
}

const MAIN = fileURLToPath(new URL('../../../services/messaging/main.ts', import.meta.url));
const AT_ONCE = 32;

let made = 0;

export async function startWatchMesh(bench: Bench): Promise<WatchMesh> {
  const keys = {
    TELEGATE_MESH_KEY: randomBytes(32).toString('base64'),
    TELEGATE_MASTER_KEY: `1:${randomBytes(32).toString('base64')}`,
  };
  const system = await bench.start({ sessions: 0, env: keys });
  const local = await startLocal();
  const pool = connect(SessionPoolService, { address: system.address, apiKey: system.apiKey });
  const started: MessagingProcess[] = [];
  return {
    local,
    async accounts(count) {
      const all: BenchAccount[] = [];
      while (all.length < count) {
        const some = Math.min(AT_ONCE, count - all.length);
        all.push(...(await Promise.all(Array.from({ length: some }, () => newAccount(local, pool)))));
      }
      return all;
    },
    async messaging() {
      const one = await startMessaging(bench, system, { ...keys, LOCAL_TELEGRAM_ADDRESS: local.address });
      started.push(one);
      return one;
    },
    async stop() {
      for (const one of started) await one.stop();
      pool.close();
      await local.stop();
      await system.stop();
    },
  };
}

async function newAccount(local: Local, pool: Client<typeof SessionPoolService>): Promise<BenchAccount> {
  const { control, info } = local;
  const phone = `+1888${String(made++).padStart(7, '0')}`;
  const { account } = await control.createAccount({ account: { phone } });
  const { keys } = await control.createAuthorization({ accountId: account!.accountId, count: 1 });
  const { authKey } = keys[0]!;
  const { defaultDataCenter: home } = info;
  const address = info.dataCenters.find(({ dataCenter }) => dataCenter === home)!;
  const accountId = randomUUIDv7();
  await pool.importSession({
    name: accountId,
    accountId,
    environment: info.environment,
    material: renderMaterial(
      {
        dataCenter: home,
        authKey: Buffer.from(authKey),
        address: { host: address.host, port: address.port },
        apiId: 1,
        userId: BigInt(account!.accountId),
      },
      'pyrogram-string',
    ),
  });
  return { userId: account!.accountId, accountId };
}

async function startMessaging(
  { natsUrl }: Bench,
  system: System,
  env: Record<string, string>,
): Promise<MessagingProcess> {
  const program = await startProgram(
    [MAIN],
    {
      PATH: process.env['PATH'],
      DATABASE_URL: system.url,
      ...(natsUrl === undefined ? {} : { NATS_URL: natsUrl }),
      SESSION_POOL_ADDRESS: system.address,
      TELEGATE_OPERATOR_KEY: system.apiKey,
      GRPC_PORT: '0',
      ADMIN_PORT: '0',
      SHUTDOWN_GRACE: '2s',
      ...env,
    },
    'serving',
  );
  const client = connect(MessagingService, {
    address: `127.0.0.1:${String(program.said['grpc_port'])}`,
    apiKey: system.apiKey,
  });
  const metrics = async (): Promise<string> =>
    (await fetch(`http://127.0.0.1:${String(program.said['admin_port'])}/metrics`)).text();
  return {
    program,
    client,
    cpuSeconds: async () => sumOf(await metrics(), 'process_cpu_time'),
    memory: async () => sumOf(await metrics(), 'process_memory_usage'),
    async stop() {
      client.close();
      await program.stop();
    },
  };
}

/** A watch of all accounts, or of these; every event goes to `hear`. */
export function watchAll(
  client: Client<typeof MessagingService>,
  hear: (event: WatchMessagesResponse) => void,
  accountIds: string[] = [],
): { allConnected(count: number): Promise<void>; stop(): void } {
  const stopping = new AbortController();
  const up = new Set<string>();
  let waiting: { count: number; resolve: () => void } | undefined;
  void (async () => {
    for await (const event of client.watchMessages({ accountIds }, { signal: stopping.signal })) {
      if (event.event.case === 'connectionState') {
        if (event.event.value === ConnectionState.CONNECTED) up.add(event.accountId);
        else up.delete(event.accountId);
        if (waiting && up.size >= waiting.count) waiting.resolve();
      }
      hear(event);
    }
  })().catch((error: unknown) => {
    if (!stopping.signal.aborted) throw error;
  });
  return {
    async allConnected(count) {
      if (up.size >= count) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting = { count, resolve };
      await promise;
    },
    stop: () => stopping.abort(),
  };
}
