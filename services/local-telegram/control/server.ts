import {
  StatePart,
  type LocalTelegramService,
} from '#gen/telegate/local_telegram/v1/local_telegram_service_pb.ts';
import type { Handlers } from '#lib/rpc/implement.ts';
import { DEFAULT_DATA_CENTER } from '../data-centers.ts';
import { emptyCounters } from '../log.ts';
import { seedWorld } from '../seed.ts';
import type { Telegram } from '../telegram.ts';
import { LAYER } from '../tl.ts';
import { clearWorld } from '../world/empty.ts';
import { invalid, stamp } from './fields.ts';

type Calls = Handlers<typeof LocalTelegramService>;

const ALL_PARTS = [
  StatePart.WORLD,
  StatePart.FAULTS,
  StatePart.FLOOD_LIMITS,
  StatePart.LOG,
  StatePart.COUNTERS,
];

export function serverRoutes(
  telegram: Telegram,
  { stateFile }: { stateFile: string },
): Pick<Calls, 'getServerInfo' | 'resetState'> {
  const { world, serverKey, log } = telegram;
  const startTime = log.now();
  return {
    getServerInfo: async () => ({
      environment: world.state.environment,
      dataCenters: telegram.dataCenters.map(({ id, host, port }) => ({ dataCenter: id, host, port })),
      defaultDataCenter: DEFAULT_DATA_CENTER,
      rsaPublicKeyPem: serverKey.publicPem,
      rsaModulus: serverKey.modulus,
      rsaExponent: BigInt(serverKey.exponent),
      rsaFingerprint: BigInt.asUintN(64, serverKey.fingerprint).toString(16).padStart(16, '0'),
      layer: LAYER,
      startTime: stamp(startTime),
      stateFile,
    }),
    resetState: async ({ parts, seed }) => {
      if (parts.includes(StatePart.UNSPECIFIED)) throw invalid('parts', 'names what is no part');
      const chosen = new Set(parts.length === 0 ? ALL_PARTS : parts);
      if (chosen.has(StatePart.WORLD)) {
        telegram.dropSessions();
        clearWorld(world.state, { dataCenter: DEFAULT_DATA_CENTER, now: world.now() });
        if (seed) seedWorld(world);
      }
      if (chosen.has(StatePart.FAULTS)) telegram.faults.clear();
      if (chosen.has(StatePart.FLOOD_LIMITS)) telegram.floods.clear();
      if (chosen.has(StatePart.LOG)) log.resetLog();
      if (chosen.has(StatePart.COUNTERS)) log.counters = emptyCounters();
      return {};
    },
  };
}
