import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { sql } from 'kysely';
import { LeaseLossReason } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import { appendEvents, type NewEvent } from '#lib/events/outbox.ts';
import { sessionEvent, type PoolEvent } from '../events.ts';
import { sendNotices } from '../notices/notice.ts';
import type { PoolTransaction } from '../slots.ts';

/** How a lease came to its end. */
export type LeaseEnd =
  | { kind: 'released' }
  | { kind: 'expired' }
  | { kind: 'revoked'; reason: string; subject: string }
  /** The session was invalidated or deleted. */
  | { kind: 'session_gone'; reason: string; subject: string };

export interface EndedLease {
  session_id: bigint;
  tenant_id: string;
  lease_id: string;
  fencing_token: bigint;
  holder: string;
  credentials: boolean;
  expire_time: Date;
  event_sequence: bigint;
  /** A process has its socket under this lease, and must hear of the end at once. */
  is_claimed: boolean;
  occur_time: Date;
  /** Set when this end put the session in quarantine. */
  quarantine_end_time: Date | null;
}

/**
 * Ends the leases on these sessions, writes their events and tells the streams. The caller holds the slots'
 * locks (lockSlots) and has decided. A key that was handed out may still be in use after any end but its
 * holder's own release: then the session goes to quarantine, for the time given here, or for a file's holder
 * the time that was agreed when the lease was granted.
 */
export async function endLeases(
  trx: PoolTransaction,
  sessionIds: readonly bigint[],
  end: LeaseEnd,
  quarantineMs: number,
): Promise<EndedLease[]> {
  if (sessionIds.length === 0) return [];
  const suspect = end.kind !== 'released';
  const { rows } = await sql<EndedLease>`
    with before as materialized (
      select session_id, lease_id, holder, credentials, expire_time,
        case when ${suspect}::boolean and credentials then ${quarantineMs}::integer
          when ${suspect}::boolean then nullif(file_quarantine_ms, 0) end as quarantine_ms
      from slots
      where session_id = any(${sessionIds}::bigint[]) and lease_id is not null
    )
    update slots set
      lease_id = null, holder = null, subject = null, credentials = null, ttl_ms = null,
      file_quarantine_ms = null,
      acquire_time = null, expire_time = null, drain_time = null,
      last_used_time = clock_timestamp(),
      event_sequence = slots.event_sequence + case when before.quarantine_ms is null then 1 else 2 end,
      quarantine_end_time = case
        when before.quarantine_ms is null then slots.quarantine_end_time
        else greatest(
          slots.quarantine_end_time, clock_timestamp() + before.quarantine_ms * interval '1 ms') end
    from before
    where slots.session_id = before.session_id
    returning slots.session_id, slots.tenant_id, slots.fencing_token, slots.event_sequence,
      slots.last_used_time as occur_time, before.lease_id, before.holder, before.credentials,
      before.expire_time,
      slots.claim_process is not null and slots.claim_expire_time > clock_timestamp() as is_claimed,
      case when before.quarantine_ms is not null then slots.quarantine_end_time end as quarantine_end_time`.execute(
    trx,
  );
  await appendEvents(
    trx,
    rows.flatMap((row) => endEvents(row, end)),
  );
  const reason = LOSS[end.kind];
  await sendNotices(
    trx,
    rows
      // A process that releases its own lease has given the claim back before.
      .filter((row) => suspect || row.is_claimed)
      .map((row) => ({ kind: 'lost', lease: row.lease_id, session: String(row.session_id), reason })),
  );
  return rows;
}

const LOSS = {
  released: LeaseLossReason.STALE,
  expired: LeaseLossReason.EXPIRED,
  revoked: LeaseLossReason.REVOKED,
  session_gone: LeaseLossReason.SESSION_GONE,
} as const;

function endEvents(row: EndedLease, end: LeaseEnd): NewEvent[] {
  const quarantined = row.quarantine_end_time;
  const sequence = quarantined ? row.event_sequence - 1n : row.event_sequence;
  const events = [sessionEvent({ ...row, event_sequence: sequence }, endPayload(row, end))];
  if (quarantined) {
    const cause = end.kind === 'expired' ? 'lease_expired' : 'lease_revoked';
    events.push(
      sessionEvent(row, {
        case: 'sessionQuarantined',
        value: { sessionId: row.session_id, endTime: timestampFromDate(quarantined), cause },
      }),
    );
  }
  return events;
}

function endPayload(row: EndedLease, end: LeaseEnd): PoolEvent {
  const lease = {
    leaseId: row.lease_id,
    sessionId: row.session_id,
    fencingToken: row.fencing_token,
    holder: row.holder,
  };
  switch (end.kind) {
    case 'released':
      return { case: 'leaseReleased', value: lease };
    case 'expired':
      return { case: 'leaseExpired', value: { ...lease, expireTime: timestampFromDate(row.expire_time) } };
    case 'revoked':
    case 'session_gone':
      return { case: 'leaseRevoked', value: { ...lease, reason: end.reason, subject: end.subject } };
  }
}
