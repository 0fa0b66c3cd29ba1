import { LeaseAccess, SessionFormat, type LeaseProof } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import {
  AcquireLeaseRequestSchema,
  type AcquireLeaseRequest,
  type ReleaseLeaseRequest,
} from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import type { Principal } from '#lib/auth/principal.ts';
import { isServiceOfTheMesh, requireScope, requireServiceOfTheMesh } from '#lib/auth/scopes.ts';
import type { FieldViolation } from '#lib/rpc/errors.ts';
import { currentTraceparent } from '#lib/telemetry/spans.ts';
import { replayKey } from '#lib/requests/replay.ts';
import {
  durationMs,
  LABELS_A_SELECTOR,
  labels,
  leaseProof,
  oneOf,
  requestId,
  sessionId,
  sessionNameWanted,
  text,
  throwIfAny,
  uuid,
} from '#lib/requests/validate.ts';
import {
  DEFAULT_TTL_MS,
  MAX_FILE_QUARANTINE_MS,
  MAX_TTL_MS,
  MAX_WAIT_MS,
  MIN_TTL_MS,
  type LeaseRequest,
  type Selector,
} from './model.ts';
import type { Releasable } from './release.ts';
import type { HeldLease } from './renew.ts';

const FORMATS = [
  SessionFormat.UNSPECIFIED,
  SessionFormat.GRAMJS_STRING,
  SessionFormat.TELETHON_STRING,
  SessionFormat.TELETHON_FILE,
  SessionFormat.PYROGRAM_STRING,
] as const;
const ACCESSES = [
  LeaseAccess.UNSPECIFIED,
  LeaseAccess.MEDIATED,
  LeaseAccess.CREDENTIALS,
  LeaseAccess.FILE,
] as const;

export interface AcquireIntent {
  request: LeaseRequest;
  waitMs: number;
}

/** What the caller wants, checked; every fault at once. */
export function readAcquire(message: AcquireLeaseRequest, principal: Principal): AcquireIntent {
  const violations: FieldViolation[] = [];
  const access = oneOf(violations, 'access', message.access, ACCESSES, 'send MEDIATED, CREDENTIALS or FILE');
  const format = oneOf(
    violations,
    'credentials_format',
    message.credentialsFormat,
    FORMATS,
    'send one of the formats of SessionFormat',
  );
  const holder = text(violations, 'holder', message.holder, { max: 128 });
  const byFile = access === LeaseAccess.FILE;
  const quarantineMs = durationMs(violations, 'file_quarantine', message.fileQuarantine, {
    minMs: 0,
    maxMs: MAX_FILE_QUARANTINE_MS,
    absentMs: 0,
  });
  if (quarantineMs > 0 && !byFile)
    violations.push({
      field: 'file_quarantine',
      description: 'is for LEASE_ACCESS_FILE alone; leave it out',
    });
  const id = requestId(violations, 'request_id', message.requestId);
  const request: LeaseRequest = {
    tenantId: principal.tenantId,
    subject: principal.subject,
    holder: holder || principal.subject.slice(0, 128),
    ttlMs: durationMs(violations, 'ttl', message.ttl, {
      minMs: MIN_TTL_MS,
      maxMs: MAX_TTL_MS,
      absentMs: DEFAULT_TTL_MS,
    }),
    selector: {
      ...readSelector(violations, message.selector, principal),
      ...(byFile ? { hasFile: true } : {}),
    },
    credentials: access === LeaseAccess.CREDENTIALS ? format || SessionFormat.TELETHON_STRING : undefined,
    ...(byFile ? { fileQuarantineMs: quarantineMs } : {}),
    traceparent: currentTraceparent(),
  };
  const waitMs = durationMs(violations, 'wait', message.wait, {
    minMs: 0,
    maxMs: MAX_WAIT_MS,
    absentMs: 0,
  });
  throwIfAny(violations);
  if (request.credentials !== undefined) requireScope(principal, 'pool:credentials');
  // Last: what breaks no rule can be hashed.
  const replay = replayKey(principal, 'AcquireLease', id, AcquireLeaseRequestSchema, message);
  return { request: { ...request, replay }, waitMs };
}

function readSelector(
  violations: FieldViolation[],
  message: AcquireLeaseRequest['selector'],
  principal: Principal,
): Selector {
  if (message?.evenPaused && !isServiceOfTheMesh(principal))
    violations.push({ field: 'selector.even_paused', description: 'is for the mesh; leave it out' });
  return {
    sessionId: message?.sessionId ? sessionId(violations, 'selector.session_id', message.sessionId) : null,
    name: message?.name ? sessionNameWanted(violations, 'selector.name', message.name) : null,
    labels: labels(violations, 'selector.labels', message?.labels ?? {}, { max: LABELS_A_SELECTOR }),
    forMethod: text(violations, 'selector.for_method', message?.forMethod ?? '', { max: 128 }),
    ...(message?.accountId ? { accountId: uuid(violations, 'selector.account_id', message.accountId) } : {}),
    ...(message?.evenPaused ? { evenPaused: true } : {}),
  };
}

/** A lease's id and token as its holder sent them. */
export function readHeldLease(field: string, proof: LeaseProof | undefined, principal: Principal): HeldLease {
  const violations: FieldViolation[] = [];
  const { leaseId, fencingToken } = leaseProof(violations, field, proof);
  throwIfAny(violations);
  return { tenantId: tenantOfLease(principal), leaseId, fencingToken };
}

/** A process of the mesh may name leases of any tenants. */
export function tenantOfLease(principal: Principal): string | undefined {
  return isServiceOfTheMesh(principal) ? undefined : principal.tenantId;
}

/** The principal of a tenant that a process of the mesh acts for; of the caller's own when none is named. */
export function onBehalfOf(principal: Principal, tenantId: string): Principal {
  if (tenantId === '') return principal;
  requireServiceOfTheMesh(principal);
  const violations: FieldViolation[] = [];
  const named = uuid(violations, 'tenant_id', tenantId);
  throwIfAny(violations);
  return { ...principal, tenantId: named };
}

/** The lease to end, by its proof or as the caller's own on a session's file. */
export function readReleasable(message: ReleaseLeaseRequest, principal: Principal): Releasable {
  const { lease, fileLease } = message;
  if (!fileLease) return readHeldLease('lease', lease, principal);
  const violations: FieldViolation[] = [];
  if (lease)
    violations.push({ field: 'file_lease', description: 'is sent beside lease; send one of the two' });
  const releasable = {
    tenantId: principal.tenantId,
    subject: principal.subject,
    sessionId: sessionId(violations, 'file_lease.session_id', fileLease.sessionId),
    ...(fileLease.leaseId === ''
      ? {}
      : { leaseId: uuid(violations, 'file_lease.lease_id', fileLease.leaseId) }),
  };
  throwIfAny(violations);
  return releasable;
}
