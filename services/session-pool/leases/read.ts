import { sql } from 'kysely';
import type { Pool } from '../pool.ts';
import type { GrantedLease } from './model.ts';
import { readLeaseId } from './model.ts';

/** A living lease for people: its token is not read. */
type ListedLease = GrantedLease;

const columns = sql`
  slots.session_id, slots.tenant_id, slots.lease_id, 0::bigint as fencing_token, slots.event_sequence,
  slots.holder, slots.credentials, slots.ttl_ms, slots.file_quarantine_ms, slots.acquire_time, slots.expire_time, slots.drain_time,
  sessions.name as session_name, sessions.environment`;

export async function readLease(
  pool: Pool,
  tenantId: string,
  leaseId: string,
): Promise<ListedLease | undefined> {
  const parts = readLeaseId(leaseId);
  if (!parts) return undefined;
  const { rows } = await sql<ListedLease>`
    select ${columns} from slots join sessions using (session_id)
    where slots.session_id = ${parts.sessionId} and slots.lease_id = ${leaseId}::uuid
      and slots.tenant_id = ${tenantId}::uuid`.execute(pool.database.kysely);
  return rows[0];
}

/** Of these leases those that live, under these tokens. */
export async function livingAmong(
  pool: Pool,
  leases: readonly { leaseId: string; fencingToken: bigint }[],
): Promise<ReadonlySet<string>> {
  const { rows } = await sql<{ lease_id: string }>`
    select slots.lease_id from slots join unnest(
      ${leases.map(({ leaseId }) => readLeaseId(leaseId)?.sessionId ?? 0n)}::bigint[],
      ${leases.map(({ leaseId }) => leaseId)}::uuid[],
      ${leases.map(({ fencingToken }) => fencingToken)}::bigint[]
    ) as told (session_id, lease_id, fencing_token) using (session_id, lease_id, fencing_token)`.execute(
    pool.database.kysely,
  );
  return new Set(rows.map((row) => row.lease_id));
}

/** By session id, from behind `after`. */
export async function listLeases(
  pool: Pool,
  options: { tenantId: string; holder: string; after: bigint; limit: number },
): Promise<ListedLease[]> {
  const { tenantId, holder, after, limit } = options;
  const { rows } = await sql<ListedLease>`
    select ${columns} from slots join sessions using (session_id)
    where slots.tenant_id = ${tenantId}::uuid and slots.lease_id is not null and slots.session_id > ${after}
      and (${holder} = '' or slots.holder = ${holder})
    order by slots.session_id limit ${limit}`.execute(pool.database.kysely);
  return rows;
}
