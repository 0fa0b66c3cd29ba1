import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { PoolStatusSchema, type PoolStatus } from '#gen/telegate/session_pool/v1/session_pb.ts';

/** What a tenant's pool holds, as one statement counted it. */
export interface StatusRow {
  tenant_id: string;
  total: number;
  free: number;
  leased: number;
  closing: number;
  quarantined: number;
  flood_wait: number;
  invalid: number;
  needs_login: number;
  frozen: number;
  banned: number;
  paused: number;
  waiting: number;
  next_flood_wait_end_time: Date | null;
  next_available_time: Date | null;
  at: Date;
}

export function statusMessage(row: StatusRow): PoolStatus {
  return create(PoolStatusSchema, {
    total: row.total,
    free: row.free,
    leased: row.leased,
    closing: row.closing,
    quarantined: row.quarantined,
    floodWait: row.flood_wait,
    invalid: row.invalid,
    needsLogin: row.needs_login,
    frozen: row.frozen,
    banned: row.banned,
    paused: row.paused,
    waiting: row.waiting,
    nextFloodWaitEndTime: timestamp(row.next_flood_wait_end_time),
    nextAvailableTime: timestamp(row.next_available_time),
    readTime: timestampFromDate(row.at),
  });
}

function timestamp(date: Date | null) {
  return date ? timestampFromDate(date) : undefined;
}

/**
 * Whether a watcher need not be told. The time of reading differs always, and the next time of being available
 * with each renewal of each lease: neither is a change of the pool.
 */
export function isSameStatus(a: StatusRow, b: StatusRow): boolean {
  return (
    COUNTS.every((name) => a[name] === b[name]) &&
    a.next_flood_wait_end_time?.getTime() === b.next_flood_wait_end_time?.getTime()
  );
}

const COUNTS = [
  'total',
  'free',
  'leased',
  'closing',
  'quarantined',
  'flood_wait',
  'invalid',
  'needs_login',
  'frozen',
  'banned',
  'paused',
  'waiting',
] as const;
