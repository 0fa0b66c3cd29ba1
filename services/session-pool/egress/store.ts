import { sql } from 'kysely';
import { transaction } from '#lib/postgres/transaction.ts';
import type { DomainError } from '#lib/rpc/errors.ts';
import { EgressClaimed, LeaseLostError } from '../errors.ts';
import { readLeaseId } from '../leases/model.ts';
import { CLAIM_TTL_MS, type Pool } from '../pool.ts';
import { lockSlots } from '../slots.ts';

export interface ClaimedLease {
  readonly leaseId: string;
  readonly fencingToken: bigint;
}

export type ClaimOutcome =
  | { kind: 'claimed'; lease: ClaimedLease; sessionId: bigint; environment: string }
  | { kind: 'refused'; lease: ClaimedLease; error: DomainError };

interface ClaimRow {
  session_id: bigint;
  environment: string | null;
  granted: boolean;
  living: boolean;
  holder: string | null;
  expire_time: Date | null;
  /** The holder has the key, or the session's file: it connects on its own, outside the mesh. */
  outside: boolean;
  claim_process: string | null;
  claim_expire_time: Date | null;
}

/**
 * Claims, or renews claims on, the sockets of leased sessions. A claim outlives its lease: whoever leases the
 * session next can not claim before the socket is closed or the claim has run out.
 */
export async function claimEgress(
  pool: Pool,
  processId: string,
  leases: readonly ClaimedLease[],
): Promise<ClaimOutcome[]> {
  const known = leases.flatMap((lease) => {
    const sessionId = readLeaseId(lease.leaseId)?.sessionId;
    return sessionId === undefined ? [] : [{ ...lease, sessionId }];
  });
  const rows = await transaction(pool.database, async (trx) => {
    await lockSlots(
      trx,
      known.map(({ sessionId }) => sessionId),
    );
    const { rows: judged } = await sql<ClaimRow & { lease_id: string }>`
      with wanted as (
        select * from unnest(
          ${known.map(({ sessionId }) => sessionId)}::bigint[],
          ${known.map(({ leaseId }) => leaseId)}::uuid[],
          ${known.map(({ fencingToken }) => fencingToken)}::bigint[]
        ) as wanted (session_id, lease_id, fencing_token)
      ),
      clock as materialized (select clock_timestamp() as at),
      judged as materialized (
        select slots.session_id, wanted.lease_id, slots.claim_process, slots.claim_expire_time,
          slots.lease_id = wanted.lease_id and slots.fencing_token = wanted.fencing_token as living,
          slots.file_quarantine_ms is not null or coalesce(slots.credentials, false) as outside, slots.holder, slots.expire_time,
          slots.claim_process is null or slots.claim_process = ${processId}
            or slots.claim_expire_time <= clock.at as unclaimed
        from slots join wanted using (session_id), clock
      ),
      claimed as (
        update slots set
          claim_process = ${processId}, claim_token = slots.fencing_token,
          claim_expire_time = clock.at + ${CLAIM_TTL_MS} * interval '1 ms'
        from judged, clock
        where slots.session_id = judged.session_id and judged.living and judged.unclaimed
          and not judged.outside
        returning slots.session_id
      )
      select judged.*, coalesce(judged.living, false) as living,
        claimed.session_id is not null and judged.living as granted, sessions.environment
      from judged left join claimed using (session_id) left join sessions using (session_id)`.execute(trx);
    return new Map(judged.map((row) => [row.lease_id, row]));
  });
  return leases.map((lease) => outcomeOf(lease, rows.get(lease.leaseId)));
}

function outcomeOf(lease: ClaimedLease, row: ClaimRow | undefined): ClaimOutcome {
  const sessionId = readLeaseId(lease.leaseId)?.sessionId;
  if (!row?.living) return { kind: 'refused', lease, error: new LeaseLostError(lease.leaseId, sessionId) };
  if (row.granted)
    return { kind: 'claimed', lease, sessionId: row.session_id, environment: row.environment ?? '' };
  if (row.outside) {
    const error = new EgressClaimed(row.session_id, row.holder ?? '', row.expire_time ?? new Date(0));
    return { kind: 'refused', lease, error };
  }
  const error = new EgressClaimed(
    row.session_id,
    row.claim_process ?? '',
    row.claim_expire_time ?? new Date(0),
  );
  return { kind: 'refused', lease, error };
}

/** Ends claims of this process, whether their leases live or not; others' are left alone. */
export async function releaseEgress(
  pool: Pool,
  processId: string,
  leases: readonly ClaimedLease[],
): Promise<void> {
  const known = leases.flatMap((lease) => {
    const sessionId = readLeaseId(lease.leaseId)?.sessionId;
    return sessionId === undefined ? [] : [{ ...lease, sessionId }];
  });
  const tenants = await transaction(pool.database, async (trx) => {
    await lockSlots(
      trx,
      known.map(({ sessionId }) => sessionId),
    );
    const { rows } = await sql<{ tenant_id: string }>`
      update slots set claim_process = null, claim_token = null, claim_expire_time = null
      from unnest(
        ${known.map(({ sessionId }) => sessionId)}::bigint[],
        ${known.map(({ fencingToken }) => fencingToken)}::bigint[]
      ) as ended (session_id, fencing_token)
      where slots.session_id = ended.session_id and slots.claim_process = ${processId}
        and slots.claim_token = ended.fencing_token
      returning slots.tenant_id`.execute(trx);
    return new Set(rows.map((row) => row.tenant_id));
  });
  pool.wakeQueue(tenants);
}
