import { create, toBinary } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { sql, type RawBuilder, type SqlBool } from 'kysely';
import { AcquireLeaseResponseSchema } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { appendEvents } from '#lib/events/outbox.ts';
import { sessionEvent } from '../events.ts';
import { saveAnswers } from '#lib/requests/replay.ts';
import type { PoolTransaction } from '../slots.ts';
import { leaseMessage, type GrantedLease, type LeaseRequest, type Selector } from './model.ts';

/** Nothing stands in the way of a grant but a wait for a single method. */
const grantable = (evenPaused: RawBuilder<boolean>): RawBuilder<SqlBool> => sql<SqlBool>`(
  slots.lease_id is null
  and slots.condition = 0
  and (not slots.paused or ${evenPaused})
  and (slots.claim_expire_time is null or slots.claim_expire_time <= clock_timestamp())
  and (slots.quarantine_end_time is null or slots.quarantine_end_time <= clock_timestamp())
  and (slots.wait_end_time is null or slots.wait_end_time <= clock_timestamp())
)`;

/** The sessions of a tenant that fit a selector, whatever they are doing. */
export function fits(tenantId: string, selector: Selector): RawBuilder<SqlBool> {
  const { sessionId, name, labels, hasFile = false, accountId } = selector;
  const conditions = [sql<SqlBool>`slots.tenant_id = ${tenantId}::uuid`];
  if (sessionId !== null) conditions.push(sql`slots.session_id = ${sessionId}`);
  if (name !== null || hasFile || Object.keys(labels).length > 0)
    conditions.push(sql`exists (
      select from sessions
      where sessions.session_id = slots.session_id
        and (${name}::text is null or sessions.name = ${name})
        and (sessions.has_file or not ${hasFile}::boolean)
        and sessions.labels @> ${JSON.stringify(labels)}::jsonb)`);
  // By the account's index, not by a look at each of the tenant's sessions.
  if (accountId !== undefined)
    conditions.push(sql`slots.session_id in (
      select session_id from sessions
      where sessions.tenant_id = ${tenantId}::uuid and sessions.account_id = ${accountId}
        and sessions.account_id <> '')`);
  return sql`(${sql.join(conditions, sql` and `)})`;
}

function methodIsFree(method: string): RawBuilder<SqlBool> {
  if (method === '') return sql`true`;
  return sql`not exists (
    select from flood_waits
    where flood_waits.session_id = slots.session_id
      and flood_waits.method in ('', ${method}) and flood_waits.peer = ''
      and flood_waits.end_time > clock_timestamp())`;
}

/**
 * Locks up to `count` grantable sessions, the least recently used first. Passes over those that another
 * transaction is busy with, so it never waits; `busy` when there were such and too few others.
 *
 * A scan of the tenant's slots: an index that was kept in the order of use would cost every grant and release
 * more than that. The candidates are found first, because PostgreSQL sorts the whole table when it locks and
 * limits in one go: of 5,000 slots, 7 ms became 2.
 */
export async function lockFree(
  trx: PoolTransaction,
  tenantId: string,
  selector: Selector,
  count: number,
  options: { behindQueue: boolean },
): Promise<{ sessions: bigint[]; busy: boolean }> {
  const nobodyWaits = options.behindQueue
    ? sql`true`
    : sql`not exists (select from waiters where waiters.tenant_id = ${tenantId}::uuid and waiters.granted is null)`;
  const isFree = sql`${fits(tenantId, selector)} and ${grantable(sql`${selector.evenPaused ?? false}::boolean`)} and ${methodIsFree(selector.forMethod)}`;
  const lockFirst = async (candidates: number | null): Promise<{ seen: number; sessions: bigint[] }> => {
    const { rows } = await sql<{ seen: number; sessions: bigint[] }>`
      with candidates as materialized (
        select slots.session_id from slots
        where ${isFree} and ${nobodyWaits}
        order by slots.last_used_time nulls first, slots.session_id
        limit ${candidates}::integer
      ),
      locked as materialized (
        select slots.session_id from slots join candidates using (session_id)
        where ${isFree}
        order by slots.last_used_time nulls first, slots.session_id
        limit ${count}
        for update of slots skip locked
      )
      select array(select session_id from locked) as sessions,
        (select count(*) from candidates)::integer as seen`.execute(trx);
    return rows[0]!;
  };
  // As many again, for those that others are busy with.
  const candidates = 2 * count;
  const { seen, sessions } = await lockFirst(candidates);
  if (sessions.length === count || seen < candidates) return { sessions, busy: sessions.length < seen };
  const all = await lockFirst(null);
  return { sessions: all.sessions, busy: all.sessions.length < Math.min(count, all.seen) };
}

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
