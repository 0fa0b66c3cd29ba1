import { randomUUIDv7 } from 'node:crypto';
import { sql } from 'kysely';
import type { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { createFakeClock } from '#lib/lifecycle/clock-fake.ts';
import { openTestTables, quiet, type TestTables } from '../test-engagement.ts';
import { openJobPool } from './job-pool.ts';
import { jobsVersion, migrateJobs, waitForJobs } from './job-schema.ts';
import { JOBS_VERSION } from './job-version.ts';
import { startJobWorker, type JobWorker, type Shift } from './job-worker.ts';
import { addActionJobs, forgetIdleQueues, removeActionJobs } from './jobs.ts';
import { freeEmptyQueues, takeLease, takeOver } from './worker-lease.ts';

let tables: TestTables;
let jobPool: Pool;
let workers: JobWorker[];

beforeAll(async () => {
  tables = await openTestTables();
  jobPool = openJobPool({ url: tables.url, size: 6, applicationName: 'test', log: quiet });
});
beforeEach(async () => {
  workers = [];
  await sql`truncate engagement_jobs._private_jobs, engagement_jobs._private_job_queues, action_workers`.execute(
    tables.database.kysely,
  );
});
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.stop()));
});
afterAll(async () => {
  await jobPool.end();
  await tables.close();
});

const SETTINGS = { concurrency: 8, pollMs: 20, graceMs: 2_000, leaseMs: 60_000 };
const WAIT = { timeout: 15_000, interval: 10 };

function start(
  work: (actionId: string, shift: Shift) => Promise<void>,
  leaseMs = SETTINGS.leaseMs,
): JobWorker {
  const parts = { database: tables.database, jobPool, clock: systemClock, log: quiet };
  const worker = startJobWorker(parts, { ...SETTINGS, leaseMs }, work);
  workers.push(worker);
  return worker;
}

const addJobs = (count: number, accountId = randomUUIDv7()): Promise<string[]> => {
  const actionIds = Array.from({ length: count }, () => randomUUIDv7());
  const due = actionIds.map((actionId) => ({ actionId, accountId, dueTime: new Date(0) }));
  return tables.database.kysely
    .transaction()
    .execute((trx) => addActionJobs(trx, due))
    .then(() => actionIds);
};

async function left(): Promise<{ jobs: number; held: number; queues: number; heldQueues: number }> {
  const { rows } = await sql<Awaited<ReturnType<typeof left>>>`
    select (select count(*)::integer from engagement_jobs._private_jobs) as jobs,
      (select count(*)::integer from engagement_jobs._private_jobs where locked_by is not null) as held,
      (select count(*)::integer from engagement_jobs._private_job_queues) as queues,
      (select count(*)::integer from engagement_jobs._private_job_queues where locked_by is not null) as "heldQueues"`.execute(
    tables.database.kysely,
  );
  return rows[0]!;
}

const lapse = () =>
  sql`update action_workers set expire_time = clock_timestamp()`.execute(tables.database.kysely);

test('the engine is at the version that this release waits for', async () => {
  expect(await jobsVersion(tables.url)).toBe(JOBS_VERSION);
  await Promise.all([1, 2].map(() => migrateJobs({ url: tables.url, log: quiet })));
  await waitForJobs({ url: tables.url, timeoutMs: 1_000, log: quiet });
});

test('the jobs of an account are done one after the other, whoever works on them', async () => {
  const running = new Map<string, number>();
  const ofAccount = new Map<string, string>();
  let most = 0;
  let together = 0;
  const done: string[] = [];
  const work = async (actionId: string): Promise<void> => {
    const account = ofAccount.get(actionId)!;
    running.set(account, (running.get(account) ?? 0) + 1);
    most = Math.max(most, running.get(account)!);
    together = Math.max(together, [...running.values()].filter((count) => count > 0).length);
    await new Promise((resolve) => setTimeout(resolve, 3));
    running.set(account, running.get(account)! - 1);
    done.push(actionId);
  };
  for (let account = 0; account < 10; account += 1) {
    const accountId = randomUUIDv7();
    for (const actionId of await addJobs(20, accountId)) ofAccount.set(actionId, accountId);
  }
  start(work);
  start(work);
  await expect.poll(() => done.length, WAIT).toBe(200);
  await Promise.all(workers.splice(0).map((worker) => worker.stop()));
  expect(new Set(done).size).toBe(200);
  expect(most).toBe(1);
  expect(together).toBeGreaterThan(2);
  expect(await left()).toMatchObject({ jobs: 0, held: 0, heldQueues: 0 });
});

test('a job that is added again moves; in the transaction of its action, or not at all', async () => {
  const [actionId] = await addJobs(1);
  const accountId = randomUUIDv7();
  const { kysely } = tables.database;
  const later = new Date(Date.now() + 3_600_000);
  await addActionJobs(kysely, [{ actionId: actionId!, accountId, dueTime: later }]);
  expect(await left()).toMatchObject({ jobs: 1 });
  const rolledBack = kysely.transaction().execute(async (trx) => {
    await addActionJobs(trx, [{ actionId: randomUUIDv7(), accountId, dueTime: later }]);
    throw new Error('no');
  });
  await expect(rolledBack).rejects.toThrow('no');
  expect(await left()).toMatchObject({ jobs: 1 });
  await removeActionJobs(kysely, [actionId!]);
  expect(await left()).toMatchObject({ jobs: 0 });
  expect(await kysely.transaction().execute((trx) => forgetIdleQueues(trx))).toBe(2);
});

