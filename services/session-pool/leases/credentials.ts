import { timestampDate } from '@bufbuild/protobuf/wkt';
import { sql } from 'kysely';
import type { Lease, SessionFormat } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { appendAudit } from '../audit.ts';
import type { Pool } from '../pool.ts';
import { readCredentials } from '../sessions/credentials.ts';
import { leaseMessage, type GrantedLease, type LeaseRequest } from './model.ts';
import { releaseLeases } from './release.ts';

/** Adds the key to a lease that was just granted; the record says so before the key leaves. */
export async function giveCredentials(
  pool: Pool,
  lease: GrantedLease,
  format: SessionFormat,
  subject: string,
): Promise<Lease> {
  const {
    tenant_id: tenantId,
    session_id: sessionId,
    lease_id: leaseId,
    fencing_token: fencingToken,
  } = lease;
  try {
    const credentials = await transaction(pool.database, async (trx) => {
      const owner = { tenant_id: tenantId, session_id: sessionId };
      const [read] = await readCredentials(trx, pool, [owner], [format]);
      await appendAudit(trx, [{ tenantId, subject, action: 'lease_credentials', sessionId, leaseId }]);
      return read;
    });
    return leaseMessage(lease, credentials);
  } catch (error) {
    // The key never left, so the session need not wait for the lease's end, nor in quarantine.
    await releaseLeases(pool, [{ tenantId, leaseId, fencingToken }]);
    throw error;
  }
}

/** For a repeat of the request: with the key while the lease lives, without it afterwards. */
export async function giveCredentialsAgain(
  pool: Pool,
  lease: Lease,
  { tenantId, credentials: format, subject }: LeaseRequest,
): Promise<Lease> {
  const { rows } = await sql`
    select from slots
    where session_id = ${lease.sessionId} and tenant_id = ${tenantId}::uuid
      and lease_id = ${lease.leaseId}::uuid and fencing_token = ${lease.fencingToken}`.execute(
    pool.database.kysely,
  );
  if (rows.length === 0 || format === undefined) return lease;
  const again: GrantedLease = {
    lease_id: lease.leaseId,
    session_id: lease.sessionId,
    tenant_id: tenantId,
    session_name: lease.sessionName,
    environment: lease.environment,
    fencing_token: lease.fencingToken,
    event_sequence: 0n,
    holder: lease.holder,
    credentials: true,
    file_quarantine_ms: null,
    ttl_ms: Number(lease.ttl!.seconds) * 1_000 + lease.ttl!.nanos / 1_000_000,
    acquire_time: timestampDate(lease.acquireTime!),
    expire_time: timestampDate(lease.expireTime!),
  };
  return giveCredentials(pool, again, format, subject);
}
