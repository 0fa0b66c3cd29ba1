import type { ReportFloodWaitRequest } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import type { Principal } from '#lib/auth/principal.ts';
import type { FieldViolation } from '#lib/rpc/errors.ts';
import { tenantOfLease } from '../leases/requests.ts';
import { durationMs, leaseProof, text, throwIfAny } from '#lib/requests/validate.ts';
import type { FloodWaitReport } from './store.ts';

const LONGEST_WAIT_MS = 30 * 86_400_000;

export function readFloodWaitReport(message: ReportFloodWaitRequest, principal: Principal): FloodWaitReport {
  const violations: FieldViolation[] = [];
  const { leaseId, fencingToken } = leaseProof(violations, 'lease', message.lease);
  const report: FloodWaitReport = {
    lease: { tenantId: tenantOfLease(principal), leaseId, fencingToken },
    method: text(violations, 'method', message.method, { max: 128 }),
    peer: text(violations, 'peer', message.peer, { max: 128 }),
    durationMs: durationMs(violations, 'duration', message.duration, { minMs: 1, maxMs: LONGEST_WAIT_MS }),
  };
  throwIfAny(violations);
  return report;
}
