import { create } from '@bufbuild/protobuf';
import { sql } from 'kysely';
import {
  EgressMaterialSchema,
  type EgressMaterial,
} from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { appendAudit } from '../audit.ts';
import type { Pool } from '../pool.ts';
import { readMaterials, type KeyOwner } from '../sessions/credentials.ts';
import { SOURCES } from '../sessions/model.ts';
import type { SessionOrigin } from '../tables.ts';
import type { ClaimOutcome } from './store.ts';

interface Claimed extends KeyOwner {
  lease_id: string;
  name: string;
  account_id: string;
  labels: Record<string, string>;
  source: SessionOrigin;
  subject: string | null;
}

/**
 * The keys of the sessions whose claims were granted, by lease. Those whose lease ended or whose claim went to
 * another since are left out: a key that logs in anew takes the place of the old one only then.
 */
export async function readEgressMaterial(
  pool: Pool,
  outcomes: readonly ClaimOutcome[],
  caller: { processId: string; subject: string },
): Promise<Map<string, EgressMaterial>> {
  const granted = outcomes.filter((outcome) => outcome.kind === 'claimed');
  if (granted.length === 0) return new Map();
  const { processId, subject } = caller;
  return transaction(pool.database, async (trx) => {
    const { rows } = await sql<Claimed>`
      select slots.session_id, slots.tenant_id, slots.lease_id, sessions.name, sessions.account_id,
        sessions.labels, sessions.source, slots.subject
      from slots join sessions using (session_id)
      where slots.session_id = any(${granted.map(({ sessionId }) => sessionId)}::bigint[])
        and slots.lease_id = any(${granted.map(({ lease }) => lease.leaseId)}::uuid[])
        and slots.claim_process = ${processId}
      order by slots.session_id for share of slots`.execute(trx);
    const materials = await readMaterials(trx, pool.masterKeys, rows);
    await appendAudit(
      trx,
      rows.map((row) => ({
        tenantId: row.tenant_id,
        subject,
        action: 'egress_key',
        sessionId: row.session_id,
        leaseId: row.lease_id,
        detail: { process_id: processId },
      })),
    );
    return new Map(
      rows.map((row, index) => {
        const { dataCenter, authKey, userId = '', apiId = '' } = materials[index]!;
        const material = create(EgressMaterialSchema, {
          dataCenter,
          authKey,
          userId: String(userId),
          apiId: String(apiId),
          tenantId: row.tenant_id,
          sessionName: row.name,
          accountId: row.account_id,
          labels: row.labels,
          source: SOURCES[row.source],
          subject: row.subject ?? '',
        });
        return [row.lease_id, material];
      }),
    );
  });
}
