import { pause } from '../time.ts';
import type { Fault } from './fault.ts';

/** An egress claim lives so long from its last renewal. */
const CLAIM_TTL_MS = 15_000;
const CUT_MS = 200;

/** SIGSTOP past the end of every claim: others hold the sessions by the time the process wakes, its sockets open. */
export const suspendMessaging: Fault = {
  name: 'suspend-messaging',
  async inflict({ messaging = [] }, random, stage) {
    const chosen = random.integer(0, messaging.length - 1);
    stage.begin({ note: `process ${chosen}` });
    messaging[chosen]!.suspend();
    await pause(random.between(CLAIM_TTL_MS + 2_000, CLAIM_TTL_MS + 5_000));
    stage.lift();
    messaging[chosen]!.resume();
  },
};

/** The same, and no word of what happens to its leases waits for it in a buffer: it has its clock alone. */
export const suspendMessagingUntold: Fault = {
  name: 'suspend-messaging-untold',
  async inflict({ cluster, messaging = [] }, random, stage) {
    const chosen = random.integer(0, messaging.length - 1);
    stage.begin({ note: `process ${chosen}` });
    messaging[chosen]!.suspend();
    for (const proxy of cluster.clientProxies) proxy.cut();
    await pause(CUT_MS);
    for (const proxy of cluster.clientProxies) proxy.heal();
    await pause(random.between(CLAIM_TTL_MS + 2_000, CLAIM_TTL_MS + 5_000));
    stage.lift();
    messaging[chosen]!.resume();
  },
};

/** Long enough that its own time is over, too short for anybody else to have the sessions. */
export const suspendMessagingBriefly: Fault = {
  name: 'suspend-messaging-briefly',
  async inflict({ messaging = [] }, random, stage) {
    const chosen = random.integer(0, messaging.length - 1);
    stage.begin({ note: `process ${chosen}` });
    messaging[chosen]!.suspend();
    await pause(random.between(8_000, 13_000));
    stage.lift();
    messaging[chosen]!.resume();
  },
};

export const killMessaging: Fault = {
  name: 'kill-messaging',
  async inflict({ messaging = [] }, random, stage) {
    const chosen = random.integer(0, messaging.length - 1);
    stage.begin({ note: `process ${chosen}` });
    await messaging[chosen]!.kill();
    await pause(random.between(200, 3_000));
    stage.lift();
    await messaging[chosen]!.start();
  },
};
