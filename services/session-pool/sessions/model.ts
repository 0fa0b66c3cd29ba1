import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  SessionSchema,
  SessionSource,
  SessionState,
  SessionStateSchema,
  type Session,
} from '#gen/telegate/session_pool/v1/session_pb.ts';
import { leaseMessage } from '../leases/model.ts';
import type { Slot } from '../slots.ts';
import type { SessionOrigin } from '../tables.ts';

/** What `slots.condition` says; LEAVING: the session leaves the pool when its lease has ended. */
export const CONDITION = { USABLE: 0, INVALID: 1, NEEDS_LOGIN: 2, FROZEN: 3, BANNED: 4, LEAVING: 5 } as const;

/** The states that somebody puts a session in, and takes it out of. */
const CONDITION_OF = new Map<SessionState, number>([
  [SessionState.INVALID, CONDITION.INVALID],
  [SessionState.NEEDS_LOGIN, CONDITION.NEEDS_LOGIN],
  [SessionState.FROZEN, CONDITION.FROZEN],
  [SessionState.BANNED, CONDITION.BANNED],
]);

export const conditionStates: readonly SessionState[] = [...CONDITION_OF.keys()];

export function conditionOf(state: SessionState): number {
  return CONDITION_OF.get(state) ?? CONDITION.USABLE;
}

/** As in errors and events: needs_login. */
export function stateName(state: SessionState): string {
  return SessionStateSchema.value[state]!.localName.toLowerCase();
}

export type StateColumns = Pick<
  Slot,
  | 'condition'
  | 'paused'
  | 'lease_id'
  | 'credentials'
  | 'file_quarantine_ms'
  | 'expire_time'
  | 'drain_time'
  | 'claim_expire_time'
  | 'quarantine_end_time'
  | 'wait_end_time'
>;

/** The first that holds, in the order that the definition of SessionState gives. state-sql.ts says the same. */
export function sessionState(slot: StateColumns, now: Date): SessionState {
  switch (slot.condition) {
    case CONDITION.BANNED:
      return SessionState.BANNED;
    case CONDITION.FROZEN:
      return SessionState.FROZEN;
    case CONDITION.NEEDS_LOGIN:
      return SessionState.NEEDS_LOGIN;
    case CONDITION.INVALID:
      return SessionState.INVALID;
  }
  // An overdue lease lives until the reaper has ended it: an outage may have given it more time.
  if (slot.lease_id !== null) return SessionState.LEASED;
  if (isAhead(slot.claim_expire_time, now)) return SessionState.CLOSING;
  if (slot.condition === CONDITION.LEAVING) return SessionState.INVALID;
  if (slot.paused) return SessionState.PAUSED;
  if (isAhead(slot.quarantine_end_time, now)) return SessionState.QUARANTINED;
  if (isAhead(slot.wait_end_time, now)) return SessionState.FLOOD_WAIT;
  return SessionState.FREE;
}

/**
 * When the session can be leased at the latest if nobody renews anything; none when it can be now, or when
 * somebody must act first.
 */
export function availableTime(slot: StateColumns, now: Date, quarantineMs: number): Date | undefined {
  if (slot.condition !== CONDITION.USABLE || slot.paused || sessionState(slot, now) === SessionState.FREE)
    return undefined;
  const ends = [slot.claim_expire_time, slot.quarantine_end_time, slot.wait_end_time].map(epochMs);
  if (slot.lease_id !== null) {
    const leaseEnd = Math.min(epochMs(slot.expire_time), epochMs(slot.drain_time) || Infinity);
    ends.push(
      Math.max(now.getTime(), leaseEnd) + (slot.credentials ? quarantineMs : (slot.file_quarantine_ms ?? 0)),
    );
  }
  return new Date(Math.max(...ends));
}

export function isAhead(time: Date | null, now: Date): boolean {
  return time !== null && time.getTime() > now.getTime();
}

function epochMs(time: Date | null): number {
  return time?.getTime() ?? 0;
}

export interface SessionWait {
  method: string;
  peer: string;
  end_ms: number;
}

/** A session as one statement read it, `at` that statement's time. */
export interface SessionRow extends StateColumns {
  session_id: bigint;
  tenant_id: string;
  name: string;
  account_id: string;
  environment: string;
  labels: Record<string, string>;
  condition_reason: string;
  data_center: number;
  source: SessionOrigin;
  has_file: boolean;
  revision: bigint;
  create_time: Date;
  event_sequence: bigint;
  fencing_token: bigint;
  holder: string | null;
  ttl_ms: number | null;
  acquire_time: Date | null;
  claim_process: string | null;
  last_used_time: Date | null;
  flood_waits: SessionWait[];
  at: Date;
}

export const SOURCES: Readonly<Record<SessionOrigin, SessionSource>> = {
  import: SessionSource.IMPORT,
  sync: SessionSource.SYNC,
  login: SessionSource.LOGIN,
};

export function etagOf(row: { revision: bigint }): string {
  return String(row.revision);
}

export function sessionMessage(row: SessionRow, quarantineMs: number): Session {
  const available = availableTime(row, row.at, quarantineMs);
  return create(SessionSchema, {
    sessionId: row.session_id,
    name: row.name,
    accountId: row.account_id,
    environment: row.environment,
    labels: row.labels,
    state: sessionState(row, row.at),
    stateReason: row.condition === CONDITION.USABLE ? '' : row.condition_reason,
    lease: livingLease(row),
    floodWaits: row.flood_waits.map(({ method, peer, end_ms }) => ({
      sessionId: row.session_id,
      method,
      peer,
      endTime: timestampFromDate(new Date(end_ms)),
    })),
    quarantineEndTime: isAhead(row.quarantine_end_time, row.at)
      ? timestamp(row.quarantine_end_time)
      : undefined,
    availableTime: timestamp(available),
    dataCenter: row.data_center,
    source: SOURCES[row.source],
    hasFile: row.has_file,
    createTime: timestamp(row.create_time),
    lastUsedTime: timestamp(row.last_used_time),
    etag: etagOf(row),
    paused: row.paused,
  });
}

function timestamp(date: Date | null | undefined) {
  return date ? timestampFromDate(date) : undefined;
}

/** For others than its holder: without its token. */
function livingLease(row: SessionRow) {
  if (row.lease_id === null) return undefined;
  return leaseMessage({
    lease_id: row.lease_id,
    session_id: row.session_id,
    tenant_id: row.tenant_id,
    session_name: row.name,
    environment: row.environment,
    fencing_token: 0n,
    event_sequence: row.event_sequence,
    holder: row.holder!,
    credentials: row.credentials!,
    ttl_ms: row.ttl_ms!,
    file_quarantine_ms: row.file_quarantine_ms,
    acquire_time: row.acquire_time!,
    expire_time: row.expire_time!,
    drain_time: row.drain_time,
  });
}

/** Of a page's answer, well below the 4 MiB that a message may have. */
const PAGE_BYTES = 3 * 1024 * 1024;
const SESSION_BYTES = 512;
const WAIT_BYTES = 320;
const BYTES_A_CHARACTER = 4;

/** How many of these rows one answer holds, at least one; the rest come with the next page. */
export function rowsThatFit(rows: readonly SessionRow[]): number {
  let bytes = 0;
  for (const [index, row] of rows.entries()) {
    const text = Object.entries(row.labels).reduce(
      (sum, [key, value]) => sum + key.length + value.length + 8,
      0,
    );
    bytes += SESSION_BYTES + text * BYTES_A_CHARACTER + row.flood_waits.length * WAIT_BYTES;
    if (bytes > PAGE_BYTES && index > 0) return index;
  }
  return rows.length;
}
