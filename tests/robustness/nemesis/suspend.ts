import { replicaName } from '../history.ts';
import { pause } from '../time.ts';
import { pastTtl, type Fault } from './fault.ts';

/** SIGSTOP of processes that hold leases and sockets, past their TTL: on waking they must not go on as if. */
export const suspendHolders: Fault = {
  name: 'suspend-holders',
  async inflict({ holders, ttlMs }, random, stage) {
    const chosen = random.chance(0.5) ? holders : [random.pick(holders)];
    stage.begin({ note: `${chosen.length} processes` });
    for (const child of chosen) child.kill('SIGSTOP');
    await pause(pastTtl(random, ttlMs));
    stage.lift();
    for (const child of chosen) child.kill('SIGCONT');
  },
};

/** A replica that stands still wherever it just was, and goes on where the world no longer is. */
export const suspendReplica: Fault = {
  name: 'suspend-replica',
  async inflict({ cluster, ttlMs }, random, stage) {
    const index = random.integer(0, 1);
    stage.begin({ down: [replicaName(index)], note: `replica ${index}` });
    cluster.replicas[index]!.suspend();
    await pause(pastTtl(random, ttlMs));
    stage.lift();
    cluster.replicas[index]!.resume();
  },
};

export const suspendAll: Fault = {
  name: 'suspend-both-replicas',
  async inflict({ cluster, ttlMs }, random, stage) {
    stage.begin({ down: ['replica-0', 'replica-1'] });
    for (const replica of cluster.replicas) replica.suspend();
    await pause(pastTtl(random, ttlMs));
    stage.lift();
    for (const replica of cluster.replicas) replica.resume();
  },
};
