import { sql } from 'kysely';
import type { BatchObservableResult, ObservableResult } from '@opentelemetry/api';
import { meter } from '#lib/telemetry/metrics.ts';
import { SessionState, SessionStateSchema } from '#gen/telegate/session_pool/v1/session_pb.ts';
import type { Pool } from './pool.ts';
import type { Queue } from './queue/queue.ts';
import { clockTable, clockTime, stateSql } from './sessions/state-sql.ts';

/** What is counted when somebody asks, and not a moment sooner. Answers how to stop. */
export function observePool(pool: Pool, queue: Queue): () => void {
  const sessions = meter().createObservableGauge('telegate.pool.sessions', {
    description: 'Sessions of all tenants by state.',
  });
  const floodRatio = meter().createObservableGauge('telegate.pool.flood.ratio', {
    unit: '1',
    description: 'The share of all sessions that Telegram makes wait.',
  });
  const waiting = meter().createObservableGauge('telegate.pool.queue.length', {
    description: 'Acquires of this replica that wait.',
  });
  const starvation = meter().createObservableGauge('telegate.pool.starvation', {
    unit: 's',
    description: 'How long the longest waiting acquire has waited.',
  });

  const countStates = async (result: BatchObservableResult): Promise<void> => {
    const { rows } = await sql<{ state: SessionState; count: number }>`
      with ${clockTable}
      select ${stateSql(clockTime)} as state, count(*)::integer as count from clock cross join slots
      group by 1`.execute(pool.database.kysely);
    const counts = new Map(rows.map(({ state, count }) => [state, count]));
    // A state that nobody is in is 0, not unknown.
    for (const { number, localName } of SessionStateSchema.values)
      if (number !== SessionState.UNSPECIFIED)
        result.observe(sessions, counts.get(number as SessionState) ?? 0, {
          'telegate.state': localName.toLowerCase(),
        });
    const total = rows.reduce((sum, { count }) => sum + count, 0);
    result.observe(floodRatio, total === 0 ? 0 : (counts.get(SessionState.FLOOD_WAIT) ?? 0) / total);
  };
  const measureStarvation = async (result: ObservableResult): Promise<void> => {
    const { rows } = await sql<{ seconds: number }>`
      select coalesce(extract(epoch from clock_timestamp() - min(create_time)), 0)::float8 as seconds
      from waiters where granted is null`.execute(pool.database.kysely);
    result.observe(rows[0]!.seconds);
  };
  const countWaiting = (result: ObservableResult): void => result.observe(queue.length);

  meter().addBatchObservableCallback(countStates, [sessions, floodRatio]);
  starvation.addCallback(measureStarvation);
  waiting.addCallback(countWaiting);
  return () => {
    meter().removeBatchObservableCallback(countStates, [sessions, floodRatio]);
    starvation.removeCallback(measureStarvation);
    waiting.removeCallback(countWaiting);
  };
}
