import { create, toBinary } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { sql } from 'kysely';
import { AcquireLeaseResponseSchema } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { appendEvents } from '#lib/events/outbox.ts';
import { sessionEvent } from '../events.ts';
import { saveAnswers } from '#lib/requests/replay.ts';
import type { PoolTransaction } from '../slots.ts';
import { grantable } from './free.ts';
import { leaseMessage, type GrantedLease, type LeaseRequest } from './model.ts';

/** One session that the transaction has locked, and who gets it. */
export interface Grant {
  sessionId: bigint;
  request: LeaseRequest;
}

/**
 * Grants in one statement, with one clock read after all locks were taken; writes the events and keeps the
 * answers of requests that may be repeated. A session that ceased to be grantable is left out of the result.
 */
export async function grantLeases(
  trx: PoolTransaction,
  grants: readonly Grant[],
): Promise<Map<LeaseRequest, GrantedLease>> {
  const granted = new Map<LeaseRequest, GrantedLease>();
  if (grants.length === 0) return granted;
  const column = <T>(value: (request: LeaseRequest) => T): T[] => grants.map(({ request }) => value(request));
  const { rows } = await sql<GrantedLease & { ordinal: bigint }>`
    with clock as materialized (select clock_timestamp() as at),
    wanted as (
      select * from unnest(
        ${grants.map(({ sessionId }) => sessionId)}::bigint[],
        ${column((request) => request.holder)}::text[],
        ${column((request) => request.subject)}::text[],
        ${column((request) => request.ttlMs)}::integer[],
        ${column((request) => request.credentials !== undefined)}::boolean[],
        ${column((request) => request.fileQuarantineMs ?? null)}::integer[],
        ${column(({ selector }) => selector.evenPaused ?? false)}::boolean[]
      ) with ordinality
        as wanted (session_id, holder, subject, ttl_ms, credentials, file_quarantine_ms, even_paused, ordinal)
    )
    update slots set
      fencing_token = greatest(slots.fencing_token + 1, installation.epoch::bigint << 40),
      lease_id = lease_uuid(
        slots.session_id, greatest(slots.fencing_token + 1, installation.epoch::bigint << 40), clock.at),
      event_sequence = slots.event_sequence + 1,
      holder = wanted.holder, subject = wanted.subject, credentials = wanted.credentials,
      ttl_ms = wanted.ttl_ms, file_quarantine_ms = wanted.file_quarantine_ms, acquire_time = clock.at, last_used_time = clock.at,
      expire_time = clock.at + wanted.ttl_ms * interval '1 ms',
      drain_time = null, claim_process = null, claim_token = null, claim_expire_time = null,
      quarantine_end_time = null
    from wanted, clock, installation, sessions
    where slots.session_id = wanted.session_id and sessions.session_id = wanted.session_id
      and ${grantable(sql`wanted.even_paused`)}
    returning slots.session_id, slots.tenant_id, slots.lease_id, slots.fencing_token, slots.event_sequence,
      slots.holder, slots.credentials, slots.ttl_ms, slots.file_quarantine_ms, slots.acquire_time,
      slots.expire_time, sessions.name as session_name, sessions.environment, wanted.ordinal`.execute(trx);
  for (const row of rows) granted.set(grants[Number(row.ordinal) - 1]!.request, row);
  await appendEvents(
    trx,
    [...granted].map(([request, lease]) => ({
      ...acquiredEvent(request, lease),
      traceparent: request.traceparent,
    })),
  );
  await saveAnswers(
    trx,
    [...granted].flatMap(([{ replay }, lease]) =>
      replay
        ? [
            {
              key: replay,
              answer: toBinary(
                AcquireLeaseResponseSchema,
                create(AcquireLeaseResponseSchema, { lease: leaseMessage(lease) }),
              ),
            },
          ]
        : [],
    ),
  );
  return granted;
}

function acquiredEvent(request: LeaseRequest, lease: GrantedLease) {
  return sessionEvent(
    { ...lease, occur_time: lease.acquire_time },
    {
      case: 'leaseAcquired',
      value: {
        leaseId: lease.lease_id,
        sessionId: lease.session_id,
        fencingToken: lease.fencing_token,
        holder: request.holder,
        subject: request.subject,
        ttl: durationFromMs(lease.ttl_ms),
        credentials: lease.credentials,
      },
    },
  );
}
