import { instruments, meter } from '../telemetry/metrics.ts';

const counters = instruments((made) => ({
  handled: made.createCounter('telegate.consumer.handled', { unit: '{event}' }),
  failures: made.createCounter('telegate.consumer.failures', {
    unit: '{event}',
    description: 'Attempts that threw; the event is tried again',
  }),
}));

export interface ConsumerMeasures {
  handled(): void;
  failed(): void;
  end(): void;
}

/** Reported by the replica whose turn it is, and by no other. */
export function createConsumerMeasures(
  durable: string,
  read: () => { active: boolean; inHand: number; pending: number },
): ConsumerMeasures {
  const attributes = { durable };
  const made = meter();
  const inHand = made.createObservableGauge('telegate.consumer.in_hand', { unit: '{event}' });
  const pending = made.createObservableGauge('telegate.consumer.pending', {
    unit: '{event}',
    description: 'Published and not yet fetched, as of the last event that was fetched',
  });
  const observe: Parameters<typeof made.addBatchObservableCallback>[0] = (result) => {
    const now = read();
    if (!now.active) return;
    result.observe(inHand, now.inHand, attributes);
    result.observe(pending, now.pending, attributes);
  };
  made.addBatchObservableCallback(observe, [inHand, pending]);
  return {
    handled: () => counters().handled.add(1, attributes),
    failed: () => counters().failures.add(1, attributes),
    end: () => made.removeBatchObservableCallback(observe, [inHand, pending]),
  };
}
