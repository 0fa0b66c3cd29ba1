import { runTaskList, type JobHelpers, type WorkerPool } from 'graphile-worker';
import type { Pool } from 'pg';
import { pause, type Clock } from '#lib/lifecycle/clock.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { EngagementDatabase } from '../tables.ts';
import { engineLogger } from './job-log.ts';
import { JOBS_SCHEMA } from './job-version.ts';
import { ACT } from './jobs.ts';
import { takeLease, type LeaseSettings, type WorkerLease } from './worker-lease.ts';

/** Under which name a job is worked on, and until when it may be. */
export interface Shift {
  readonly workerId: string;
  /** Aborted when the worker has to let go of what it does. */
  readonly signal: AbortSignal;
}

export interface JobWorkerParts {
  readonly database: EngagementDatabase;
  readonly jobPool: Pool;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface JobWorkerSettings extends LeaseSettings {
  /** Jobs at once. */
  readonly concurrency: number;
  readonly pollMs: number;
  /** What runs at the stop has so long to end; then it is cut off, and another worker does it. */
  readonly graceMs: number;
}

export interface JobWorker {
  /** Takes no more jobs; resolves when those that run have ended or were given back. */
  stop(): Promise<void>;
}

interface Run {
  readonly pool: WorkerPool;
  readonly over: Promise<void>;
}

const AGAIN_MS = 1_000;

/** Of the first that are due, many may be one account's, and only one of these is taken. */
const FETCHED_A_JOB = 4;
const END_BATCH_MS = 2;
/**
 * The engine looks for jobs when some are added, and every now and then: an account's next job is free when its last
 * has ended, of which nobody tells. Looked for when that is most likely written, and once more for when it was not.
 */
const LOOK_AGAIN_MS = [8, 80] as const;

const ending = new WeakSet<WorkerPool>();

/** Looks for jobs in a while, once for however many ask meanwhile. */
function createLook(clock: Clock, ms: number, pool: () => WorkerPool): () => void {
  let isComing = false;
  return () => {
    if (isComing) return;
    isComing = true;
    clock.setTimer(ms, () => {
      isComing = false;
      if (!ending.has(pool())) pool().nudge(1);
    });
  };
}

/** Works on jobs until it is stopped, under a new lease whenever one was lost. */
export function startJobWorker(
  parts: JobWorkerParts,
  settings: JobWorkerSettings,
  work: (actionId: string, shift: Shift) => Promise<void>,
): JobWorker {
  const { clock, log } = parts;
  const stopping = new AbortController();
  let current: Run | undefined;

  const keeping = (async () => {
    while (!stopping.signal.aborted) {
      current = begin(parts, settings, work);
      await current.over;
      current = undefined;
      if (stopping.signal.aborted) return;
      log.warn({ event: 'job_worker_restarts' }, 'the job worker has ended and begins anew');
      await pause(clock, AGAIN_MS, stopping.signal);
    }
  })();

  return {
    async stop() {
      stopping.abort();
      if (current) endPool(current.pool, log);
      await keeping;
    },
  };
}

function begin(
  parts: JobWorkerParts,
  settings: JobWorkerSettings,
  work: (actionId: string, shift: Shift) => Promise<void>,
): Run {
  const { jobPool, clock, log } = parts;
  const { concurrency, pollMs, graceMs } = settings;
  const { promise: leased, resolve: setLease, reject: noLease } = Promise.withResolvers<WorkerLease>();
  leased.catch(() => undefined);
  const looks = LOOK_AGAIN_MS.map((ms) => createLook(clock, ms, () => pool));
  const lookAgain = (): void => {
    for (const look of looks) look();
  };
  const pool: WorkerPool = runTaskList(
    {
      schema: JOBS_SCHEMA,
      concurrency,
      pollInterval: pollMs,
      noHandleSignals: true,
      gracefulShutdownAbortTimeout: graceMs,
      logger: engineLogger(log),
      preset: {
        worker: {
          // One statement fetches for all, and one ends what ended together.
          localQueue: { size: concurrency * FETCHED_A_JOB, ttl: settings.leaseMs },
          completeJobBatchDelay: END_BATCH_MS,
          failJobBatchDelay: END_BATCH_MS,
        },
      },
    },
    {
      async [ACT](payload: unknown, helpers: JobHelpers) {
        const lease = await leased;
        const { actionId } = payload as { actionId: string };
        const signal = AbortSignal.any([lease.ended, helpers.abortSignal]);
        try {
          await work(actionId, { workerId: pool.id, signal });
        } finally {
          lookAgain();
        }
        // Then the job is somebody else's, and not to be ended from here.
        if (!lease.isHeld()) throw new Error('the lease of this worker has ended');
      },
    },
    jobPool,
  );
  takeLease(parts, pool.id, settings).then(setLease, noLease);
  return { pool, over: untilOver(pool, leased, log) };
}

async function untilOver(pool: WorkerPool, leased: Promise<WorkerLease>, log: Logger): Promise<void> {
  const ended = Promise.resolve(pool.promise).catch((error: unknown) => {
    log.warn({ event: 'job_worker_failed', err: error }, 'the job worker ended with an error');
  });
  let lease: WorkerLease | undefined;
  try {
    lease = await leased;
    lease.ended.addEventListener('abort', () => endPool(pool, log), { once: true });
    if (lease.ended.aborted) endPool(pool, log);
  } catch (error) {
    log.warn({ event: 'job_worker_failed', err: error }, 'the job worker got no lease');
    endPool(pool, log);
  }
  await ended;
  await lease?.release().catch((error: unknown) => {
    // It ends by itself, and others take over.
    log.warn(
      { event: 'worker_lease_not_released', err: error },
      'the lease of the job worker was not given back',
    );
  });
}

function endPool(pool: WorkerPool, log: Logger): void {
  if (ending.has(pool)) return;
  ending.add(pool);
  Promise.resolve(pool.gracefulShutdown('the job worker stops')).catch((error: unknown) => {
    log.warn({ event: 'job_worker_failed', err: error }, 'the job worker did not stop cleanly');
  });
}
