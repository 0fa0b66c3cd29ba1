import { replicaName } from '../history.ts';
import { pause } from '../time.ts';
import { pastTtl, type Fault } from './fault.ts';

/** kill -9 of one process; the other goes on alone for a while. */
export const killReplica: Fault = {
  name: 'kill-replica',
  async inflict({ cluster }, random, stage) {
    const index = random.integer(0, 1);
    stage.begin({ down: [replicaName(index)], note: `replica ${index}` });
    await cluster.replicas[index]!.kill();
    await pause(random.between(300, 4_000));
    stage.lift();
    await cluster.replicas[index]!.start();
  },
};

/** kill -9 of both, for longer than the holders' leases live. */
export const killAll: Fault = {
  name: 'kill-both-replicas',
  async inflict({ cluster, ttlMs }, random, stage) {
    stage.begin({ down: ['replica-0', 'replica-1'] });
    await Promise.all(cluster.replicas.map((replica) => replica.kill()));
    await pause(pastTtl(random, ttlMs));
    stage.lift();
    await Promise.all(cluster.replicas.map((replica) => replica.start()));
  },
};
