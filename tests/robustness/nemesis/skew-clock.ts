import { pause } from '../time.ts';
import type { Fault } from './fault.ts';

/** One replica's wall clock jumps by a TTL, forwards or back, and after a while returns. */
export const skewClock: Fault = {
  name: 'skew-clock',
  async inflict({ cluster, ttlMs }, random, stage) {
    const index = random.integer(0, 1);
    const offsetMs = random.pick([-ttlMs, ttlMs]);
    stage.begin({ note: `replica ${index} by ${offsetMs} ms` });
    cluster.replicas[index]!.setClock(offsetMs);
    await pause(random.between(3_000, 5_000));
    stage.lift();
    cluster.replicas[index]!.setClock(0);
  },
};
