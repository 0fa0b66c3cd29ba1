import { sql } from 'kysely';
import { NotFound } from '#lib/rpc/errors.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { sendNotices } from '../notices/notice.ts';
import type { Pool } from '../pool.ts';
import { lockSlots, readClock } from '../slots.ts';
import { endLeases } from './end.ts';
import { readLeaseId } from './model.ts';

export interface Revocation {
  tenantId: string;
  leaseId: string;
  graceMs: number;
  reason: string;
  subject: string;
}

/** When the lease ends at the latest: now, or after the grace that its holder is asked to use. */
export async function revokeLease(pool: Pool, revocation: Revocation): Promise<Date> {
  const { tenantId, leaseId, graceMs, reason, subject } = revocation;
  const sessionId = readLeaseId(leaseId)?.sessionId;
  if (sessionId === undefined) throw new NotFound('lease', leaseId);
  const endTime = await transaction(pool.database, async (trx) => {
    const [slot] = await lockSlots(trx, [sessionId]);
    if (slot?.tenant_id !== tenantId || slot.lease_id !== leaseId) throw new NotFound('lease', leaseId);
    if (graceMs === 0) {
      await endLeases(trx, [sessionId], { kind: 'revoked', reason, subject }, pool.settings.quarantineMs);
      return readClock(trx);
    }
    const { rows } = await sql<{ drain_time: Date }>`
      update slots
      set drain_time = least(drain_time, clock_timestamp() + ${graceMs} * interval '1 ms')
      where session_id = ${sessionId}
      returning drain_time`.execute(trx);
    const { drain_time } = rows[0]!;
    await sendNotices(trx, [{ kind: 'drain', lease: leaseId, deadline: drain_time.toISOString() }]);
    return drain_time;
  });
  pool.wakeRelay();
  pool.wakeQueue([tenantId]);
  return endTime;
}
