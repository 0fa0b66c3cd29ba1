import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { pino } from 'pino';
import { DEFAULT_OPERATOR_TENANT } from '#lib/auth/authenticate.ts';
import { migrate } from '#lib/postgres/migrate.ts';
import { neededSchemas } from '../../../deploy/schemas.ts';

/** A session-pool process on a database of its own. */
export interface System {
  readonly url: string;
  readonly address: string;
  readonly admin: string;
  /** What every caller sends. */
  readonly apiKey: string;
  readonly sql: Client;
  /** Processor seconds that session-pool has used. */
  cpuSeconds(): Promise<number>;
  /** How many events wait for the relay. */
  backlog(): Promise<number>;
  /** Lets session-pool's relay work, where it was started with its lock taken away. */
  letRelayWork(): Promise<void>;
  stop(): Promise<void>;
}

export interface SystemOptions {
  /** Of the server; the system makes its own database there. */
  serverUrl: string;
  natsUrl: string | undefined;
  sessions: number;
  /** `paused`: somebody else holds the relay's lock, so this process's relay stands by. */
  relay?: 'running' | 'paused';
  env?: Record<string, string>;
  /** Writes a CPU profile of session-pool there when it ends. */
  profileFolder?: string;
}

export const TENANT = DEFAULT_OPERATOR_TENANT;
const MAIN = fileURLToPath(new URL('../../../services/session-pool/main.ts', import.meta.url));

export async function startSystem(options: SystemOptions): Promise<System> {
  const { natsUrl, relay = 'running' } = options;
  const { url, drop } = await createDatabase(options.serverUrl);
  const log = pino({ level: 'silent' });
  for (const { schema, folder } of neededSchemas({ natsUrl })) await migrate({ url, schema, folder, log });
  const sql = await connected(url);
  await sql.query('set search_path = session_pool');
  await addSessions(sql, options.sessions);
  const lock = relay === 'paused' ? await takeRelayLock(url) : undefined;
  const apiKey = `tgop_${randomBytes(24).toString('base64url')}`;
  const program = await startProgram(
    [...(options.profileFolder ? ['--cpu-prof', `--cpu-prof-dir=${options.profileFolder}`] : []), MAIN],
    {
      PATH: process.env['PATH'],
      DATABASE_URL: url,
      ...(natsUrl === undefined ? {} : { NATS_URL: natsUrl }),
      TELEGATE_MESH_KEY: randomBytes(32).toString('base64'),
      TELEGATE_MASTER_KEY: `1:${randomBytes(32).toString('base64')}`,
      TELEGATE_OPERATOR_KEY: apiKey,
      GRPC_PORT: '0',
      ADMIN_PORT: '0',
      SHUTDOWN_GRACE: '2s',
      ...options.env,
    },
    'serving',
  );
  const admin = `http://127.0.0.1:${String(program.said['admin_port'])}`;
  const stopAll = async (): Promise<void> => {
    await program.stop();
    await lock?.end();
    await sql.end();
    await drop();
  };
  let stopped: Promise<void> | undefined;
  return {
    url,
    address: `127.0.0.1:${String(program.said['grpc_port'])}`,
    admin,
    apiKey,
    sql,
    async cpuSeconds() {
      const text = await (await fetch(`${admin}/metrics`)).text();
      return sumOf(text, 'process_cpu_time');
    },
    async backlog() {
      const { rows } = await sql.query<{ count: number }>('select count(*)::int as count from outbox');
      return rows[0]!.count;
    },
    letRelayWork: async () => lock?.end(),
    stop: () => (stopped ??= stopAll()),
  };
}

/** Prometheus' text: every series of one metric, added up. */
export function sumOf(text: string, metric: string): number {
  return text
    .split('\n')
    .filter((line) => line.startsWith(metric))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

export interface Program {
  readonly child: ChildProcess;
  /** The line of its log that said it is ready. */
  readonly said: Record<string, unknown>;
  stop(): Promise<void>;
}

/**
 * A Node process that logs JSON lines; resolves at the line of the given event or kind. It logs to a file, as it would
 * to a collector: a pipe's reader would take the processor from what is measured.
 */
export async function startProgram(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  readyKind: string,
): Promise<Program> {
  const folder = await mkdtemp(join(tmpdir(), 'telegate-bench-'));
  const path = join(folder, 'log');
  const output = await open(path, 'w');
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', output.fd, output.fd] });
  await output.close();
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const said = await firstLine(path, readyKind, isOver).catch(async (error: unknown) => {
    child.kill('SIGKILL');
    await rm(folder, { recursive: true });
    throw new Error(`${args.at(-1)} did not start`, { cause: error });
  });
  return {
    child,
    said,
    async stop() {
      if (!isOver()) {
        const exit = once(child, 'exit');
        child.kill('SIGTERM');
        await exit;
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function firstLine(
  path: string,
  readyKind: string,
  isOver: () => boolean,
): Promise<Record<string, unknown>> {
  for (let attempt = 0; ; attempt += 1) {
    const wasOver = isOver();
    const lines = (await readFile(path, 'utf8')).split('\n').slice(0, -1);
    for (const line of lines) {
      if (!line.startsWith('{')) continue;
      const entry = JSON.parse(line) as Record<string, unknown>;
      if (entry['event'] === readyKind || entry['kind'] === readyKind) return entry;
    }
    if (wasOver || attempt > MOST_LOOKS) throw new Error(lines.slice(-10).join('\n'));
    await sleep(LOOK_MS);
  }
}

const LOOK_MS = 20;
const MOST_LOOKS = 60_000 / LOOK_MS;

async function connected(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  await client.connect();
  return client;
}

async function createDatabase(serverUrl: string): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `bench_${randomBytes(6).toString('hex')}`;
  const onServer = async (statement: string): Promise<void> => {
    const client = await connected(serverUrl);
    await client.query(statement);
    await client.end();
  };
  await onServer(`create database ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => onServer(`drop database if exists ${name} with (force)`) };
}

/** As a relay of another replica would: see services/lib/events/relay.ts. */
async function takeRelayLock(url: string): Promise<Client> {
  const client = await connected(url);
  await client.query(`select pg_advisory_lock(hashtextextended('telegate relay session_pool', 0))`);
  return client;
}

/** Sessions without keys: what is measured never looks at a key. */
export async function addSessions(sql: Client, count: number): Promise<void> {
  await sql.query(
    `with added as (
       insert into sessions (tenant_id, name, environment, data_center, source, fingerprint)
       select $1::uuid, 'session ' || number, 'local', 2, 'import', sha256(convert_to('bench ' || number, 'utf8'))
       from generate_series(1, $2::integer) as number
       returning session_id, tenant_id
     )
     insert into slots (session_id, tenant_id) select session_id, tenant_id from added order by session_id`,
    [TENANT, count],
  );
  await sql.query('vacuum analyze');
}