test('the jobs of a dead worker are free when its lease has ended, and not before', async () => {
  const actionIds = await addJobs(1);
  const { kysely } = tables.database;
  await sql`
    insert into action_workers (worker_id, expire_time)
    values ('pool-dead', clock_timestamp() + interval '1 hour')`.execute(kysely);
  // As the engine marks what a worker has.
  for (const table of ['jobs', 'job_queues'])
    await sql`
      update ${sql.id('engagement_jobs', `_private_${table}`)}
      set locked_by = 'pool-dead', locked_at = clock_timestamp() - interval '1 hour'`.execute(kysely);
  expect(await takeOver(tables.database, SETTINGS)).toEqual([]);
  expect(await left()).toMatchObject({ held: 1, heldQueues: 1 });
  await lapse();
  expect(await takeOver(tables.database, SETTINGS)).toEqual(['pool-dead']);
  expect(await left()).toMatchObject({ jobs: 1, held: 0, heldQueues: 0 });
  const again: string[] = [];
  start(async (actionId) => void again.push(actionId));
  await expect.poll(() => again, WAIT).toEqual(actionIds);
});

test('a worker that never had a lease is dead when a lease would have ended', async () => {
  await addJobs(1);
  await sql`
    update engagement_jobs._private_jobs
    set locked_by = 'pool-never', locked_at = clock_timestamp() - interval '30 seconds'`.execute(
    tables.database.kysely,
  );
  expect(await takeOver(tables.database, { leaseMs: 60_000 })).toEqual([]);
  expect(await takeOver(tables.database, { leaseMs: 20_000 })).toEqual(['pool-never']);
  expect(await left()).toMatchObject({ held: 0 });
});

test('a queue that is held without a job is freed', async () => {
  await addJobs(1);
  await sql`
    update engagement_jobs._private_job_queues
    set locked_by = 'pool-other', locked_at = clock_timestamp() - interval '30 seconds'`.execute(
    tables.database.kysely,
  );
  expect(await freeEmptyQueues(tables.database, { leaseMs: 60_000 })).toBe(0);
  expect(await freeEmptyQueues(tables.database, { leaseMs: 20_000 })).toBe(1);
});

test('a holder that can not renew stops itself before its lease ends for the others', async () => {
  const clock = createFakeClock();
  const lease = await takeLease({ database: tables.database, clock, log: quiet }, 'pool-paused', {
    leaseMs: 10_000,
  });
  expect(lease.isHeld()).toBe(true);
  await sql`delete from action_workers`.execute(tables.database.kysely);
  // The renewal finds that the lease is gone.
  await clock.advance(2_600);
  await expect.poll(() => lease.ended.aborted, WAIT).toBe(true);
  expect(lease.isHeld()).toBe(false);
  await lease.release();
});

test('paused for longer than its lease, a holder knows it at once, before any timer', async () => {
  let now = 0;
  const clock = { ...createFakeClock(), monotonic: () => now };
  const lease = await takeLease({ database: tables.database, clock, log: quiet }, 'pool-frozen', {
    leaseMs: 10_000,
  });
  now = 7_999;
  expect(lease.isHeld()).toBe(true);
  now = 8_000;
  expect(lease.isHeld()).toBe(false);
  await lease.release();
});

test('a worker that lost its lease begins anew, and what it had is done once more by whoever has it then', async () => {
  const actionIds = await addJobs(1);
  const shifts: string[] = [];
  start(async (_actionId, { workerId, signal }) => {
    shifts.push(workerId);
    if (workerId !== shifts[0]) return;
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  }, 1_000);
  await expect.poll(() => shifts.length, WAIT).toBe(1);
  await lapse();
  // Until it knows, it may take the job once more; nothing begins under a lease that has ended.
  const workersSeen = async (): Promise<number> => {
    await takeOver(tables.database, { leaseMs: 1_000 });
    return new Set(shifts).size;
  };
  await expect.poll(workersSeen, WAIT).toBe(2);
  await expect.poll(async () => (await left()).jobs, WAIT).toBe(0);
  expect(actionIds).toHaveLength(1);
});

test('a stop lets what runs end, and leaves nothing held', async () => {
  await addJobs(3);
  const begun: string[] = [];
  let ended = 0;
  const worker = start(async (actionId) => {
    begun.push(actionId);
    await new Promise((resolve) => setTimeout(resolve, 100));
    ended += 1;
  });
  await expect.poll(() => begun.length, WAIT).toBe(1);
  await worker.stop();
  expect(ended).toBe(begun.length);
  expect(await left()).toMatchObject({ jobs: 3 - ended, held: 0, heldQueues: 0 });
});
