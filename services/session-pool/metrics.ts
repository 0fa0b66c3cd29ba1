import { sql } from 'kysely';
import type { ObservableResult } from '@opentelemetry/api';
import { meter } from '#lib/telemetry/metrics.ts';
import { SessionStateSchema, type SessionState } from '#gen/telegate/session_pool/v1/session_pb.ts';
import type { Pool } from './pool.ts';
import type { Queue } from './queue/queue.ts';
import { clockTable, clockTime, stateSql } from './sessions/state-sql.ts';

/** What is counted when somebody asks, and not a moment sooner. Answers how to stop. */
export function observePool(pool: Pool, queue: Queue): () => void {
  const sessions = meter().createObservableGauge('telegate.pool.sessions', {
    description: 'Sessions of all tenants by state.',
  });
  const waiting = meter().createObservableGauge('telegate.pool.queue.length', {
    description: 'Acquires of this replica that wait.',
  });
  const starvation = meter().createObservableGauge('telegate.pool.starvation', {
    unit: 's',
    description: 'How long the longest waiting acquire has waited.',
  });

  const countStates = async (result: ObservableResult): Promise<void> => {
    const { rows } = await sql<{ state: SessionState; count: number }>`
      with ${clockTable}
      select ${stateSql(clockTime)} as state, count(*)::integer as count from clock cross join slots
      group by 1`.execute(pool.database.kysely);
    for (const { state, count } of rows)
      result.observe(count, { 'telegate.state': SessionStateSchema.value[state]!.localName.toLowerCase() });
  };
  const measureStarvation = async (result: ObservableResult): Promise<void> => {
    const { rows } = await sql<{ seconds: number }>`
      select coalesce(extract(epoch from clock_timestamp() - min(create_time)), 0)::float8 as seconds
      from waiters where granted is null`.execute(pool.database.kysely);
    result.observe(rows[0]!.seconds);
  };
  const countWaiting = (result: ObservableResult): void => result.observe(queue.length);

  sessions.addCallback(countStates);
  starvation.addCallback(measureStarvation);
  waiting.addCallback(countWaiting);
  return () => {
    sessions.removeCallback(countStates);
    starvation.removeCallback(measureStarvation);
    waiting.removeCallback(countWaiting);
  };
}
