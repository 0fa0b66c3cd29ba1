import type { BatchObservableResult } from '@opentelemetry/api';
import type { ConnectionState } from '#lib/telegram/lasting-link.ts';
import type { Freshness } from '#lib/telegram/updates/freshness.ts';
import { meter } from '#lib/telemetry/metrics.ts';
import type { HeldConnections } from './connections.ts';

const STATES: readonly ConnectionState[] = ['connecting', 'connected', 'waiting', 'degraded', 'closed'];

/** What is counted when somebody asks, and not a moment sooner. Answers how to stop. */
export function observeConnections(connections: HeldConnections, freshness: Freshness): () => void {
  const byState = meter().createObservableGauge('telegate.messaging.connections', {
    description: 'Sessions that this process holds, by the state of their connection.',
  });
  const queued = meter().createObservableGauge('telegate.messaging.calls.queued', {
    description: 'Calls to Telegram that wait for their turn, of all sessions.',
  });
  const longest = meter().createObservableGauge('telegate.messaging.calls.longest_queue', {
    description: 'Calls that wait for the session that has the most.',
  });
  const running = meter().createObservableGauge('telegate.messaging.calls.running', {
    description: 'Calls to Telegram that have no answer yet.',
  });
  const oldest = meter().createObservableGauge('telegate.messaging.updates.oldest', {
    unit: 's',
    description: 'How long the connected session has been silent that was not heard of for the longest.',
  });
  const all = [byState, queued, longest, running, oldest];

  const observe = (result: BatchObservableResult): void => {
    const counts = new Map<ConnectionState, number>();
    let waiting = 0;
    let most = 0;
    let under = 0;
    for (const { state, turns } of connections.holdings) {
      counts.set(state, (counts.get(state) ?? 0) + 1);
      waiting += turns.queued;
      most = Math.max(most, turns.queued);
      under += turns.running;
    }
    for (const state of STATES) result.observe(byState, counts.get(state) ?? 0, { 'telegate.state': state });
    result.observe(queued, waiting);
    result.observe(longest, most);
    result.observe(running, under);
    result.observe(oldest, freshness.oldestMs() / 1_000);
  };

  meter().addBatchObservableCallback(observe, all);
  return () => meter().removeBatchObservableCallback(observe, all);
}
