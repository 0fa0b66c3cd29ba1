import type { BatchObservableResult } from '@opentelemetry/api';
import { sql } from 'kysely';
import { instruments, meter } from '#lib/telemetry/metrics.ts';
import type { EngagementDatabase } from '../tables.ts';

export const actionMetrics = instruments((made) => ({
  ended: made.createCounter('telegate.engagement.actions', {
    description: 'Tries of actions that ended, by kind and outcome.',
  }),
  lateness: made.createHistogram('telegate.engagement.lateness', {
    unit: 's',
    description: 'From when an action was due to when it began.',
    advice: { explicitBucketBoundaries: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3_600] },
  }),
  takenOver: made.createCounter('telegate.engagement.workers.taken_over', {
    description: 'Dead workers whose actions were taken over.',
  }),
}));

/** What is counted when somebody asks, and not a moment sooner. Answers how to stop. */
export function observeJobs({ kysely }: EngagementDatabase): () => void {
  const jobs = meter().createObservableGauge('telegate.engagement.jobs', {
    description: 'Jobs of actions, by whether they are due, run, or wait for their time.',
  });
  const oldest = meter().createObservableGauge('telegate.engagement.jobs.overdue', {
    unit: 's',
    description: 'How long the job that is due for longest has waited.',
  });
  const count = async (result: BatchObservableResult): Promise<void> => {
    const { rows } = await sql<{ due: number; running: number; later: number; overdue: number }>`
      select count(*) filter (where locked_at is null and run_at <= clock_timestamp())::integer as due,
        count(*) filter (where locked_at is not null)::integer as running,
        count(*) filter (where locked_at is null and run_at > clock_timestamp())::integer as later,
        coalesce(extract(epoch from clock_timestamp() - min(run_at)
          filter (where locked_at is null and run_at <= clock_timestamp())), 0)::float8 as overdue
      from engagement_jobs._private_jobs where attempts < max_attempts or locked_at is not null`.execute(
      kysely,
    );
    const { overdue, ...counts } = rows[0]!;
    for (const [state, number] of Object.entries(counts))
      result.observe(jobs, number, { 'telegate.state': state });
    result.observe(oldest, overdue);
  };
  meter().addBatchObservableCallback(count, [jobs, oldest]);
  return () => meter().removeBatchObservableCallback(count, [jobs, oldest]);
}
