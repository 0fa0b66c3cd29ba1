import { randomUUID } from 'node:crypto';
import { systemClock, type Clock } from '#lib/lifecycle/clock.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import { dhSide } from './crypto/dh.ts';
import { serverKey } from './crypto/rsa.ts';
import { DATA_CENTER_IDS, DEFAULT_DATA_CENTER } from './data-centers.ts';
import { listenDataCenter, type DataCenterServer } from './data-center.ts';
import { pooledRandom } from './random.ts';
import { Telegram } from './telegram.ts';
import { emptyWorld } from './world/empty.ts';
import type { WorldState } from './world/state.ts';

export interface LocalTelegramOptions {
  host: string;
  /** Of the first data centre; the others take the ports behind it. 0 takes free ones. */
  port: number;
  /** What clients are told to connect to. */
  publicHost: string;
  logger: Logger;
  clock?: Clock;
  random?: (size: number) => Buffer;
  codeLifetimeMs?: number;
  callLogLimit?: number;
  /** The state of an earlier start. */
  state?: WorldState;
}

export interface LocalTelegram {
  telegram: Telegram;
  close(): Promise<void>;
}

/** Starts the data centres; the control service is put before them by whoever wants it. */
export async function startLocalTelegram(options: LocalTelegramOptions): Promise<LocalTelegram> {
  const { host, publicHost, logger, clock = systemClock, random = pooledRandom() } = options;
  const key = await serverKey(options.state?.privateKeyPem);
  const state =
    options.state ??
    emptyWorld({
      environment: `local-${randomUUID().slice(0, 8)}`,
      privateKeyPem: key.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      hashSecret: random(8).readBigUInt64LE(),
      dataCenter: DEFAULT_DATA_CENTER,
      now: clock.now(),
    });
  const telegram = new Telegram({
    state,
    clock,
    logger,
    random,
    serverKey: key,
    dh: dhSide(),
    settings: {
      codeLifetimeMs: options.codeLifetimeMs ?? 300_000,
      callLogLimit: options.callLogLimit ?? 1_000_000,
    },
  });
  const servers: DataCenterServer[] = [];
  try {
    for (const [index, id] of DATA_CENTER_IDS.entries()) {
      const port = options.port === 0 ? 0 : options.port + index;
      const server = await listenDataCenter(telegram, { id, host, port });
      servers.push(server);
      telegram.dataCenters.push({ id, host: publicHost, port: server.port });
    }
  } catch (error) {
    await Promise.all(servers.map((server) => server.close()));
    throw error;
  }
  return {
    telegram,
    async close() {
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}
