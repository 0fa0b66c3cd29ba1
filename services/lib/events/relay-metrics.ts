import { instruments, meter } from '../telemetry/metrics.ts';
import type { PublishOutcome } from './bus.ts';
import { HeldBack } from './errors.ts';

const counters = instruments((made) => ({
  published: made.createCounter('telegate.outbox.published', { unit: '{event}' }),
  duplicates: made.createCounter('telegate.outbox.duplicates', {
    unit: '{event}',
    description: 'Published again: the broker had stored them before',
  }),
  failures: made.createCounter('telegate.outbox.publish.failures', { unit: '{event}' }),
}));

export interface RelayMeasures {
  setActive(active: boolean): void;
  setOldestAge(seconds: number): void;
  setBacklog(events: number): void;
  count(outcomes: readonly PublishOutcome[]): void;
  end(): void;
}

/** Age and backlog are reported by the replica that relays, and by no other. */
export function createRelayMeasures(schema: string): RelayMeasures {
  const attributes = { schema };
  const made = meter();
  const active = made.createObservableGauge('telegate.outbox.relay.active');
  const oldestAge = made.createObservableGauge('telegate.outbox.oldest.age', { unit: 's' });
  const backlog = made.createObservableGauge('telegate.outbox.backlog', { unit: '{event}' });
  let isActive = false;
  let ageSeconds = 0;
  let events = 0;
  const observe: Parameters<typeof made.addBatchObservableCallback>[0] = (result) => {
    result.observe(active, isActive ? 1 : 0, attributes);
    if (!isActive) return;
    result.observe(oldestAge, ageSeconds, attributes);
    result.observe(backlog, events, attributes);
  };
  const observed = [active, oldestAge, backlog];
  made.addBatchObservableCallback(observe, observed);
  return {
    setActive(now) {
      isActive = now;
    },
    setOldestAge(seconds) {
      ageSeconds = seconds;
    },
    setBacklog(count) {
      events = count;
    },
    count(outcomes) {
      const { published, duplicates, failures } = counters();
      const ok = outcomes.filter((outcome) => outcome.ok);
      const duplicate = ok.filter((outcome) => outcome.duplicate).length;
      const failed = outcomes.filter((outcome) => !outcome.ok && !(outcome.error instanceof HeldBack)).length;
      if (ok.length > 0) published.add(ok.length, attributes);
      if (duplicate > 0) duplicates.add(duplicate, attributes);
      if (failed > 0) failures.add(failed, attributes);
    },
    end: () => made.removeBatchObservableCallback(observe, observed),
  };
}
