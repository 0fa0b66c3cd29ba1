import { pause } from '../time.ts';
import { pastTtl, type Fault } from './fault.ts';

/** A fast shutdown, and at once up again. */
export const restartDatabase: Fault = {
  name: 'restart-database',
  async inflict({ cluster }, _random, stage) {
    stage.begin({ down: ['database'] });
    await cluster.postgres.shutDown();
    stage.lift();
    await cluster.postgres.start();
  },
};

/** kill -9, and back only when every lease would have run out. */
export const crashDatabase: Fault = {
  name: 'crash-database',
  async inflict({ cluster, ttlMs }, random, stage) {
    stage.begin({ down: ['database'] });
    await cluster.postgres.crash();
    await pause(random.chance(0.7) ? pastTtl(random, ttlMs) : random.between(0, 1_500));
    stage.lift();
    await cluster.postgres.start();
  },
};
