import { sql, type Kysely } from 'kysely';
import type pg from 'pg';
import { pause } from '#lib/lifecycle/clock.ts';
import type { Pool } from '../pool.ts';
import type { PoolTransaction } from '../slots.ts';
import type { PoolTables } from '../tables.ts';
import { SyncSuperseded } from './errors.ts';

/** What one comparison of folder and pool came to. */
export interface SyncResult {
  readonly added: number;
  readonly removed: number;
  /** Sessions of the tenant afterwards. */
  readonly total: number;
  /** At most MAX_FAULTS, by file name. */
  readonly faults: readonly { file: string; problem: string }[];
  readonly faultCount: number;
}

/** The one that may write: of all replicas, whoever last took the lock. */
export interface SyncRun {
  readonly tenantId: string;
  readonly runId: string;
  readonly startTime: Date;
}

const LOCK_NAME = 'telegate session_pool sync';
const TRY_EVERY_MS = 100;
const MAX_FAULTS = 1_000;

/**
 * Runs `body` while no other replica's does. The lock dies with its connection, which may be before `body` ends:
 * what writes checks by checkRun that nobody has taken over.
 */
export async function whileLocked<T>(pool: Pool, signal: AbortSignal, body: () => Promise<T>): Promise<T> {
  const client = await pool.database.pool.connect();
  client.on('error', ignoreBreak);
  let unlocked = false;
  try {
    while (!(await tryLock(client))) {
      await pause(pool.clock, TRY_EVERY_MS, signal);
      signal.throwIfAborted();
    }
    const outcome = await body();
    await client.query('select pg_advisory_unlock(hashtextextended($1, 0))', [LOCK_NAME]);
    unlocked = true;
    return outcome;
  } finally {
    client.off('error', ignoreBreak);
    client.release(!unlocked);
  }
}

/** The statement that runs, or the next, fails of it as well. */
function ignoreBreak(): void {}

async function tryLock(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ taken: boolean }>(
    'select pg_try_advisory_lock(hashtextextended($1, 0)) as taken',
    [LOCK_NAME],
  );
  return rows[0]?.taken === true;
}

export async function databaseTime(pool: Pool): Promise<Date> {
  const { rows } = await sql<{ at: Date }>`select clock_timestamp() as at`.execute(pool.database.kysely);
  return rows[0]!.at;
}

/** From now on no run before this one can write. */
export async function beginRun(pool: Pool, tenantId: string, runId: string): Promise<SyncRun> {
  const { rows } = await sql<{ at: Date }>`
    insert into session_sync (tenant_id, run_id) values (${tenantId}::uuid, ${runId}::uuid)
    on conflict (tenant_id) do update set run_id = excluded.run_id
    returning clock_timestamp() as at`.execute(pool.database.kysely);
  return { tenantId, runId, startTime: rows[0]!.at };
}

/** First in each transaction of a run; until its end nobody takes over. */
export async function checkRun(trx: PoolTransaction, { tenantId, runId }: SyncRun): Promise<void> {
  const { rows } = await sql`
    select from session_sync where tenant_id = ${tenantId}::uuid and run_id = ${runId}::uuid for share
  `.execute(trx);
  if (rows.length === 0) throw new SyncSuperseded();
}

export async function finishRun(
  trx: PoolTransaction,
  { tenantId, runId, startTime }: SyncRun,
  counts: { added: number; removed: number },
): Promise<SyncResult> {
  await sql`
    update session_sync set
      start_time = ${startTime}, end_time = clock_timestamp(),
      added = ${counts.added}, removed = ${counts.removed},
      total = (select count(*) from sessions where tenant_id = ${tenantId}::uuid),
      fault_count = (
        select count(*) from session_files where tenant_id = ${tenantId}::uuid and fault is not null)
    where tenant_id = ${tenantId}::uuid and run_id = ${runId}::uuid`.execute(trx);
  return (await readResult(trx, tenantId))!;
}

/** The last result, if that comparison began after this. */
export async function findResult(pool: Pool, tenantId: string, since: Date): Promise<SyncResult | undefined> {
  return readResult(pool.database.kysely, tenantId, since);
}

async function readResult(
  db: Kysely<PoolTables> | PoolTransaction,
  tenantId: string,
  since: Date | null = null,
): Promise<SyncResult | undefined> {
  const { rows } = await sql<{ added: number; removed: number; total: number; fault_count: number }>`
    select added, removed, total, fault_count from session_sync
    where tenant_id = ${tenantId}::uuid and start_time is not null
      and (${since}::timestamptz is null or start_time > ${since}::timestamptz)`.execute(db);
  const [row] = rows;
  if (!row) return undefined;
  const { rows: faults } = await sql<{ file: string; problem: string }>`
    select file_name as file, fault as problem from session_files
    where tenant_id = ${tenantId}::uuid and fault is not null
    order by file_name limit ${MAX_FAULTS}`.execute(db);
  const { added, removed, total, fault_count: faultCount } = row;
  return { added, removed, total, faults, faultCount };
}
