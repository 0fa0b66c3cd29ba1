import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { sql } from 'kysely';
import { NotFound } from '#lib/rpc/errors.ts';
import { appendEvents } from '#lib/events/outbox.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { LeaseLostError } from '../errors.ts';
import { sessionEvent } from '../events.ts';
import { readLeaseId } from '../leases/model.ts';
import type { HeldLease } from '../leases/renew.ts';
import { sendNotices } from '../notices/notice.ts';
import { LONG_WAIT_MS, type Pool } from '../pool.ts';
import { lockSlots, type PoolTransaction } from '../slots.ts';

export interface FloodWaitReport {
  lease: HeldLease;
  /** Empty: all methods. */
  method: string;
  /** Empty: all peers. */
  peer: string;
  durationMs: number;
}

/** When the wait ends: the report's own end, or the later one that was known already. */
export async function reportFloodWait(
  pool: Pool,
  report: FloodWaitReport,
): Promise<{ sessionId: bigint; endTime: Date }> {
  const { lease, method, peer } = report;
  const sessionId = readLeaseId(lease.leaseId)?.sessionId;
  if (sessionId === undefined) throw new NotFound('lease', lease.leaseId);
  const endTime = await transaction(pool.database, async (trx) => {
    const [slot] = await lockSlots(trx, [sessionId]);
    if (slot && lease.tenantId !== undefined && slot.tenant_id !== lease.tenantId)
      throw new NotFound('lease', lease.leaseId);
    if (slot?.lease_id !== lease.leaseId || slot.fencing_token !== lease.fencingToken)
      throw new LeaseLostError(lease.leaseId, sessionId);
    return (await extendWait(trx, sessionId, report)) ?? (await readWaitEnd(trx, sessionId, method, peer));
  });
  pool.wakeRelay();
  return { sessionId, endTime };
}

/** Undefined when a wait that ends no sooner is known already. */
async function extendWait(
  trx: PoolTransaction,
  sessionId: bigint,
  { lease, method, peer, durationMs }: FloodWaitReport,
): Promise<Date | undefined> {
  const { rows } = await sql<{ end_time: Date }>`
    insert into flood_waits (session_id, method, peer, end_time)
    values (${sessionId}, ${method}, ${peer}, clock_timestamp() + ${durationMs} * interval '1 ms')
    on conflict (session_id, method, peer) do update set end_time = excluded.end_time
      where flood_waits.end_time < excluded.end_time
    returning end_time`.execute(trx);
  if (!rows[0]) return undefined;
  const { end_time } = rows[0];
  const blocksEveryGrant = (method === '' && peer === '') || durationMs > LONG_WAIT_MS;
  const { rows: slots } = await sql<{ tenant_id: string; event_sequence: bigint; occur_time: Date }>`
    update slots set
      event_sequence = event_sequence + 1,
      wait_end_time = case
        when ${blocksEveryGrant} then greatest(wait_end_time, ${end_time}::timestamptz) else wait_end_time end
    where session_id = ${sessionId}
    returning tenant_id, event_sequence, clock_timestamp() as occur_time`.execute(trx);
  await appendEvents(trx, [
    sessionEvent(
      { session_id: sessionId, ...slots[0]! },
      { case: 'floodWaitStarted', value: { sessionId, method, peer, endTime: timestampFromDate(end_time) } },
    ),
  ]);
  const end = end_time.toISOString();
  await sendNotices(trx, [
    { kind: 'flood_wait', lease: lease.leaseId, session: String(sessionId), method, peer, end },
  ]);
  return end_time;
}

async function readWaitEnd(
  trx: PoolTransaction,
  sessionId: bigint,
  method: string,
  peer: string,
): Promise<Date> {
  const { end_time } = await trx
    .selectFrom('flood_waits')
    .select('end_time')
    .where('session_id', '=', sessionId)
    .where('method', '=', method)
    .where('peer', '=', peer)
    .executeTakeFirstOrThrow();
  return end_time;
}

/** Removes waits that are over and says so; answers the tenants whose sessions they were. */
export async function sweepFloodWaits(pool: Pool, limit: number): Promise<string[]> {
  const tenants = await transaction(pool.database, async (trx) => {
    const { rows: candidates } = await sql<{ session_id: bigint }>`
      select distinct session_id from (
        select session_id from flood_waits where end_time <= clock_timestamp() order by end_time limit ${limit}
      ) as oldest`.execute(trx);
    // The slot before its waits, as a report locks them; one that somebody is at work on has its turn later, so
    // that it does not keep the reaper, which comes round with this, from everybody's leases.
    const { rows: slots } = await sql<{ session_id: bigint; tenant_id: string }>`
      select session_id, tenant_id from slots
      where session_id = any(${candidates.map((wait) => wait.session_id)}::bigint[])
      order by session_id for update skip locked`.execute(trx);
    const { rows: over } = await sql<{ session_id: bigint; method: string; peer: string }>`
      delete from flood_waits
      where session_id = any(${slots.map((slot) => slot.session_id)}::bigint[])
        and end_time <= clock_timestamp()
      returning session_id, method, peer`.execute(trx);
    if (over.length === 0) return [];
    const bySession = Map.groupBy(over, (wait) => wait.session_id);
    const { rows } = await sql<{ session_id: bigint; event_sequence: bigint; occur_time: Date }>`
      update slots set event_sequence = event_sequence + ended.count
      from unnest(
        ${[...bySession.keys()]}::bigint[], ${[...bySession.values()].map((waits) => waits.length)}::integer[]
      ) as ended (session_id, count)
      where slots.session_id = ended.session_id
      returning slots.session_id, slots.event_sequence, clock_timestamp() as occur_time`.execute(trx);
    const tenantOf = new Map(slots.map((slot) => [slot.session_id, slot.tenant_id]));
    await appendEvents(
      trx,
      rows.flatMap((row) => {
        const waits = bySession.get(row.session_id)!;
        const first = row.event_sequence - BigInt(waits.length) + 1n;
        return waits.map(({ method, peer }, index) =>
          sessionEvent(
            { ...row, tenant_id: tenantOf.get(row.session_id)!, event_sequence: first + BigInt(index) },
            { case: 'floodWaitEnded', value: { sessionId: row.session_id, method, peer } },
          ),
        );
      }),
    );
    return [...new Set(tenantOf.values())];
  });
  if (tenants.length > 0) pool.wakeRelay();
  return tenants;
}
