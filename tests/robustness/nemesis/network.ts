import type { Proxy } from '../cluster/proxy.ts';
import type { Random } from '../random.ts';
import { replicaName } from '../history.ts';
import { pause } from '../time.ts';
import { type Fault, type Nemesis } from './fault.ts';

/** One way between a replica and those who talk to it, or between it and its database. */
function chooseWay(
  { cluster }: Nemesis,
  random: Random,
  to: 'clients' | 'database',
): { proxy: Proxy; index: number } {
  const index = random.integer(0, 1);
  const proxies = to === 'clients' ? cluster.clientProxies : cluster.databaseProxies;
  return { proxy: proxies[index]!, index };
}

function networkFault(
  name: string,
  to: 'clients' | 'database',
  break_: (proxy: Proxy, random: Random) => void,
  lasts: (random: Random) => number,
): Fault {
  return {
    name: `${name}-${to}`,
    async inflict(nemesis, random, stage) {
      const { proxy, index } = chooseWay(nemesis, random, to);
      stage.begin({ down: to === 'database' ? [replicaName(index)] : [], note: `replica ${index}` });
      break_(proxy, random);
      await pause(lasts(random));
      stage.lift();
      proxy.heal();
    },
  };
}

const awhile = (random: Random): number => random.between(1_000, 4_000);
const cut = (proxy: Proxy): void => proxy.cut();
const goSilent = (proxy: Proxy): void => proxy.goSilent();
const delayMuch = (proxy: Proxy, random: Random): void => proxy.delay(random.integer(20, 200));
/** One pass of the reaper is about ten round trips, and reclaiming is due within a second: as between regions. */
const delayABit = (proxy: Proxy, random: Random): void => proxy.delay(random.integer(2, 20));

export const cutClients = networkFault('cut', 'clients', cut, awhile);
export const cutDatabase = networkFault('cut', 'database', cut, awhile);
export const silenceClients = networkFault('half-open', 'clients', goSilent, awhile);
export const silenceDatabase = networkFault('half-open', 'database', goSilent, awhile);
export const delayClients = networkFault('delay', 'clients', delayMuch, awhile);
export const delayDatabase = networkFault('delay', 'database', delayABit, awhile);
