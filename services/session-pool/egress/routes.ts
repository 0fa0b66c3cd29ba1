import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { LeaseProof } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import type { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { requireServiceOfTheMesh } from '#lib/auth/scopes.ts';
import type { FieldViolation } from '#lib/rpc/errors.ts';
import type { Handlers } from '#lib/rpc/implement.ts';
import { toStatusMessage } from '#lib/rpc/status.ts';
import { CLAIM_TTL_MS, type Pool } from '../pool.ts';
import { leaseProof, text, throwIfAny } from '#lib/requests/validate.ts';
import { readEgressMaterial } from './material.ts';
import { claimEgress, releaseEgress, type ClaimedLease } from './store.ts';

const LEASES_A_CALL = 1_000;
/** The longest labels of so many sessions still fit into one answer. */
const MATERIALS_A_CALL = 100;

export function egressRoutes(
  pool: Pool,
): Pick<Handlers<typeof SessionPoolService>, 'claimEgress' | 'releaseEgress'> {
  return {
    async claimEgress(message, { principal }) {
      const { withMaterial } = message;
      if (withMaterial) requireServiceOfTheMesh(principal);
      const { processId, leases } = readEgress(message, withMaterial ? MATERIALS_A_CALL : LEASES_A_CALL);
      const outcomes = await claimEgress(pool, processId, leases);
      const materials = withMaterial
        ? await readEgressMaterial(pool, outcomes, { processId, subject: principal.subject })
        : undefined;
      return {
        claims: outcomes.flatMap((outcome) =>
          outcome.kind === 'claimed'
            ? {
                leaseId: outcome.lease.leaseId,
                sessionId: outcome.sessionId,
                ttl: durationFromMs(CLAIM_TTL_MS),
                environment: outcome.environment,
                material: materials?.get(outcome.lease.leaseId),
              }
            : [],
        ),
        refused: outcomes.flatMap((outcome) =>
          outcome.kind === 'refused'
            ? { leaseId: outcome.lease.leaseId, error: toStatusMessage(outcome.error) }
            : [],
        ),
      };
    },

    async releaseEgress(message) {
      const { processId, leases } = readEgress(message, LEASES_A_CALL);
      await releaseEgress(pool, processId, leases);
      return {};
    },
  };
}

function readEgress(
  message: { processId: string; leases: LeaseProof[] },
  most: number,
): { processId: string; leases: ClaimedLease[] } {
  const violations: FieldViolation[] = [];
  const processId = text(violations, 'process_id', message.processId, { min: 1, max: 128 });
  const count = message.leases.length;
  if (count === 0 || count > most)
    violations.push({ field: 'leases', description: `has ${count} leases; send 1 to ${most}` });
  throwIfAny(violations);
  const leases = message.leases.map((proof, index) => leaseProof(violations, `leases[${index}]`, proof));
  throwIfAny(violations);
  return { processId, leases };
}
