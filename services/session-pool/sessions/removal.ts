import { sql } from 'kysely';
import { appendEvents } from '#lib/events/outbox.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { appendAudit } from '../audit.ts';
import { EgressClaimed, SessionLeased, SessionUnusable } from '../errors.ts';
import { sessionEvent, type EventOrigin } from '../events.ts';
import { endLeases } from '../leases/end.ts';
import type { Pool } from '../pool.ts';
import type { PoolTransaction } from '../slots.ts';
import { CONDITION, isAhead, type SessionRow } from './model.ts';
import { lockSession } from './store.ts';

export interface Removal {
  tenantId: string;
  sessionId: bigint;
  force: boolean;
  subject: string;
}

/**
 * Removes a session and its key. While somebody may still use the key (a process that holds the session's
 * socket, a holder who had the key in hand) it must stay known: brought in again at once, it would be used twice.
 * A forced removal ends the lease all the same, and gives the session to nobody from then on: it is removed by a
 * repeat, or by the reaper, when the claim and the quarantine are over.
 */
export async function removeSession(pool: Pool, removal: Removal): Promise<void> {
  const { tenantId, sessionId, force, subject } = removal;
  const obstacle = await transaction(pool.database, async (trx) => {
    const row = await lockSession(trx, tenantId, sessionId);
    if (row.lease_id !== null && !force) throw new SessionLeased(sessionId, row.holder!, row.expire_time!);
    const before = claimObstacle(row) ?? quarantineObstacle(row, row.quarantine_end_time);
    if (before && !force) throw before;
    const [ended] = await endLeases(
      trx,
      [sessionId],
      { kind: 'session_gone', reason: 'the session is deleted', subject },
      pool.settings.quarantineMs,
    );
    const after = before ?? quarantineObstacle(row, ended?.quarantine_end_time ?? null);
    if (after) {
      await sql`
        update slots set condition = ${CONDITION.LEAVING}
        where session_id = ${sessionId} and tenant_id = ${tenantId}::uuid`.execute(trx);
      return after;
    }
    await removeLocked(trx, [sessionId]);
    await appendAudit(trx, [
      { tenantId, subject, action: 'delete_session', sessionId, detail: { session_name: row.name } },
    ]);
    return undefined;
  });
  pool.wakeRelay();
  if (obstacle) throw obstacle;
}

/** What forbids to use the key elsewhere: a process that may still hold the session's socket. */
export function claimObstacle(row: SessionRow): EgressClaimed | undefined {
  const { claim_expire_time: end, claim_process: processId, at } = row;
  if (end === null || !isAhead(end, at)) return undefined;
  const error = new EgressClaimed(row.session_id, processId ?? '', end);
  error.retryAfterMs = end.getTime() - at.getTime();
  return error;
}

/** The same: a holder who had the key and did not say that it stopped. */
function quarantineObstacle(row: SessionRow, end: Date | null): SessionUnusable | undefined {
  if (end === null || !isAhead(end, row.at)) return undefined;
  const error = new SessionUnusable(row.session_id, 'quarantined');
  error.retryAfterMs = end.getTime() - row.at.getTime();
  return error;
}

/** Removes sessions whose slots the caller has locked, and writes their last events. */
export async function removeLocked(trx: PoolTransaction, sessionIds: readonly bigint[]): Promise<void> {
  if (sessionIds.length === 0) return;
  const { rows } = await sql<EventOrigin & { name: string }>`
    with numbered as (
      update slots set event_sequence = event_sequence + 1
      where session_id = any(${sessionIds}::bigint[])
      returning session_id, tenant_id, event_sequence
    )
    select numbered.*, sessions.name, clock_timestamp() as occur_time
    from numbered join sessions using (session_id)`.execute(trx);
  await sql`delete from sessions where session_id = any(${sessionIds}::bigint[])`.execute(trx);
  await appendEvents(
    trx,
    rows.map(({ name, ...origin }) =>
      sessionEvent(origin, { case: 'sessionRemoved', value: { sessionId: origin.session_id, name } }),
    ),
  );
}

/**
 * Removes sessions that were to leave the pool when their lease ends, and whose lease and claim are over. Safe
 * with any number of replicas; answers how many went.
 */
export async function removeLeaving(pool: Pool, limit: number): Promise<number> {
  const removed = await transaction(pool.database, async (trx) => {
    const { rows } = await sql<{ session_id: bigint }>`
      select session_id from slots
      where condition = ${CONDITION.LEAVING} and lease_id is null
        and (claim_expire_time is null or claim_expire_time <= clock_timestamp())
        and (quarantine_end_time is null or quarantine_end_time <= clock_timestamp())
      order by session_id limit ${limit} for update skip locked`.execute(trx);
    await removeLocked(
      trx,
      rows.map(({ session_id }) => session_id),
    );
    return rows.length;
  });
  if (removed > 0) pool.wakeRelay();
  return removed;
}
