import { NotFound } from '#lib/rpc/errors.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { LeaseLostError } from '../errors.ts';
import type { Pool } from '../pool.ts';
import { lockLeases, type LeaseOfSlot } from '../slots.ts';
import { endLeases } from './end.ts';
import { belongTogether, readLeaseId } from './model.ts';
import type { HeldLease } from './renew.ts';

/** A lease that its holder names without its token: the one that it took itself on a session's file. */
export interface OwnFileLease {
  readonly tenantId: string;
  readonly subject: string;
  readonly sessionId: bigint;
  /** None: whichever it has. */
  readonly leaseId?: string;
}

export type Releasable = HeldLease | OwnFileLease;

export type ReleaseOutcome =
  | { kind: 'ended'; leaseId: string }
  /** It had ended before: a release is never too late. */
  | { kind: 'ended_before' }
  | { kind: 'refused'; error: LeaseLostError | NotFound };

/** Ends leases for their holders, all in one transaction. */
export async function releaseLeases(
  pool: Pool,
  leases: readonly Releasable[],
): Promise<readonly ReleaseOutcome[]> {
  const sessionIds = leases.flatMap((lease) => sessionOf(lease) ?? []);
  const { outcomes, ended } = await transaction(pool.database, async (trx) => {
    const slots = new Map((await lockLeases(trx, sessionIds)).map((slot) => [slot.session_id, slot]));
    const judged = leases.map((lease) => judge(lease, slots));
    const ending = leases.flatMap((lease, index) =>
      judged[index]!.kind === 'ended' ? [sessionOf(lease)!] : [],
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

function sessionOf(lease: Releasable): bigint | undefined {
  return 'sessionId' in lease ? lease.sessionId : readLeaseId(lease.leaseId)?.sessionId;
}

/** With a lease's own token OK however late; with any other, refused. */
function judge(lease: Releasable, slots: ReadonlyMap<bigint, LeaseOfSlot>): ReleaseOutcome {
  if ('sessionId' in lease) return judgeFileLease(lease, slots.get(lease.sessionId));
  const { leaseId, fencingToken, tenantId } = lease;
  const parts = readLeaseId(leaseId);
  if (!parts) return { kind: 'refused', error: new NotFound('lease', leaseId) };
  const slot = slots.get(parts.sessionId);
  if (slot && tenantId !== undefined && slot.tenant_id !== tenantId)
    return { kind: 'refused', error: new NotFound('lease', leaseId) };
  const everGranted = belongTogether(parts, fencingToken) && (!slot || fencingToken <= slot.fencing_token);
  if (!everGranted) return { kind: 'refused', error: new LeaseLostError(leaseId, parts.sessionId) };
  if (slot?.lease_id === leaseId && slot.fencing_token === fencingToken) return { kind: 'ended', leaseId };
  return { kind: 'ended_before' };
}

/** Never refused: who it was is all there is to prove, and what is somebody else's stays as it is. */
function judgeFileLease(
  { tenantId, subject, leaseId }: OwnFileLease,
  slot: LeaseOfSlot | undefined,
): ReleaseOutcome {
  const isOwn =
    slot?.tenant_id === tenantId &&
    slot.lease_id !== null &&
    slot.file_quarantine_ms !== null &&
    slot.subject === subject &&
    (leaseId === undefined || leaseId === slot.lease_id);
  return isOwn ? { kind: 'ended', leaseId: slot.lease_id! } : { kind: 'ended_before' };
}
