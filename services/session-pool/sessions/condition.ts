import { sql } from 'kysely';
import type { SessionState } from '#gen/telegate/session_pool/v1/session_pb.ts';
import { appendEvents } from '#lib/events/outbox.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { instruments } from '#lib/telemetry/metrics.ts';
import { sessionEvent } from '../events.ts';
import { LeaseLostError } from '../errors.ts';
import { endLeases } from '../leases/end.ts';
import { belongTogether, readLeaseId } from '../leases/model.ts';
import type { Pool } from '../pool.ts';
import type { PoolTransaction } from '../slots.ts';
import { CONDITION, conditionOf, isAhead, stateName, type SessionRow } from './model.ts';
import { lockSession, nextEvent, readSession } from './store.ts';

export interface Invalidation {
  tenantId: string;
  sessionId: bigint;
  /** One of conditionStates. */
  state: SessionState;
  reason: string;
  subject: string;
  /** The lease under which it was found out: what is known of an older key or holder changes nothing. */
  lease?: { leaseId: string; fencingToken: bigint };
}

const metrics = instruments((meter) => ({
  duplicated: meter.createCounter('telegate.pool.auth_key_duplicated', {
    description: 'Sessions that Telegram ended because they were used in two places at once.',
  }),
}));

/** What Telegram calls it, and whoever reports it gives as the reason. */
const DUPLICATED = 'AUTH_KEY_DUPLICATED';

/**
 * Takes a session out of the pool and ends its lease. What its last holder still has of it is bounded as after
 * any end: the egress claim runs out, a key that was handed out means quarantine.
 */
export async function invalidateSession(pool: Pool, invalidation: Invalidation): Promise<SessionRow> {
  const { tenantId, sessionId, state, reason, subject, lease } = invalidation;
  const outcome = await transaction(pool.database, async (trx) => {
    const before = await lockSession(trx, tenantId, sessionId);
    if (lease && !isLatest(lease, before)) throw new LeaseLostError(lease.leaseId, sessionId);
    const condition = conditionOf(state);
    // One that leaves goes, whatever is found out about it.
    if (before.condition === condition || before.condition === CONDITION.LEAVING)
      return { row: before, changed: false };
    const why = reason === '' ? `the session is ${stateName(state)}` : reason;
    await endLeases(
      trx,
      [sessionId],
      { kind: 'session_gone', reason: why, subject },
      pool.settings.quarantineMs,
    );
    await setCondition(trx, before, condition, reason);
    await appendEvents(trx, [
      sessionEvent(await nextEvent(trx, before), {
        case: 'sessionInvalidated',
        value: { sessionId, condition: stateName(state), reason },
      }),
    ]);
    return { row: await readSession(trx, tenantId, { sessionId }), changed: true };
  });
  if (outcome.changed) {
    pool.wakeRelay();
    if (reason.includes(DUPLICATED)) metrics().duplicated.add(1);
  }
  return outcome.row;
}

/** Whether nobody leased the session, or gave it another key, since: also after the lease has ended. */
function isLatest(lease: { leaseId: string; fencingToken: bigint }, row: SessionRow): boolean {
  const parts = readLeaseId(lease.leaseId);
  return (
    parts?.sessionId === row.session_id &&
    belongTogether(parts, lease.fencingToken) &&
    lease.fencingToken === row.fencing_token
  );
}

/** Puts a session back whatever its condition was, and ends its quarantine. */
export async function restoreSession(pool: Pool, tenantId: string, sessionId: bigint): Promise<SessionRow> {
  const outcome = await transaction(pool.database, async (trx) => {
    const before = await lockSession(trx, tenantId, sessionId);
    const isOut = before.condition !== CONDITION.USABLE || isAhead(before.quarantine_end_time, before.at);
    if (!isOut) return { row: before, changed: false };
    await setCondition(trx, before, CONDITION.USABLE, '');
    await sql`
      update slots set quarantine_end_time = null
      where session_id = ${sessionId} and tenant_id = ${tenantId}::uuid`.execute(trx);
    await appendEvents(trx, [
      sessionEvent(await nextEvent(trx, before), { case: 'sessionRestored', value: { sessionId } }),
    ]);
    return { row: await readSession(trx, tenantId, { sessionId }), changed: true };
  });
  if (outcome.changed) {
    pool.wakeRelay();
    pool.wakeQueue([tenantId]);
  }
  return outcome.row;
}

async function setCondition(
  trx: PoolTransaction,
  { session_id, tenant_id }: SessionRow,
  condition: number,
  reason: string,
): Promise<void> {
  await sql`
    update slots set condition = ${condition}
    where session_id = ${session_id} and tenant_id = ${tenant_id}::uuid`.execute(trx);
  await sql`
    update sessions set condition_reason = ${reason}
    where session_id = ${session_id} and tenant_id = ${tenant_id}::uuid`.execute(trx);
}
