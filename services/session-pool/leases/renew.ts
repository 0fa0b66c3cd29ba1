import { sql } from 'kysely';
import { withRetry } from '#lib/postgres/transaction.ts';
import type { Pool } from '../pool.ts';
import { belongTogether, readLeaseId } from './model.ts';

/** A lease as its holder names it. */
export interface HeldLease {
  /** Undefined for a process of the mesh: it holds leases of any tenants, and their tokens prove it. */
  readonly tenantId: string | undefined;
  readonly leaseId: string;
  readonly fencingToken: bigint;
}

export interface Renewal {
  readonly session_id: bigint;
  readonly expire_time: Date;
}

/**
 * Renews leases in one statement; undefined for those that are over. The clock is read when all rows are
 * locked: a renewal that waited, for its own row or for one beside it, is worth a whole TTL from when it was
 * done, not from when it was asked for. A lease past its end that nobody reclaimed yet is renewed too: it is
 * still its holder's.
 */
export async function renewLeases(
  pool: Pool,
  leases: readonly HeldLease[],
): Promise<readonly (Renewal | undefined)[]> {
  const named = leases.map((lease) => ({ ...lease, parts: readLeaseId(lease.leaseId) }));
  const sane = named.filter(({ parts, fencingToken }) => parts && belongTogether(parts, fencingToken));
  if (sane.length === 0) return leases.map(() => undefined);
  const { rows } = await withRetry(() =>
    sql<Renewal & { lease_id: string; fencing_token: bigint; tenant_id: string }>`
      with wanted as (
        select distinct * from unnest(
          ${sane.map(({ parts }) => parts!.sessionId)}::bigint[],
          ${sane.map(({ leaseId }) => leaseId)}::uuid[],
          ${sane.map(({ fencingToken }) => fencingToken)}::bigint[],
          ${sane.map(({ tenantId }) => tenantId ?? null)}::uuid[]
        ) as wanted (session_id, lease_id, fencing_token, tenant_id)
      ),
      locked as materialized (
        select slots.session_id, wanted.lease_id from slots join wanted using (session_id)
        where slots.lease_id = wanted.lease_id and slots.fencing_token = wanted.fencing_token
          and (wanted.tenant_id is null or slots.tenant_id = wanted.tenant_id)
        order by slots.session_id
        for update of slots
      ),
      clock as materialized (
        select clock_timestamp() as at from (select count(*) from locked) as all_locked
      )
      update slots set expire_time = clock.at + slots.ttl_ms * interval '1 ms'
      from locked, clock
      where slots.session_id = locked.session_id and slots.lease_id = locked.lease_id
      returning slots.session_id, slots.lease_id, slots.fencing_token, slots.tenant_id, slots.expire_time`.execute(
      pool.database.kysely,
    ),
  );
  const renewed = new Map(rows.map((row) => [row.lease_id, row]));
  // One batch may hold a good proof and a wrong one of the same lease.
  return leases.map(({ leaseId, fencingToken, tenantId }) => {
    const row = renewed.get(leaseId);
    const isTheirs = tenantId === undefined || row?.tenant_id === tenantId;
    return isTheirs && row?.fencing_token === fencingToken ? row : undefined;
  });
}
