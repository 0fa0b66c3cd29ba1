import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Client } from 'pg';
import { startEmbeddedPostgres } from '#lib/postgres/embedded.ts';
import { natsMissing, startNats } from '../../support/nats.ts';
import { startSystem, type System, type SystemOptions } from './system.ts';

export interface BenchOptions {
  /** A round of a rate takes so long. */
  readonly seconds: number;
  readonly rounds: number;
  readonly events: 'nats' | 'postgresql' | undefined;
  readonly profileFolder: string | undefined;
  say(text: string): void;
}

/** What all measurements of the pool stand on: one PostgreSQL with fsync, one broker. */
export interface Bench {
  readonly options: BenchOptions;
  readonly events: 'nats' | 'postgresql';
  readonly postgresVersion: string;
  readonly serverUrl: string;
  readonly natsUrl: string | undefined;
  /** session-pool on a new database, with 5,000 sessions unless said otherwise. */
  start(options?: Partial<Pick<SystemOptions, 'sessions' | 'relay' | 'env'>>): Promise<System>;
  stop(): Promise<void>;
}

export const SESSIONS = 5_000;

export async function openBench(options: BenchOptions): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), 'telegate-bench-'));
  const postgres = await startEmbeddedPostgres({
    dataDir: join(folder, 'postgres'),
    log: pino({ level: 'silent' }),
  });
  const wantsNats = options.events === undefined ? natsMissing === undefined : options.events === 'nats';
  const nats = wantsNats ? await startNats() : undefined;
  const natsUrl = nats?.url;
  const systems: System[] = [];
  return {
    options,
    events: nats ? 'nats' : 'postgresql',
    postgresVersion: await versionOf(postgres.url),
    serverUrl: postgres.url,
    natsUrl,
    async start(changes = {}) {
      const system = await startSystem({
        serverUrl: postgres.url,
        natsUrl,
        sessions: SESSIONS,
        profileFolder: options.profileFolder,
        ...changes,
      });
      systems.push(system);
      return system;
    },
    async stop() {
      // Those that a measurement that failed left behind.
      for (const system of systems) await system.stop();
      await nats?.stop();
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function versionOf(url: string): Promise<string> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ server_version: string }>('show server_version');
  await client.end();
  return rows[0]!.server_version;
}
