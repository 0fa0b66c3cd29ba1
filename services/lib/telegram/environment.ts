import type { GetServerInfoResponse } from '#gen/telegate/local_telegram/v1/local_telegram_service_pb.ts';
import { productionDataCenters } from './material/data-centers.ts';
import type { Address } from './material/material.ts';
import { telegramKeys } from './client.ts';

/** A Telegram: the real one, or a local one. A session is never dialled in another than its own. */
export interface TelegramEnvironment {
  /** `telegram`, or the id of a local one. */
  readonly id: string;
  readonly dataCenters: ReadonlyMap<number, Address>;
  /** Where a client without a session begins. */
  readonly defaultDataCenter: number;
  /** By fingerprint, as TL's signed long has it. No other key is believed. */
  readonly publicKeys: ReadonlyMap<bigint, RsaPublicKey>;
  readonly apiId: number;
  readonly apiHash: string;
}

export interface RsaPublicKey {
  /** Big-endian. */
  readonly modulus: Buffer;
  readonly exponent: number;
}

export const REAL_TELEGRAM = 'telegram';
const DEFAULT_DATA_CENTER = 2;

export function realTelegram(application: { apiId: number; apiHash: string }): TelegramEnvironment {
  return {
    id: REAL_TELEGRAM,
    dataCenters: new Map(
      [...productionDataCenters].map(([id, { ipv4, port }]) => [id, { host: ipv4, port }]),
    ),
    defaultDataCenter: DEFAULT_DATA_CENTER,
    publicKeys: telegramKeys(),
    ...application,
  };
}

/** From what the local Telegram's control service says of it; it takes any application. */
export function localTelegram(info: GetServerInfoResponse): TelegramEnvironment {
  const fingerprint = BigInt.asIntN(64, BigInt(`0x${info.rsaFingerprint}`));
  const modulus = Buffer.from(info.rsaModulus);
  return {
    id: info.environment,
    dataCenters: new Map(info.dataCenters.map(({ dataCenter, host, port }) => [dataCenter, { host, port }])),
    defaultDataCenter: info.defaultDataCenter,
    publicKeys: new Map([[fingerprint, { modulus, exponent: Number(info.rsaExponent) }]]),
    apiId: 1,
    apiHash: 'local',
  };
}
