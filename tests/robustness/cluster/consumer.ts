import type { BusEvent } from '#lib/events/bus.ts';
import type { Recorder, SeenEntry } from '../history.ts';
import { createRandom } from '../random.ts';
import { monotonic, until } from '../time.ts';
import type { Cluster } from './cluster.ts';

/** Every hundredth delivery fails once, so that the broker delivers again. */
const FAILING_SHARE = 0.01;
const QUIET_LIMIT_MS = 40_000;

export interface RunningConsumer {
  count(): number;
  stop(): Promise<void>;
}

export async function startConsumer(
  cluster: Cluster,
  recorder: Recorder,
  { seed, subjects }: { seed: string; subjects: string[] },
): Promise<RunningConsumer> {
  const bus = await cluster.openBus();
  const random = createRandom(`${seed}/consumer`);
  const seen = new Set<string>();
  await bus.consume({
    durable: 'robustness',
    subjects,
    async handle(event) {
      seen.add(event.eventId);
      recorder.write(seenEntry('delivered', event));
      if (random.chance(FAILING_SHARE)) throw new Error('a delivery that was made to fail');
    },
  });
  return { count: () => seen.size, stop: () => bus.close() };
}

function seenEntry<K extends SeenEntry['kind']>(kind: K, event: BusEvent) {
  const { eventId, subject, entityId, entitySequence } = event;
  const sequence = Number(entitySequence);
  return { kind, t: monotonic(), event: eventId, subject, session: entityOf(subject, entityId), sequence };
}

/** Both services count their events of a session, each its own. */
export function entityOf(subject: string, entityId: string): string {
  return subject.startsWith('telegate.v1.messaging.') ? `messaging/${entityId}` : entityId;
}

/** The whole stream once more, for a consumer that never was before. */
export async function readStream(cluster: Cluster, recorder: Recorder, subjects: string[]): Promise<void> {
  const QUIET_MS = 1_500;
  const bus = await cluster.openBus();
  let lastAt = monotonic();
  await bus.consume({
    durable: 'robustness-afterwards',
    subjects,
    async handle(event) {
      lastAt = monotonic();
      recorder.write(seenEntry('streamed', event));
    },
  });
  await until(() => monotonic() - lastAt > QUIET_MS, { limitMs: QUIET_LIMIT_MS });
  await bus.close();
}
