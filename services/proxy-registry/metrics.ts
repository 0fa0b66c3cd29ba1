import type { BatchObservableResult } from '@opentelemetry/api';
import { sql } from 'kysely';
import {
  AssignmentState,
  AssignmentStateSchema,
  ProxyState,
  ProxyStateSchema,
} from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import { meter } from '#lib/telemetry/metrics.ts';
import type { Registry } from './registry.ts';

/** What is counted when somebody asks, and not a moment sooner. Answers how to stop. */
export function observeRegistry({ database }: Pick<Registry, 'database'>): () => void {
  const proxies = meter().createObservableGauge('telegate.proxy.proxies', {
    description: 'Proxies of all tenants by state.',
  });
  const assignments = meter().createObservableGauge('telegate.proxy.assignments', {
    description: 'Accounts of all tenants by whether they have a proxy.',
  });
  const holds = meter().createObservableGauge('telegate.proxy.holds', {
    description: 'Ways out that sockets hold now.',
  });

  const count = async (result: BatchObservableResult): Promise<void> => {
    const { rows } = await sql<{ kind: 'proxy' | 'assignment' | 'hold'; state: number; count: number }>`
      select 'proxy' as kind, state, count(*)::integer as count from proxy_status group by state
      union all select 'assignment', state, count(*)::integer from assignments group by state
      union all select 'hold', 0, count(*)::integer from holds where expire_time > clock_timestamp()
    `.execute(database.kysely);
    const counted = new Map(rows.map((row) => [`${row.kind}/${row.state}`, row.count]));
    // A state that nobody is in is 0, not unknown.
    for (const { number, localName } of ProxyStateSchema.values)
      if (number !== ProxyState.UNSPECIFIED)
        result.observe(proxies, counted.get(`proxy/${number}`) ?? 0, {
          'telegate.state': localName.toLowerCase(),
        });
    for (const { number, localName } of AssignmentStateSchema.values)
      if (number !== AssignmentState.UNSPECIFIED)
        result.observe(assignments, counted.get(`assignment/${number}`) ?? 0, {
          'telegate.state': localName.toLowerCase(),
        });
    result.observe(holds, counted.get('hold/0') ?? 0);
  };

  const observed = [proxies, assignments, holds];
  meter().addBatchObservableCallback(count, observed);
  return () => meter().removeBatchObservableCallback(count, observed);
}
