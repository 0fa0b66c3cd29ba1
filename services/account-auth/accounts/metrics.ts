import { sql } from 'kysely';
import type { ObservableResult } from '@opentelemetry/api';
import { meter } from '#lib/telemetry/metrics.ts';
import type { AccountAuth } from '../account-auth.ts';
import { stateNames, type StateName } from './model.ts';

/** What is counted when somebody asks, and not a moment sooner. Answers how to stop. */
export function observeAccounts({ database }: Pick<AccountAuth, 'database'>): () => void {
  const gauge = meter().createObservableGauge('telegate.accounts', {
    description: 'Accounts of all tenants by state, and those that their owners paused.',
  });
  const count = async (result: ObservableResult): Promise<void> => {
    const { rows } = await sql<{ state: StateName; paused: boolean; count: number }>`
      select state, paused, count(*)::integer as count from accounts group by state, paused`.execute(
      database.kysely,
    );
    // A state that nobody is in is 0, not unknown.
    for (const state of stateNames)
      for (const paused of [false, true]) {
        const found = rows.find((row) => row.state === state && row.paused === paused);
        result.observe(found?.count ?? 0, { 'telegate.state': state, 'telegate.paused': paused });
      }
  };
  gauge.addCallback(count);
  return () => gauge.removeCallback(count);
}
