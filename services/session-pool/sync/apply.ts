import { sql } from 'kysely';
import { DatabaseError } from 'pg';
import { appendEvents } from '#lib/events/outbox.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import type { Material } from '#lib/telegram/material/material.ts';
import { sessionEvent } from '../events.ts';
import type { Pool } from '../pool.ts';
import { sealMaterial } from '../sessions/credentials.ts';
import { CONDITION, isAhead } from '../sessions/model.ts';
import { removeLocked } from '../sessions/removal.ts';
import { lockSlots, readClock, type PoolTransaction } from '../slots.ts';
import { checkRun, type SyncRun } from './runs.ts';
import { markFiles, writeFileRows, type FileRow } from './store.ts';

/** What is in a folder of files belongs to Telegram's own production servers. */
const ENVIRONMENT = 'telegram';

/**
 * One transaction each would be thousands of commits, one for all would hold others up for seconds. Batches of
 * 100, 300 and 1,000 took the same time for 5,000 files.
 */
const SESSIONS_A_BATCH = 300;

const UNIQUE_VIOLATION = '23505';
const FOREIGN_KEY_VIOLATION = '23503';

/**
 * Removes sessions, those in use when they are not any more: until then nobody else gets them. Answers how many
 * will go that were not going already.
 */
export async function removeGone(pool: Pool, run: SyncRun, sessionIds: readonly bigint[]): Promise<number> {
  let removed = 0;
  for (const batch of batches(sessionIds.toSorted(compareIds))) {
    removed += await transaction(pool.database, async (trx) => {
      await checkRun(trx, run);
      const slots = await lockSlots(trx, batch);
      const now = await readClock(trx);
      const ids = (busy: boolean): bigint[] =>
        slots
          .filter((slot) => (slot.lease_id !== null || isAhead(slot.claim_expire_time, now)) === busy)
          .map((slot) => slot.session_id);
      await removeLocked(trx, ids(false));
      return ids(false).length + (await letLeave(trx, ids(true)));
    });
    pool.wakeRelay();
  }
  return removed;
}

async function letLeave(trx: PoolTransaction, sessionIds: readonly bigint[]): Promise<number> {
  if (sessionIds.length === 0) return 0;
  const { rows } = await sql<{ session_id: bigint; condition: number }>`
    with before as materialized (
      select session_id, condition from slots
      where session_id = any(${sessionIds}::bigint[]) and condition <> ${CONDITION.LEAVING}
    )
    update slots set condition = ${CONDITION.LEAVING} from before
    where slots.session_id = before.session_id
    returning before.session_id, before.condition`.execute(trx);
  await sql`
    update sessions set condition_before_leaving = before.condition
    from unnest(
      ${rows.map((row) => row.session_id)}::bigint[], ${rows.map((row) => row.condition)}::smallint[]
    ) as before (session_id, condition)
    where sessions.session_id = before.session_id`.execute(trx);
  return rows.length;
}

/** Renames sessions and keeps those whose file came back; false when somebody took a name meanwhile. */
export async function renameAndRevive(
  pool: Pool,
  run: SyncRun,
  changes: { renames: ReadonlyMap<bigint, string>; revivals: readonly bigint[] },
): Promise<boolean> {
  const { renames, revivals } = changes;
  if (renames.size === 0 && revivals.length === 0) return true;
  return unlessMoved(async () => {
    await transaction(pool.database, async (trx) => {
      await checkRun(trx, run);
      await revive(trx, revivals);
      await rename(trx, renames);
    });
    pool.wakeQueue([run.tenantId]);
  });
}

async function revive(trx: PoolTransaction, sessionIds: readonly bigint[]): Promise<void> {
  await lockSlots(trx, sessionIds);
  await sql`
    update slots set condition = sessions.condition_before_leaving from sessions
    where slots.session_id = sessions.session_id and slots.session_id = any(${sessionIds}::bigint[])
      and slots.condition = ${CONDITION.LEAVING} and sessions.condition_before_leaving is not null
  `.execute(trx);
  await sql`
    update sessions set condition_before_leaving = null
    where session_id = any(${sessionIds}::bigint[])`.execute(trx);
}

