import { pause } from '../time.ts';
import type { Fault } from './fault.ts';

/** kill -9 of the broker: leases must not care, events must wait. */
export const restartNats: Fault = {
  name: 'restart-nats',
  async inflict({ cluster }, random, stage) {
    stage.begin({});
    await cluster.nats?.kill();
    await pause(random.between(500, 3_500));
    stage.lift();
    await cluster.nats?.start();
  },
};
