import { pause } from '#lib/lifecycle/clock.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import type { Piece } from '#lib/service/housekeeping.ts';
import { createActing, type ActingParts } from './acting.ts';
import { openJobPool } from './job-pool.ts';
import { startJobWorker, type JobWorkerSettings } from './job-worker.ts';
import { forgetIdleQueues } from './jobs.ts';
import { addLostJobs, forgetReplacedJobs } from './lost-jobs.ts';
import { actionMetrics, observeJobs } from './metrics.ts';
import { freeEmptyQueues, takeOver } from './worker-lease.ts';

export interface ActionSettings extends JobWorkerSettings {
  readonly url: string;
}

export interface Actions {
  /** Begins nothing more; what is under way ends, or is given back. */
  stop(): Promise<void>;
}

/** The engine's own connections: one listens, the others fetch and end jobs, many in a statement. */
const JOB_CONNECTIONS = 4;
/** Looks for the dead in a lease's time, so that a death costs little more than its lease. */
const LOOKS_A_LEASE = 5;
const LOST_AT_ONCE = 1_000;

/** Works on actions, and takes over what others left behind when they died. */
export function startActions(parts: ActingParts, settings: ActionSettings): Actions {
  const { database, clock, log, random } = parts;
  const { url } = settings;
  const jobPool = openJobPool({
    url,
    size: JOB_CONNECTIONS,
    applicationName: 'telegate engagement jobs',
    log,
  });
  const worker = startJobWorker({ database, jobPool, clock, log }, settings, createActing(parts));
  const unobserve = observeJobs(database);
  const stopping = new AbortController();

  const looking = (async () => {
    while (!stopping.signal.aborted) {
      try {
        const dead = await takeOver(database, settings);
        if (dead.length > 0) {
          actionMetrics().takenOver.add(dead.length);
          log.warn({ event: 'workers_taken_over', worker_ids: dead }, "dead workers' actions are taken over");
        }
        await freeEmptyQueues(database, settings);
        const lost = await transaction(database, (trx) => addLostJobs(trx, LOST_AT_ONCE));
        if (lost > 0)
          log.warn({ event: 'lost_jobs_added', count: lost }, 'actions without jobs got them again');
      } catch (error) {
        log.warn({ event: 'taking_over_failed', err: error }, 'what others left could not be looked at');
      }
      const everyMs = settings.leaseMs / LOOKS_A_LEASE;
      await pause(clock, everyMs * (1 + random() * 0.2), stopping.signal);
    }
  })();

  async function stop(): Promise<void> {
    stopping.abort();
    unobserve();
    await worker.stop();
    await looking;
    await jobPool.end();
  }
  let stopped: Promise<void> | undefined;
  return { stop: () => (stopped ??= stop()) };
}

/** For housekeeping. */
export function actionPieces({ database }: Pick<ActingParts, 'database'>): readonly Piece[] {
  return [
    () => transaction(database, (trx) => forgetIdleQueues(trx)),
    () => forgetReplacedJobs(database.kysely),
  ];
}
