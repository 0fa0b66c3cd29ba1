import type { Address } from './material/material.ts';

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
