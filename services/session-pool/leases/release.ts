import { NotFound } from '#lib/rpc/errors.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { LeaseLostError } from '../errors.ts';
import type { Pool } from '../pool.ts';
import { lockSlots, type Slot } from '../slots.ts';
import { endLeases } from './end.ts';
import { belongTogether, readLeaseId } from './model.ts';
import type { HeldLease } from './renew.ts';

export type ReleaseOutcome =
  | { kind: 'ended' }
  /** It had ended before: a release is never too late. */
  | { kind: 'ended_before' }
  | { kind: 'refused'; error: LeaseLostError | NotFound };

/** Ends leases for their holders, all in one transaction. */
export async function releaseLeases(
  pool: Pool,
  leases: readonly HeldLease[],
): Promise<readonly ReleaseOutcome[]> {
  const sessionIds = leases.flatMap(({ leaseId }) => readLeaseId(leaseId)?.sessionId ?? []);
  const { outcomes, ended } = await transaction(pool.database, async (trx) => {
    const slots = new Map((await lockSlots(trx, sessionIds)).map((slot) => [slot.session_id, slot]));
    const judged = leases.map((lease) => judge(lease, slots));
    const ending = leases.flatMap((lease, index) =>
      judged[index]!.kind === 'ended' ? [readLeaseId(lease.leaseId)!.sessionId] : [],
    );
    return {
      outcomes: judged,
      ended: await endLeases(trx, ending, { kind: 'released' }, pool.settings.quarantineMs),
    };
  });
  if (ended.length > 0) {
    pool.wakeRelay();
    pool.wakeQueue(new Set(ended.map(({ tenant_id }) => tenant_id)));
  }
  return outcomes;
}

/** With a lease's own token OK however late; with any other, refused. */
function judge(lease: HeldLease, slots: ReadonlyMap<bigint, Slot>): ReleaseOutcome {
  const { leaseId, fencingToken, tenantId } = lease;
  const parts = readLeaseId(leaseId);
  if (!parts) return { kind: 'refused', error: new NotFound('lease', leaseId) };
  const slot = slots.get(parts.sessionId);
  if (slot && slot.tenant_id !== tenantId) return { kind: 'refused', error: new NotFound('lease', leaseId) };
  const everGranted = belongTogether(parts, fencingToken) && (!slot || fencingToken <= slot.fencing_token);
  if (!everGranted) return { kind: 'refused', error: new LeaseLostError(leaseId, parts.sessionId) };
  if (slot?.lease_id === leaseId && slot.fencing_token === fencingToken) return { kind: 'ended' };
  return { kind: 'ended_before' };
}
