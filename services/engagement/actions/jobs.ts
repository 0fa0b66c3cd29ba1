import { sql, type QueryExecutorProvider } from 'kysely';

/*
 * A job is no more than a wake-up at a time: what is to be done, and whether it still is, stands in the action. One
 * job an action, named by its id, so that adding it again moves it; one queue an account, so that an account does one
 * thing at a time.
 */

export const ACT = 'act';

export interface ActionJob {
  readonly actionId: string;
  readonly accountId: string;
  readonly dueTime: Date;
}

/** How many go into one statement. */
const JOBS_A_STATEMENT = 1_000;
/** The engine gives a job up after so many; the action has its own count, and a sweep adds a lost job anew. */
const MOST_ATTEMPTS = 100;

/**
 * Adds the job of each action in the caller's transaction, or moves the one that is there. A job that runs goes on,
 * and the new one comes after it.
 */
export async function addActionJobs(
  trx: QueryExecutorProvider,
  actions: readonly ActionJob[],
): Promise<void> {
  if (actions.length === 0) return;
  await holdQueues(trx);
  // In one order everywhere, so that no two transactions wait for each other.
  const ordered = actions.toSorted((a, b) => (a.actionId < b.actionId ? -1 : 1));
  for (let start = 0; start < ordered.length; start += JOBS_A_STATEMENT) {
    const specs = ordered.slice(start, start + JOBS_A_STATEMENT).map(({ actionId, accountId, dueTime }) => ({
      identifier: ACT,
      payload: { actionId },
      queue_name: accountId,
      run_at: dueTime.toISOString(),
      max_attempts: MOST_ATTEMPTS,
      job_key: actionId,
    }));
    await sql`
      select count(*) from engagement_jobs.add_jobs(array(
        select json_populate_recordset(null::engagement_jobs.job_spec, ${JSON.stringify(specs)}::json)
      ))`.execute(trx);
  }
}

/** Takes away the jobs of actions that have ended; one that runs now ends by itself. */
export async function removeActionJobs(
  trx: QueryExecutorProvider,
  actionIds: readonly string[],
): Promise<void> {
  if (actionIds.length === 0) return;
  await sql`
    select count(*) from engagement_jobs.complete_jobs(array(
      select id from engagement_jobs._private_jobs where key = any(${actionIds}::text[]) order by id
    ))`.execute(trx);
}

const QUEUES_LOCK = 'telegate engagement queues';

/** A queue that is there stays there until the end of the transaction. */
async function holdQueues(trx: QueryExecutorProvider): Promise<void> {
  await sql`select pg_advisory_xact_lock_shared(hashtextextended(${QUEUES_LOCK}, 0))`.execute(trx);
}

/**
 * Forgets the queues of accounts that have nothing to do: the engine looks at each queue whenever it looks for jobs.
 * Not while jobs are added, for the engine puts a job whose queue vanished into none. Answers how many went.
 */
export async function forgetIdleQueues(trx: QueryExecutorProvider): Promise<number> {
  const { rows: turn } = await sql<{ taken: boolean }>`
    select pg_try_advisory_xact_lock(hashtextextended(${QUEUES_LOCK}, 0)) as taken`.execute(trx);
  if (turn[0]?.taken !== true) return 0;
  const { rows } = await sql<{ count: bigint }>`
    with gone as (
      delete from engagement_jobs._private_job_queues as queues
      where locked_at is null
        and not exists (select from engagement_jobs._private_jobs as jobs where jobs.job_queue_id = queues.id)
      returning 1
    ) select count(*) as count from gone`.execute(trx);
  return Number(rows[0]!.count);
}
