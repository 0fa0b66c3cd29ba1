import { sql, type Kysely } from 'kysely';
import type { PoolTransaction } from '../slots.ts';
import { CONDITION } from '../sessions/model.ts';
import type { PoolTables } from '../tables.ts';
import type { KnownFile, PooledSession } from './model.ts';
import type { FileFacts } from './session-file.ts';

type Executor = Kysely<PoolTables> | PoolTransaction;

/** A row of session_files. */
export interface FileRow extends KnownFile, FileFacts {
  readonly fileName: string;
  readonly settled: boolean;
  readonly broken: boolean;
  readonly fault: string | null;
}

export async function readFileRows(db: Executor, tenantId: string): Promise<Map<string, FileRow>> {
  const { rows } = await sql<{
    file_name: string;
    session_id: bigint | null;
    print: string | null;
    size: bigint;
    mtime_ms: number;
    inode: string;
    settled: boolean;
    broken: boolean;
    fault: string | null;
  }>`
    select file_name, session_id, encode(fingerprint, 'hex') as print, size, mtime_ms, inode, settled, broken,
      fault
    from session_files where tenant_id = ${tenantId}::uuid`.execute(db);
  return new Map(
    rows.map((row) => [
      row.file_name,
      {
        fileName: row.file_name,
        sessionId: row.session_id,
        print: row.print,
        size: Number(row.size),
        mtimeMs: row.mtime_ms,
        inode: BigInt(row.inode),
        settled: row.settled,
        broken: row.broken,
        fault: row.fault,
      },
    ]),
  );
}

export async function readPooledSessions(db: Executor, tenantId: string): Promise<PooledSession[]> {
  const { rows } = await sql<PooledSession>`
    select sessions.session_id as id, sessions.name, encode(sessions.fingerprint, 'hex') as print,
      sessions.source = 'sync' as "bySync",
      slots.lease_id is not null or coalesce(slots.claim_expire_time > clock_timestamp(), false) as busy,
      case when slots.condition <> ${CONDITION.LEAVING} then 'no'
        when sessions.condition_before_leaving is null then 'by_call' else 'by_sync' end as leaving
    from sessions join slots using (session_id)
    where sessions.tenant_id = ${tenantId}::uuid order by session_id`.execute(db);
  return rows;
}

/** Those of these keys that other tenants have. */
export async function findForeign(
  db: Executor,
  tenantId: string,
  prints: readonly string[],
): Promise<Set<string>> {
  if (prints.length === 0) return new Set();
  const { rows } = await sql<{ print: string }>`
    select encode(fingerprint, 'hex') as print from sessions
    where fingerprint in (select decode(print, 'hex') from unnest(${prints}::text[]) as print)
      and tenant_id <> ${tenantId}::uuid`.execute(db);
  return new Set(rows.map(({ print }) => print));
}

/**
 * Writes the rows and removes those of files that are gone. Sessions that left the pool meanwhile make it fail,
 * by foreign key.
 */
export async function writeFileRows(
  trx: PoolTransaction,
  tenantId: string,
  changed: readonly FileRow[],
  gone: readonly string[],
): Promise<void> {
  const column = <T>(value: (row: FileRow) => T): T[] => changed.map(value);
  // First all go: two files may change places.
  await sql`
    delete from session_files
    where tenant_id = ${tenantId}::uuid
      and file_name = any(${[...gone, ...column((row) => row.fileName)]}::text[])`.execute(trx);
  if (changed.length > 0)
    await sql`
      insert into session_files
        (tenant_id, file_name, session_id, fingerprint, size, mtime_ms, inode, settled, broken, fault)
      select ${tenantId}::uuid, file_name, session_id, decode(print, 'hex'), size, mtime_ms, inode, settled, broken,
        fault
      from unnest(
        ${column((row) => row.fileName)}::text[],
        ${column((row) => row.sessionId)}::bigint[],
        ${column((row) => row.print)}::text[],
        ${column((row) => row.size)}::bigint[],
        ${column((row) => row.mtimeMs)}::float8[],
        ${column((row) => String(row.inode))}::numeric[],
        ${column((row) => row.settled)}::boolean[],
        ${column((row) => row.broken)}::boolean[],
        ${column((row) => row.fault)}::text[]
      ) as file (file_name, session_id, print, size, mtime_ms, inode, settled, broken, fault)`.execute(trx);
}

/** Says of each session whether it has a file, by the rows. */
export async function markFiles(trx: PoolTransaction, tenantId: string): Promise<void> {
  await sql`
    update sessions set has_file = holds, revision = revision + 1
    from (
      select sessions.session_id, session_files.session_id is not null as holds
      from sessions left join session_files
        on session_files.session_id = sessions.session_id and not session_files.broken
      where sessions.tenant_id = ${tenantId}::uuid
    ) as found
    where sessions.session_id = found.session_id and has_file <> holds`.execute(trx);
}

export function isSameRow(a: FileRow, b: FileRow): boolean {
  return (
    a.sessionId === b.sessionId &&
    a.print === b.print &&
    a.size === b.size &&
    a.mtimeMs === b.mtimeMs &&
    a.inode === b.inode &&
    a.settled === b.settled &&
    a.broken === b.broken &&
    a.fault === b.fault
  );
}
