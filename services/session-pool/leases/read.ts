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