async function rename(trx: PoolTransaction, renames: ReadonlyMap<bigint, string>): Promise<void> {
  const ids = [...renames.keys()];
  // First to names that nobody has and no file can have: sessions may change places.
  await sql`
    update sessions set name = '/' || session_id where session_id = any(${ids}::bigint[])`.execute(trx);
  await sql`
    update sessions set name = renamed.name, revision = revision + 1
    from unnest(${ids}::bigint[], ${[...renames.values()]}::text[]) as renamed (session_id, name)
    where sessions.session_id = renamed.session_id`.execute(trx);
}

export interface NewFile {
  readonly name: string;
  readonly material: Material;
  readonly row: FileRow;
}

/** Adds sessions with their keys, slots, files and events; answers how many: the rest met a name or key. */
export async function addFiles(
  pool: Pool,
  run: SyncRun,
  files: readonly NewFile[],
  onProgress: (done: number) => void,
): Promise<number> {
  let added = 0;
  let done = 0;
  for (const batch of batches(files)) {
    added += await transaction(pool.database, async (trx) => {
      await checkRun(trx, run);
      return addBatch(trx, pool, run.tenantId, batch);
    });
    pool.wakeRelay();
    pool.wakeQueue([run.tenantId]);
    done += batch.length;
    onProgress(done);
  }
  return added;
}

async function addBatch(
  trx: PoolTransaction,
  pool: Pool,
  tenantId: string,
  batch: readonly NewFile[],
): Promise<number> {
  const { rows } = await sql<{ session_id: bigint; name: string; at: Date }>`
    insert into sessions (tenant_id, name, environment, data_center, source, has_file, fingerprint)
    select ${tenantId}::uuid, name, ${ENVIRONMENT}, data_center, 'sync', true, decode(print, 'hex')
    from unnest(
      ${batch.map(({ name }) => name)}::text[],
      ${batch.map(({ material }) => material.dataCenter)}::smallint[],
      ${batch.map(({ row }) => row.print)}::text[]
    ) as file (name, data_center, print)
    on conflict do nothing
    returning session_id, name, clock_timestamp() as at`.execute(trx);
  const files = new Map(batch.map((file) => [file.name, file]));
  const added = rows.map((row) => ({ ...row, file: files.get(row.name)! }));
  const keys = added.map(({ session_id, file }) =>
    sealMaterial(pool.masterKeys, { session_id, tenant_id: tenantId }, file.material),
  );
  const ids = added.map(({ session_id }) => session_id);
  await sql`
    insert into session_keys (session_id, master_key_version, wrapped_key, ciphertext)
    select * from unnest(
      ${ids}::bigint[],
      ${keys.map(({ masterKeyVersion }) => masterKeyVersion)}::integer[],
      ${keys.map(({ wrappedKey }) => wrappedKey)}::bytea[],
      ${keys.map(({ ciphertext }) => ciphertext)}::bytea[]
    )`.execute(trx);
  await sql`
    insert into slots (session_id, tenant_id, event_sequence)
    select session_id, ${tenantId}::uuid, 1 from unnest(${ids}::bigint[]) as session_id`.execute(trx);
  await writeFileRows(
    trx,
    tenantId,
    added.map(({ session_id, file }) => ({ ...file.row, sessionId: session_id })),
    [],
  );
  await appendEvents(
    trx,
    added.map(({ session_id, name, at }) =>
      sessionEvent(
        { session_id, tenant_id: tenantId, event_sequence: 1n, occur_time: at },
        {
          case: 'sessionAdded',
          value: { sessionId: session_id, name, environment: ENVIRONMENT, source: 'sync' },
        },
      ),
    ),
  );
  return added.length;
}

/** False when sessions that rows name left the pool meanwhile. */
export async function recordFiles(
  pool: Pool,
  run: SyncRun,
  rows: { changed: readonly FileRow[]; gone: readonly string[] },
): Promise<boolean> {
  return unlessMoved(() =>
    transaction(pool.database, async (trx) => {
      await checkRun(trx, run);
      await writeFileRows(trx, run.tenantId, rows.changed, rows.gone);
      await markFiles(trx, run.tenantId);
    }),
  );
}

/** Sync plans on what it read a moment ago; where somebody was quicker, the database says so. */
async function unlessMoved(work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (
      error instanceof DatabaseError &&
      [UNIQUE_VIOLATION, FOREIGN_KEY_VIOLATION].includes(error.code ?? '')
    )
      return false;
    throw error;
  }
}

function* batches<T>(items: readonly T[]): Generator<T[]> {
  for (let from = 0; from < items.length; from += SESSIONS_A_BATCH)
    yield items.slice(from, from + SESSIONS_A_BATCH);
}

function compareIds(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
