import { meter } from '#lib/telemetry/metrics.ts';
import type { Written } from './recorder.ts';

export interface WatchMetrics {
  written(written: readonly Written[]): void;
  watching<T>(work: () => Promise<T>): Promise<T>;
  stop(): void;
}

export function observeWatching(): WatchMetrics {
  const events = meter().createCounter('telegate.messaging.watch.events', {
    description: 'Events of accounts that were written to their logs, by kind.',
  });
  const streams = meter().createUpDownCounter('telegate.messaging.watch.streams', {
    description: 'Watches that are open.',
  });
  return {
    written(written) {
      for (const { events: told } of written)
        for (const { response } of told) events.add(1, { 'telegate.event': response.event.case ?? '' });
    },
    async watching(work) {
      streams.add(1);
      try {
        return await work();
      } finally {
        streams.add(-1);
      }
    },
    stop: () => undefined,
  };
}
