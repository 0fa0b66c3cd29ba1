import { sql, type Selectable, type Transaction } from 'kysely';
import type { PoolTables } from './tables.ts';

export type Slot = Selectable<PoolTables['slots']>;
export type PoolTransaction = Transaction<PoolTables>;

/**
 * Locks the slots of these sessions, always in the order of their ids, so that no two transactions wait for
 * each other. What is decided about a lease is decided on rows that this returned: they are as they stand
 * after the wait for the lock.
 */
export async function lockSlots(trx: PoolTransaction, sessionIds: readonly bigint[]): Promise<Slot[]> {
  if (sessionIds.length === 0) return [];
  const { rows } = await sql<Slot>`
    select * from slots where session_id = any(${sessionIds}::bigint[]) order by session_id for update
  `.execute(trx);
  return rows;
}

/** The only clock that counts for leases; read after the locks that a decision needs were granted. */
export async function readClock(trx: PoolTransaction): Promise<Date> {
  const { rows } = await sql<{ at: Date }>`select clock_timestamp() as at`.execute(trx);
  return rows[0]!.at;
}
