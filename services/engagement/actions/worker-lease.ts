import { sql } from 'kysely';
import { pause, type Clock } from '#lib/lifecycle/clock.ts';
import { transaction, withRetry } from '#lib/postgres/transaction.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { EngagementDatabase } from '../tables.ts';

/*
 * The job engine frees a dead worker's jobs after four hours. Here each worker has a lease, a row that it renews: who
 * is gone for longer than that is dead, and its jobs are taken over within seconds. Only the database's clock says
 * when a lease has ended; its holder stops itself before that, by a clock that can not be set.
 */

export interface LeaseSettings {
  /** How long a worker that renews no more still counts as alive. */
  readonly leaseMs: number;
}

export interface WorkerLease {
  /** False once it has ended, and when the worker could not say in time that it lives. */
  isHeld(): boolean;
  /** Aborted when it is not held any more. */
  readonly ended: AbortSignal;
  /** Gives back what the worker still has. */
  release(): Promise<void>;
}

/** A lease ends for its holder before it ends for the others. */
const MARGIN = 0.2;
const RENEWALS_A_LEASE = 4;

export async function takeLease(
  { database, clock, log }: { database: EngagementDatabase; clock: Clock; log: Logger },
  workerId: string,
  { leaseMs }: LeaseSettings,
): Promise<WorkerLease> {
  const ended = new AbortController();
  let until = 0;
  let timer = clock.setTimer(0, () => undefined);
  const end = (why: string): void => {
    timer.cancel();
    if (ended.signal.aborted) return;
    log.warn({ event: 'worker_lease_ended', worker_id: workerId, why }, 'this worker gives its actions up');
    ended.abort(new Error(why));
  };
  const live = (sentAt: number): void => {
    until = sentAt + leaseMs * (1 - MARGIN);
    timer.cancel();
    timer = clock.setTimer(until - clock.monotonic(), () => end('the lease was not renewed in time'));
  };

  const firstAt = clock.monotonic();
  await withRetry(() =>
    sql`
      insert into action_workers (worker_id, expire_time)
      values (${workerId}, clock_timestamp() + ${leaseMs} * interval '1 millisecond')
      on conflict (worker_id) do nothing`.execute(database.kysely),
  );
  live(firstAt);

  const stopping = new AbortController();
  const renewing = (async () => {
    while (!stopping.signal.aborted && !ended.signal.aborted) {
      await pause(clock, leaseMs / RENEWALS_A_LEASE, stopping.signal);
      if (stopping.signal.aborted || ended.signal.aborted) return;
      const sentAt = clock.monotonic();
      try {
        if (await renew(database, workerId, leaseMs)) live(sentAt);
        else end('the lease has ended');
      } catch (error) {
        log.warn(
          { event: 'worker_lease_not_renewed', err: error },
          'the lease of this worker was not renewed',
        );
      }
    }
  })();

  return {
    isHeld: () => !ended.signal.aborted && clock.monotonic() < until,
    ended: ended.signal,
    async release() {
      stopping.abort();
      await renewing;
      timer.cancel();
      await transaction(database, async (trx) => {
        await sql`delete from action_workers where worker_id = ${workerId}`.execute(trx);
        await sql`select engagement_jobs.force_unlock_workers(${[workerId]}::text[])`.execute(trx);
      });
    },
  };
}

async function renew({ kysely }: EngagementDatabase, workerId: string, leaseMs: number): Promise<boolean> {
  const { rows } = await sql`
    update action_workers set expire_time = clock_timestamp() + ${leaseMs} * interval '1 millisecond'
    where worker_id = ${workerId} and expire_time > clock_timestamp()
    returning 1 as renewed`.execute(kysely);
  return rows.length > 0;
}

/**
 * Frees the jobs of workers whose lease has ended, and of those that never had one; answers who they were. A worker
 * that begins an action holds on to its own row, so that no action begins after this.
 */
export function takeOver(
  database: EngagementDatabase,
  { leaseMs }: LeaseSettings,
): Promise<readonly string[]> {
  return transaction(database, async (trx) => {
    const { rows: dead } = await sql<{ worker_id: string }>`
      delete from action_workers where worker_id = any(array(
        select worker_id from action_workers where expire_time <= clock_timestamp()
        order by worker_id for update skip locked
      )) returning worker_id`.execute(trx);
    const { rows: unknown } = await sql<{ worker_id: string }>`
      select distinct locked_by as worker_id from (
        select locked_by, locked_at from engagement_jobs._private_jobs where locked_by is not null
        union all
        select locked_by, locked_at from engagement_jobs._private_job_queues where locked_by is not null
      ) as held
      where locked_at < clock_timestamp() - ${leaseMs} * interval '1 millisecond'
        and not exists (select from action_workers where action_workers.worker_id = held.locked_by)`.execute(
      trx,
    );
    const workerIds = [...new Set([...dead, ...unknown].map(({ worker_id: id }) => id))];
    if (workerIds.length > 0)
      await sql`select engagement_jobs.force_unlock_workers(${workerIds}::text[])`.execute(trx);
    return workerIds;
  });
}

/**
 * Frees queues that are held without a job: who was taken for dead and ends its job all the same deletes it under the
 * one who has it now, whose end then frees nothing.
 */
export async function freeEmptyQueues(
  { kysely }: EngagementDatabase,
  { leaseMs }: LeaseSettings,
): Promise<number> {
  const { rows } = await sql<{ count: bigint }>`
    with freed as (
      update engagement_jobs._private_job_queues as queues set locked_at = null, locked_by = null
      where locked_by is not null and locked_at < clock_timestamp() - ${leaseMs} * interval '1 millisecond'
        and not exists (
          select from engagement_jobs._private_jobs as jobs
          where jobs.job_queue_id = queues.id and jobs.locked_by is not null
        )
      returning 1
    ) select count(*) as count from freed`.execute(kysely);
  return Number(rows[0]!.count);
}
