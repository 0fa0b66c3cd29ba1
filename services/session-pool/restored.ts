import { sql } from 'kysely';
import { transaction } from '#lib/postgres/transaction.ts';
import type { PoolDatabase } from './tables.ts';

/**
 * To be done once after the database was restored from a backup, before the pool grants again. Grants that the
 * backup does not know of may still be in somebody's hands: the epoch makes every new fencing token higher than
 * any that was ever given out, and every session is held back until such holders have had time to find out: also
 * one that the backup knows as leased, for it may have been leased to somebody else since. Events are numbered
 * on from where none was before, so that consumers, who drop a lower number than they have seen, take them.
 */
export async function markRestored(
  database: PoolDatabase,
  holdBackMs: number,
): Promise<{ epoch: number; heldBack: number }> {
  return transaction(database, async (trx) => {
    const { rows } = await sql<{ epoch: number }>`
      update installation set epoch = epoch + 1 returning epoch`.execute(trx);
    const { epoch } = rows[0]!;
    const { rows: held } = await sql`
      update slots
      set quarantine_end_time =
          greatest(quarantine_end_time, clock_timestamp() + ${holdBackMs} * interval '1 ms'),
        event_sequence = greatest(event_sequence, (${epoch}::bigint - 1) << 40)
      returning 1`.execute(trx);
    return { epoch, heldBack: held.length };
  });
}
