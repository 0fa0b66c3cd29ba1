import { sql } from 'kysely';
import { transaction } from '#lib/postgres/transaction.ts';
import { endLeases, type EndedLease } from '../leases/end.ts';
import type { Pool } from '../pool.ts';
import type { PoolTransaction } from '../slots.ts';

/** A stretch without a stamp that is longer was an outage: holders may not have been able to renew. */
export const OUTAGE_MS = 3_000;

const CLOCK_WAVERS_MS = 1_000;

/** Most leases that one pass ends; the next pass goes on at once. */
export const LEASES_A_PASS = 5_000;

export interface Reaped {
  expired: EndedLease[];
  revoked: EndedLease[];
}

/**
 * One pass: stamps that the service is up, then ends leases whose time is over. A lease expires when its last
 * acknowledged renewal + TTL has passed, and after an outage not before its end + TTL: a holder who could not
 * renew keeps its lease. Undefined when another replica did this a moment ago, or is doing it.
 */
export async function stampAndReap(pool: Pool, pauseMs: number): Promise<Reaped | undefined> {
  const reaped = await transaction(pool.database, async (trx) => {
    const resumeTime = await stamp(trx, pool.replicaId, pauseMs);
    if (resumeTime === undefined) return undefined;
    const { quarantineMs } = pool.settings;
    const { expired, drained } = await lockOver(trx, resumeTime);
    return {
      expired: await endLeases(trx, expired, { kind: 'expired' }, quarantineMs),
      revoked: await endLeases(
        trx,
        drained,
        { kind: 'revoked', reason: 'the time to drain is over', subject: 'service:session-pool' },
        quarantineMs,
      ),
    };
  });
  const ended = reaped ? [...reaped.expired, ...reaped.revoked] : [];
  if (ended.length > 0) {
    pool.wakeRelay();
    pool.wakeQueue(new Set(ended.map(({ tenant_id }) => tenant_id)));
  }
  return reaped;
}

/**
 * When the last outage ended. Reads the clock after the wait for the row: see the contract of I6. A clock that
 * was set back by more than it may waver counts as an outage: else nothing was reclaimed until it had caught up.
 */
async function stamp(trx: PoolTransaction, replicaId: string, pauseMs: number): Promise<Date | undefined> {
  await sql`
    insert into replicas (replica_id) values (${replicaId}::uuid)
    on conflict (replica_id) do update set stamp_time = clock_timestamp()`.execute(trx);
  const { rows: locked } = await sql`select from availability for update skip locked`.execute(trx);
  if (locked.length === 0) return undefined;
  const { rows } = await sql<{ resume_time: Date }>`
    update availability set
      resume_time = case
        when clock_timestamp() - stamp_time > ${OUTAGE_MS} * interval '1 ms' then clock_timestamp()
        when clock_timestamp() - stamp_time < ${-CLOCK_WAVERS_MS} * interval '1 ms' then clock_timestamp()
        else resume_time end,
      stamp_time = clock_timestamp()
    where clock_timestamp() - stamp_time >= ${pauseMs} * interval '1 ms'
      or clock_timestamp() - stamp_time < ${-CLOCK_WAVERS_MS} * interval '1 ms'
    returning resume_time`.execute(trx);
  return rows[0]?.resume_time;
}

async function lockOver(
  trx: PoolTransaction,
  resumeTime: Date,
): Promise<{ expired: bigint[]; drained: bigint[] }> {
  const isExpired = sql`
    greatest(expire_time, ${resumeTime}::timestamptz + ttl_ms * interval '1 ms') < clock_timestamp()`;
  const { rows } = await sql<{ session_id: bigint; expired: boolean }>`
    select session_id, ${isExpired} as expired from slots
    where lease_id is not null and (${isExpired} or drain_time <= clock_timestamp())
    order by session_id limit ${LEASES_A_PASS} for update skip locked`.execute(trx);
  const ids = (expired: boolean): bigint[] =>
    rows.filter((row) => row.expired === expired).map((row) => row.session_id);
  return { expired: ids(true), drained: ids(false) };
}

/** Forgets replicas that stopped stamping, and their waiters with them. */
export async function forgetDeadReplicas(pool: Pool): Promise<number> {
  return transaction(pool.database, async (trx) => {
    const { rows } = await sql<{ replica_id: string }>`
      delete from replicas using availability
      where replicas.stamp_time < clock_timestamp() - interval '30 s'
        and availability.resume_time < clock_timestamp() - interval '30 s'
      returning replica_id`.execute(trx);
    await sql`
      delete from waiters
      where not exists (select from replicas where replicas.replica_id = waiters.replica_id)
        and create_time < clock_timestamp() - interval '30 s'`.execute(trx);
    return rows.length;
  });
}
