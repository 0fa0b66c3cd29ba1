import { pause } from '../time.ts';
import type { Fault } from './fault.ts';

export const OUTAGES = ['postgres', 'nats'] as const;

export interface Outage {
  readonly of: (typeof OUTAGES)[number];
  readonly seconds: number;
}

/** kill -9 of what everything stands on, for as long as was asked for. */
export function outageFault({ of, seconds }: Outage): Fault {
  return {
    name: `no-${of}-for-${seconds}-s`,
    async inflict({ cluster }, _random, stage) {
      stage.begin({ down: of === 'postgres' ? ['database'] : [] });
      await (of === 'postgres' ? cluster.postgres.crash() : cluster.nats?.kill());
      await pause(1_000 * seconds);
      stage.lift();
      await (of === 'postgres' ? cluster.postgres.start() : cluster.nats?.start());
    },
  };
}
