import { sql } from 'kysely';
import type { MasterKeys } from '#lib/config/shared.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { rewrap } from '#lib/secrets/envelope.ts';
import { SecretUndecryptable } from '#lib/secrets/errors.ts';
import type { PoolTransaction } from '../slots.ts';
import type { PoolDatabase } from '../tables.ts';
import { keyContext, sealedSecret, type KeyOwner, type StoredKey } from './credentials.ts';

export interface RotationProgress {
  /** Keys that are wrapped by the current master key now and were not before. */
  rewrapped: number;
  /** Sessions whose key does not open, with a sentence that says why; they are left as they are. */
  failed: { sessionId: bigint; problem: string }[];
}

export interface RotationOutcome extends RotationProgress {
  /** How many keys each version of the master key still wraps. A version that is not here can be removed. */
  left: Map<number, number>;
}

const KEYS_A_BATCH = 500;

/**
 * Wraps every session key by the current version of the master key. The mesh may run meanwhile: a key opens
 * before, during and after. Each batch is committed by itself, so an interrupted run is continued by another.
 */
export async function rotateKeys(
  pool: { readonly database: PoolDatabase; readonly masterKeys: MasterKeys },
  options: {
    onProgress?: (progress: Readonly<RotationProgress>) => void;
    batchSize?: number;
    signal?: AbortSignal;
  } = {},
): Promise<RotationOutcome> {
  const { onProgress, batchSize = KEYS_A_BATCH, signal } = options;
  const progress: RotationProgress = { rewrapped: 0, failed: [] };
  // By id and not by "what is left": keys that do not open would be met again and again.
  for (let after = 0n; ;) {
    signal?.throwIfAborted();
    const batch = await transaction(pool.database, (trx) =>
      rotateBatch(trx, pool.masterKeys, after, batchSize),
    );
    if (batch.last === undefined) break;
    after = batch.last;
    progress.rewrapped += batch.rewrapped;
    progress.failed.push(...batch.failed);
    onProgress?.(progress);
  }
  return { ...progress, left: await countByVersion(pool.database) };
}

interface Batch extends RotationProgress {
  last: bigint | undefined;
}

async function rotateBatch(
  trx: PoolTransaction,
  masterKeys: MasterKeys,
  after: bigint,
  limit: number,
): Promise<Batch> {
  const { rows } = await sql<KeyOwner & StoredKey>`
    select session_keys.*, sessions.tenant_id from session_keys join sessions using (session_id)
    where session_id > ${after} and master_key_version <> ${masterKeys.current}
    order by session_id limit ${limit} for no key update of session_keys`.execute(trx);
  const failed: RotationProgress['failed'] = [];
  const moved = rows.flatMap((row) => {
    try {
      return [{ ...rewrap(masterKeys, keyContext(row), sealedSecret(row)), sessionId: row.session_id }];
    } catch (error) {
      if (!(error instanceof SecretUndecryptable)) throw error;
      failed.push({ sessionId: row.session_id, problem: error.message });
      return [];
    }
  });
  await sql`
    update session_keys set master_key_version = moved.version, wrapped_key = moved.wrapped_key
    from unnest(
      ${moved.map(({ sessionId }) => sessionId)}::bigint[],
      ${moved.map(({ masterKeyVersion }) => masterKeyVersion)}::integer[],
      ${moved.map(({ wrappedKey }) => wrappedKey)}::bytea[]
    ) as moved (session_id, version, wrapped_key)
    where session_keys.session_id = moved.session_id`.execute(trx);
  return { last: rows.at(-1)?.session_id, rewrapped: moved.length, failed };
}

async function countByVersion(database: PoolDatabase): Promise<Map<number, number>> {
  const { rows } = await sql<{ version: number; count: bigint }>`
    select master_key_version as version, count(*) as count from session_keys
    group by master_key_version order by master_key_version`.execute(database.kysely);
  return new Map(rows.map(({ version, count }) => [version, Number(count)]));
}
