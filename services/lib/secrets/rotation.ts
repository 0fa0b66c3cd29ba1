import { sql } from 'kysely';
import type { MasterKeys } from '#lib/config/shared.ts';
import type { Database } from '#lib/postgres/database.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { rewrap, type SealedSecret, type SecretContext } from './envelope.ts';
import { SecretUndecryptable } from './errors.ts';

/** A table with the columns master_key_version, wrapped_key and ciphertext; rows without a secret are passed over. */
export interface SealedTable<Row> {
  readonly schema: string;
  readonly table: string;
  /** The column of the primary key. */
  readonly id: string;
  context(row: Row): SecretContext;
}

export interface TableRotation {
  rewrapped: number;
  /** Secrets that do not open, with a sentence that says why; they are left as they are. */
  failed: { id: string; problem: string }[];
  /** How many secrets each version of the master key still wraps. */
  left: Map<number, number>;
}

const ROWS_A_BATCH = 500;

interface StoredSecret {
  rotation_id: string;
  master_key_version: number;
  wrapped_key: Buffer;
  ciphertext: Buffer;
}

/**
 * Wraps every secret of the table by the current version of the master key, while its service runs. Undefined
 * where the table is not there: the service is not part of this deployment.
 */
export async function rotateTable<Row, Tables>(
  database: Database<Tables>,
  masterKeys: MasterKeys,
  sealed: SealedTable<Row>,
  signal?: AbortSignal,
): Promise<TableRotation | undefined> {
  const { schema } = sealed;
  const table = sql.id(schema, sealed.table);
  const id = sql.id(sealed.id);
  const { rows: found } = await sql<{ is_there: boolean }>`
    select to_regclass(${`${schema}.${sealed.table}`}) is not null as is_there`.execute(database.kysely);
  if (!found[0]?.is_there) return undefined;
  const rotation: TableRotation = { rewrapped: 0, failed: [], left: new Map() };
  // By id and not by "what is left": secrets that do not open would be met again and again.
  for (let after = ''; ;) {
    signal?.throwIfAborted();
    const batch = await transaction(database, async (trx) => {
      const { rows } = await sql<StoredSecret & Row>`
        select *, ${id}::text as rotation_id from ${table}
        where ${id}::text > ${after} and wrapped_key is not null
          and master_key_version <> ${masterKeys.current}
        order by ${id}::text limit ${sql.lit(ROWS_A_BATCH)} for no key update`.execute(trx);
      const failed: TableRotation['failed'] = [];
      const moved: (SealedSecret & { id: string })[] = [];
      for (const row of rows) {
        const outcome = rewrapped(masterKeys, sealed.context(row), row);
        if (typeof outcome === 'string') failed.push({ id: row.rotation_id, problem: outcome });
        else moved.push({ ...outcome, id: row.rotation_id });
      }
      // One statement: by itself each row would be looked for in the whole table, whose ids are compared as text.
      await sql`
        update ${table} set master_key_version = moved.version, wrapped_key = moved.wrapped
        from unnest(
          ${moved.map((row) => row.id)}::text[],
          ${moved.map((row) => row.masterKeyVersion)}::integer[],
          ${moved.map((row) => row.wrappedKey)}::bytea[]
        ) as moved (moved_id, version, wrapped)
        where ${id}::text = moved.moved_id`.execute(trx);
      return { last: rows.at(-1)?.rotation_id, rewrapped: rows.length - failed.length, failed };
    });
    if (batch.last === undefined) break;
    after = batch.last;
    rotation.rewrapped += batch.rewrapped;
    rotation.failed.push(...batch.failed);
  }
  const { rows: left } = await sql<{ version: number; count: number }>`
    select master_key_version as version, count(*)::int as count from ${table}
    where wrapped_key is not null group by master_key_version order by master_key_version`.execute(
    database.kysely,
  );
  for (const { version, count } of left) rotation.left.set(version, count);
  return rotation;
}

/** Or a sentence that says why it does not open. */
function rewrapped(masterKeys: MasterKeys, context: SecretContext, row: StoredSecret): SealedSecret | string {
  const { master_key_version: masterKeyVersion, wrapped_key: wrappedKey, ciphertext } = row;
  try {
    return rewrap(masterKeys, context, { masterKeyVersion, wrappedKey, ciphertext });
  } catch (error) {
    if (!(error instanceof SecretUndecryptable)) throw error;
    return error.message;
  }
}
