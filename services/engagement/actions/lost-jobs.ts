import { sql, type QueryExecutorProvider } from 'kysely';
import { addActionJobs } from './jobs.ts';

/** A job that is added in a moment is not lost. */
const LATE = sql.raw("interval '5 seconds'");

/**
 * Adds the jobs of actions that should have one and have none: due while their campaign runs, or under way with nobody
 * at it. Answers how many. It is rarely any: jobs come and go in the transactions of their actions.
 */
export async function addLostJobs(trx: QueryExecutorProvider, limit: number): Promise<number> {
  const { rows } = await sql<{ action_id: string; account_id: string }>`
    select action_id, account_id from (
      select action_id, account_id from actions join campaigns using (campaign_id)
      where actions.state = 'planned' and campaigns.state = 'running'
        and due_time < clock_timestamp() - ${LATE}
      union all
      select action_id, account_id from actions where state = 'running' and start_time < clock_timestamp() - ${LATE}
    ) as waiting
    where not exists (
      select from engagement_jobs._private_jobs as jobs
      where jobs.key = waiting.action_id::text and (jobs.locked_at is not null or jobs.attempts < jobs.max_attempts)
    )
    order by action_id limit ${limit}`.execute(trx);
  const dueTime = new Date(0);
  await addActionJobs(
    trx,
    rows.map(({ action_id: actionId, account_id: accountId }) => ({ actionId, accountId, dueTime })),
  );
  return rows.length;
}

/** Jobs that were replaced while they ran and then not ended, because their worker died. Answers how many went. */
export async function forgetReplacedJobs(executor: QueryExecutorProvider): Promise<number> {
  const { rows } = await sql<{ count: bigint }>`
    with gone as (
      delete from engagement_jobs._private_jobs
      where locked_at is null and attempts >= max_attempts and key is null
      returning 1
    ) select count(*) as count from gone`.execute(executor);
  return Number(rows[0]!.count);
}
