import { fromBinary } from '@bufbuild/protobuf';
import type { SessionFormat } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import { AcquireLeaseResponseSchema } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { RequestIdReused } from '#lib/rpc/errors.ts';
import type { AcquireOutcome } from '../leases/acquire.ts';
import { selectorFromKey, type GrantedLease, type LeaseRequest } from '../leases/model.ts';

/** What became of a waiter. `later` is not stored: the waiter stays. */
export type WaiterResult =
  | { kind: 'granted'; lease: GrantedLease }
  | { kind: 'replayed'; answer: Uint8Array }
  | { kind: 'reused'; requestId: string }
  | { kind: 'later' };

/** A waiting request as its row keeps it. */
export interface RequestRow {
  subject: string;
  holder: string;
  ttlMs: number;
  credentials?: SessionFormat;
  fileQuarantineMs?: number;
  replay?: { principal: string; method: string; requestId: string; bodyHash: string };
  traceparent?: string;
}

export function requestToRow(request: LeaseRequest): RequestRow {
  const { subject, holder, ttlMs, credentials, fileQuarantineMs, replay, traceparent } = request;
  return {
    subject,
    holder,
    ttlMs,
    credentials,
    fileQuarantineMs,
    traceparent,
    ...(replay ? { replay: { ...replay, bodyHash: Buffer.from(replay.bodyHash).toString('hex') } } : {}),
  };
}

export function requestFromRow(row: RequestRow, tenantId: string, selectorKey: string): LeaseRequest {
  const { replay, ...rest } = row;
  return {
    ...rest,
    tenantId,
    selector: selectorFromKey(selectorKey),
    ...(replay ? { replay: { ...replay, bodyHash: Buffer.from(replay.bodyHash, 'hex') } } : {}),
  };
}

interface LeaseRow extends Omit<
  GrantedLease,
  'session_id' | 'fencing_token' | 'event_sequence' | 'acquire_time' | 'expire_time' | 'drain_time'
> {
  session_id: string;
  fencing_token: string;
  event_sequence: string;
  acquire_time: string;
  expire_time: string;
}

type ResultRow =
  | { kind: 'granted'; lease: LeaseRow }
  | { kind: 'replayed'; answer: string }
  | { kind: 'reused'; requestId: string };

export function resultToRow(result: WaiterResult): ResultRow {
  switch (result.kind) {
    case 'granted': {
      const { lease } = result;
      return {
        kind: 'granted',
        lease: {
          lease_id: lease.lease_id,
          tenant_id: lease.tenant_id,
          session_name: lease.session_name,
          environment: lease.environment,
          holder: lease.holder,
          credentials: lease.credentials,
          ttl_ms: lease.ttl_ms,
          file_quarantine_ms: lease.file_quarantine_ms,
          session_id: String(lease.session_id),
          fencing_token: String(lease.fencing_token),
          event_sequence: String(lease.event_sequence),
          acquire_time: lease.acquire_time.toISOString(),
          expire_time: lease.expire_time.toISOString(),
        },
      };
    }
    case 'replayed':
      return { kind: 'replayed', answer: Buffer.from(result.answer).toString('base64') };
    case 'reused':
      return { kind: 'reused', requestId: result.requestId };
    case 'later':
      throw new Error('a waiter that has its turn later has no result');
  }
}

export function outcomeFromRow(stored: unknown): AcquireOutcome {
  const row = stored as ResultRow;
  switch (row.kind) {
    case 'granted':
      return {
        kind: 'granted',
        lease: {
          ...row.lease,
          session_id: BigInt(row.lease.session_id),
          fencing_token: BigInt(row.lease.fencing_token),
          event_sequence: BigInt(row.lease.event_sequence),
          acquire_time: new Date(row.lease.acquire_time),
          expire_time: new Date(row.lease.expire_time),
        },
      };
    case 'replayed':
      return {
        kind: 'replayed',
        lease: fromBinary(AcquireLeaseResponseSchema, Buffer.from(row.answer, 'base64')).lease!,
      };
    case 'reused':
      return { kind: 'refused', error: new RequestIdReused(row.requestId) };
  }
}
