import { create } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  LeaseAccess,
  LeaseSchema,
  type Lease,
  type SessionCredentials,
  type SessionFormat,
} from '#gen/telegate/session_pool/v1/lease_pb.ts';
import type { ReplayKey } from '#lib/requests/replay.ts';

export const DEFAULT_TTL_MS = 30_000;
export const MIN_TTL_MS = 5_000;
export const MAX_TTL_MS = 3_600_000;
export const MAX_WAIT_MS = 3_600_000;
export const MAX_FILE_QUARANTINE_MS = 86_400_000;

/** What a caller wants of a session; null and empty mean any. */
export interface Selector {
  readonly sessionId: bigint | null;
  readonly name: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly forMethod: string;
  /** Only sessions that a file of the session folder holds. */
  readonly hasFile?: boolean;
  readonly accountId?: string;
  /** Also one that its owner paused. */
  readonly evenPaused?: boolean;
}

/** Equal for selectors that want the same. */
export function selectorKey(selector: Selector): string {
  const { sessionId, name, labels, forMethod, hasFile = false, accountId, evenPaused } = selector;
  const sorted = Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const wanted = [sessionId === null ? null : String(sessionId), name, sorted, forMethod];
  if (evenPaused) return JSON.stringify([...wanted, hasFile, accountId ?? null, true]);
  if (accountId !== undefined) return JSON.stringify([...wanted, hasFile, accountId]);
  return JSON.stringify(hasFile ? [...wanted, true] : wanted);
}

export function selectorFromKey(key: string): Selector {
  const [sessionId, name, labels, forMethod, hasFile, accountId, evenPaused] = JSON.parse(key) as [
    string | null,
    string | null,
    [string, string][],
    string,
    boolean?,
    (string | null)?,
    boolean?,
  ];
  return {
    sessionId: sessionId === null ? null : BigInt(sessionId),
    name,
    labels: Object.fromEntries(labels),
    forMethod,
    ...(hasFile ? { hasFile } : {}),
    ...(accountId === undefined || accountId === null ? {} : { accountId }),
    ...(evenPaused ? { evenPaused } : {}),
  };
}

/** One who wants a lease, whoever serves it: also what a waiter's row keeps. */
export interface LeaseRequest {
  readonly tenantId: string;
  readonly subject: string;
  readonly holder: string;
  readonly ttlMs: number;
  readonly selector: Selector;
  /** The form of the key; absent when the key stays in the mesh. */
  readonly credentials?: SessionFormat;
  /**
   * Set when the holder opens the session's file by itself: how long the session is kept back when such a
   * lease ends otherwise than by its holder's release.
   */
  readonly fileQuarantineMs?: number;
  readonly replay?: ReplayKey;
  /** The caller's span, so that the events of the grant belong to its trace. */
  readonly traceparent?: string;
}

/** A grant as it was committed. */
export interface GrantedLease {
  lease_id: string;
  session_id: bigint;
  tenant_id: string;
  session_name: string;
  environment: string;
  fencing_token: bigint;
  event_sequence: bigint;
  holder: string;
  credentials: boolean;
  ttl_ms: number;
  /** Set for leases whose holder opens the session's file. */
  file_quarantine_ms: number | null;
  acquire_time: Date;
  expire_time: Date;
  drain_time?: Date | null;
}

export function leaseMessage(granted: GrantedLease, credentials?: SessionCredentials): Lease {
  return create(LeaseSchema, {
    leaseId: granted.lease_id,
    sessionId: granted.session_id,
    sessionName: granted.session_name,
    fencingToken: granted.fencing_token,
    ttl: durationFromMs(granted.ttl_ms),
    expireTime: timestampFromDate(granted.expire_time),
    acquireTime: timestampFromDate(granted.acquire_time),
    holder: granted.holder,
    access: accessOf(granted),
    environment: granted.environment,
    ...(granted.drain_time ? { drainTime: timestampFromDate(granted.drain_time) } : {}),
    ...(credentials ? { credentials } : {}),
  });
}

function accessOf({ credentials, file_quarantine_ms }: GrantedLease): LeaseAccess {
  if (credentials) return LeaseAccess.CREDENTIALS;
  return file_quarantine_ms === null ? LeaseAccess.MEDIATED : LeaseAccess.FILE;
}

/** What a lease's id says: see lease_uuid in the migrations. */
export interface LeaseIdParts {
  sessionId: bigint;
  /** The low 26 bits of the fencing token. */
  tokenBits: number;
}

const LEASE_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7([0-9a-f]{3})-([89ab][0-9a-f]{3})-([0-9a-f]{12})$/;

/** None for text that was never a lease's id. */
export function readLeaseId(leaseId: string): LeaseIdParts | undefined {
  const match = LEASE_ID.exec(leaseId);
  if (!match) return undefined;
  const [, high, low, session] = match as unknown as [string, string, string, string];
  return {
    sessionId: BigInt(`0x${session}`),
    tokenBits: (Number.parseInt(high, 16) << 14) | (Number.parseInt(low, 16) & 0x3fff),
  };
}

/** Whether the token is the one that the lease was granted with, living or not. */
export function belongTogether(parts: LeaseIdParts, fencingToken: bigint): boolean {
  return fencingToken > 0n && Number(fencingToken & 0x3ffffffn) === parts.tokenBits;
}
