import { pause } from '../time.ts';
import type { Fault } from './fault.ts';

/* Ways that the real messaging service needs, broken. */

/** Every process of messaging at once: nobody is there to take over. */
export const killAllMessaging: Fault = {
  name: 'kill-both-messaging',
  async inflict({ messaging = [] }, random, stage) {
    stage.begin({});
    await Promise.all(messaging.map((one) => one.kill()));
    await pause(random.between(200, 3_000));
    stage.lift();
    await Promise.all(messaging.map((one) => one.start()));
  },
};

export const cutTelegram: Fault = {
  name: 'cut-telegram',
  async inflict({ ways }, random, stage) {
    stage.begin({});
    for (let times = random.integer(1, 4); times > 0; times -= 1) {
      for (const relay of ways?.telegram ?? []) relay.cut();
      await pause(random.between(0, 800));
    }
    stage.lift();
  },
};

/** As when a router forgot: the driver has to find out by itself that its connections are dead. */
export const silenceTelegram: Fault = {
  name: 'half-open-telegram',
  async inflict({ ways }, random, stage) {
    stage.begin({});
    for (const relay of ways?.telegram ?? []) relay.goSilent();
    await pause(random.between(500, 2_000));
    stage.lift();
  },
};

export const cutMessagingClients: Fault = {
  name: 'cut-messaging-clients',
  async inflict({ ways }, random, stage) {
    const way = ways?.clients[random.integer(0, 1)];
    stage.begin({});
    way?.cut();
    await pause(random.between(500, 4_000));
    stage.lift();
    way?.heal();
  },
};

export const silenceMessagingClients: Fault = {
  name: 'half-open-messaging-clients',
  async inflict({ ways }, random, stage) {
    const way = ways?.clients[random.integer(0, 1)];
    stage.begin({});
    way?.goSilent();
    await pause(random.between(500, 4_000));
    stage.lift();
    way?.heal();
  },
};

export const cutMessagingDatabase: Fault = {
  name: 'cut-messaging-database',
  async inflict({ ways }, random, stage) {
    const way = ways?.databases[random.integer(0, 1)];
    stage.begin({});
    way?.cut();
    await pause(random.between(500, 12_000));
    stage.lift();
    way?.heal();
  },
};

/** A proxy breaks what it carries and takes nobody for a while. */
export const breakProxy: Fault = {
  name: 'break-socks-proxy',
  async inflict({ ways }, random, stage) {
    const socks = ways?.socks[random.integer(0, (ways?.socks.length ?? 1) - 1)];
    stage.begin({});
    if (socks) {
      socks.fault = 'reset';
      socks.cut();
    }
    await pause(random.between(500, 5_000));
    stage.lift();
    if (socks) socks.fault = undefined;
  },
};
