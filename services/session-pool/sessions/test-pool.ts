import { randomBytes, randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { fromBinary } from '@bufbuild/protobuf';
import { sql } from 'kysely';
import { Client } from 'pg';
import { pino } from 'pino';
import { expect } from 'vitest';
import { EventSchema, type Event } from '#gen/telegate/events/v1/events_pb.ts';
import { servicePrincipal, type Principal, type Scope } from '#lib/auth/principal.ts';
import type { MasterKeys } from '#lib/config/shared.ts';
import { systemClock, type Clock } from '#lib/lifecycle/clock.ts';
import { openDatabase } from '#lib/postgres/database.ts';
import type { CallContext } from '#lib/rpc/implement.ts';
import { renderMaterial } from '#lib/telegram/material/detect.ts';
import type { Material } from '#lib/telegram/material/material.ts';
import { createTestDatabase, expectNoLeaks } from '../../../tests/support/postgres.ts';
import type { Pool } from '../pool.ts';
import type { PoolTables } from '../tables.ts';

export interface TestPool extends Pool {
  readonly url: string;
  /** What was asked of the parts that are not here. */
  readonly woken: { relay: number; queues: string[] };
  readonly logged: string[];
  close(): Promise<void>;
}

export const QUARANTINE_MS = 120_000;
export const CONNECTIONS = 5;
const SCHEMA = 'session_pool';

/** A real database with the pool's tables; the relay and the queue only count how often they are woken. */
export async function openTestPool(
  options: { clock?: Clock; masterKeys?: MasterKeys } = {},
): Promise<TestPool> {
  const folder = fileURLToPath(new URL('../migrations', import.meta.url));
  const { url, drop } = await createTestDatabase({ migrations: [{ schema: SCHEMA, folder }] });
  const logged: string[] = [];
  const log = pino({ level: 'trace' }, { write: (line: string) => void logged.push(line) });
  const database = openDatabase<PoolTables>({
    url,
    schema: SCHEMA,
    poolSize: CONNECTIONS,
    applicationName: 'test',
    log,
  });
  const woken: TestPool['woken'] = { relay: 0, queues: [] };
  return {
    url,
    woken,
    logged,
    database,
    log,
    masterKeys: options.masterKeys ?? masterKeysOf(1),
    clock: options.clock ?? systemClock,
    settings: { quarantineMs: QUARANTINE_MS, queueLimit: 100, shutdownGraceMs: 10_000 },
    replicaId: randomUUID(),
    wakeRelay: () => void (woken.relay += 1),
    wakeQueue: (tenantIds) => void woken.queues.push(...tenantIds),
    async close() {
      await expectNoLeaks(database);
      await database.close();
      await drop();
    },
  };
}

/** The first encrypts. The same version has the same key in every test. */
export function masterKeysOf(...versions: [number, ...number[]]): MasterKeys {
  return {
    current: versions[0],
    keys: new Map(versions.map((version) => [version, Buffer.alloc(32, version)])),
  };
}

export function randomMaterial(more: Partial<Material> = {}): Material {
  return { dataCenter: 2, authKey: randomBytes(256), ...more };
}

export function telethonString(material: Material = randomMaterial()): Uint8Array {
  return renderMaterial(material, 'telethon-string');
}

export function newTenant(): string {
  return randomUUID();
}

export function callOf(
  tenantId: string,
  more: Partial<Principal> & { signal?: AbortSignal; onGoAway?: CallContext['onGoAway'] } = {},
): CallContext {
  const { signal, onGoAway, ...caller } = more;
  const scopes: ReadonlySet<Scope> = new Set(['pool:read', 'pool:admin', 'pool:credentials']);
  return {
    principal: { tenantId, subject: 'key:test', role: 'user', scopes, homeTenantId: tenantId, ...caller },
    signal: signal ?? new AbortController().signal,
    deadline: Infinity,
    remainingMs: () => Infinity,
    traceId: '0'.repeat(32),
    metadata: { get: () => undefined, has: () => false },
    peer: 'test',
    onGoAway: onGoAway ?? (() => () => undefined),
  };
}

export function meshCallOf(tenantId: string): CallContext {
  return callOf(tenantId, servicePrincipal('account-auth', tenantId));
}

/** Gives the session to somebody, as the leases' own statements would. */
export async function lease(
  pool: Pool,
  sessionId: bigint,
  options: { credentials?: boolean; ttlMs?: number; holder?: string } = {},
): Promise<string> {
  const { credentials = false, ttlMs = 30_000, holder = 'worker-7' } = options;
  const { rows } = await sql<{ lease_id: string }>`
    update slots set
      fencing_token = fencing_token + 1,
      lease_id = lease_uuid(session_id, fencing_token + 1, clock_timestamp()),
      holder = ${holder}, subject = 'key:other', credentials = ${credentials}, ttl_ms = ${ttlMs},
      acquire_time = clock_timestamp(), expire_time = clock_timestamp() + ${ttlMs} * interval '1 ms',
      last_used_time = clock_timestamp()
    where session_id = ${sessionId} returning lease_id`.execute(pool.database.kysely);
  return rows[0]!.lease_id;
}

/** A process holds the session's socket for so long from now. */
export async function claim(pool: Pool, sessionId: bigint, ttlMs = 15_000): Promise<void> {
  await sql`
    update slots set claim_process = 'messaging-1', claim_token = fencing_token,
      claim_expire_time = clock_timestamp() + ${ttlMs} * interval '1 ms'
    where session_id = ${sessionId}`.execute(pool.database.kysely);
}

/** The events of a session in the order of their writing. */
export async function eventsOf(pool: Pool, sessionId: bigint): Promise<Event[]> {
  const { rows } = await sql<{ payload: Buffer }>`
    select payload from outbox where entity_id = ${String(sessionId)} order by position`.execute(
    pool.database.kysely,
  );
  return rows.map(({ payload }) => fromBinary(EventSchema, payload));
}

export async function eventNames(pool: Pool, sessionId: bigint): Promise<string[]> {
  const events = await eventsOf(pool, sessionId);
  const sequences = events.map(({ sequence }) => sequence);
  const inOrder = sequences.toSorted((a, b) => Number(a - b));
  if (new Set(sequences).size < sequences.length || String(inOrder) !== String(sequences))
    throw new Error(`the events' sequence does not rise: ${sequences.join(', ')}`);
  return events.map(({ payload }) => payload.case ?? 'none');
}

export async function rowsOf(
  pool: Pool,
  table: 'session_keys' | 'audit' | 'sessions' | 'slots',
  sessionId: bigint,
): Promise<Record<string, unknown>[]> {
  const { rows } = await sql<Record<string, unknown>>`
    select * from ${sql.table(table)} where session_id = ${sessionId}`.execute(pool.database.kysely);
  return rows;
}

/**
 * Starts `body` while nobody can write to the table or lock its rows, and lets them when so many transactions wait for it: they
 * have all read what was there before, and now collide.
 */
export async function collide<T>(
  pool: TestPool,
  table: 'sessions' | 'slots' | 'replays',
  waiting: number,
  body: () => Promise<T>,
): Promise<T> {
  const holder = new Client({ connectionString: pool.url });
  await holder.connect();
  try {
    await holder.query('begin');
    await holder.query(`lock table session_pool.${table} in exclusive mode`);
    const running = body();
    await expect
      .poll(async () => {
        const { rows } = await holder.query<{ count: number }>(`
          select count(*)::integer from pg_locks join pg_database on pg_database.oid = database
          where not granted and datname = current_database()`);
        return rows[0]!.count;
      })
      .toBe(waiting);
    await holder.query('commit');
    return await running;
  } finally {
    await holder.end();
  }
}
