import { sha256 } from '../crypto/hash.ts';

/** How long a salt is the current one; it is accepted for as long again. */
const SALT_LIFE_S = 3_600;

export interface SaltedKey {
  readonly key: Buffer;
  /** The salt that the key exchange gave, and when (epoch seconds). */
  readonly firstSalt: bigint;
  readonly createSeconds: number;
}

/** The salt of an hour follows from the key, so none needs to be kept. */
export function saltAt(key: SaltedKey, nowSeconds: number): bigint {
  return saltOf(key, Math.floor(nowSeconds / SALT_LIFE_S));
}

export function isGoodSalt(key: SaltedKey, salt: bigint, nowSeconds: number): boolean {
  const hour = Math.floor(nowSeconds / SALT_LIFE_S);
  if (salt === saltOf(key, hour) || salt === saltOf(key, hour - 1)) return true;
  return salt === key.firstSalt && Math.abs(nowSeconds - key.createSeconds) < SALT_LIFE_S;
}

export function futureSalts(
  key: SaltedKey,
  nowSeconds: number,
  count: number,
): { valid_since: number; valid_until: number; salt: bigint }[] {
  const hour = Math.floor(nowSeconds / SALT_LIFE_S);
  return Array.from({ length: Math.min(Math.max(count, 1), 64) }, (_, i) => ({
    valid_since: (hour + i) * SALT_LIFE_S,
    valid_until: (hour + i + 2) * SALT_LIFE_S,
    salt: saltOf(key, hour + i),
  }));
}

const lastSalts = new WeakMap<SaltedKey, Map<number, bigint>>();

function saltOf(key: SaltedKey, hour: number): bigint {
  let known = lastSalts.get(key);
  if (!known) lastSalts.set(key, (known = new Map()));
  let salt = known.get(hour);
  if (salt === undefined) {
    if (known.size > 128) known.clear();
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(hour));
    known.set(hour, (salt = sha256(key.key, bytes).readBigInt64LE()));
  }
  return salt;
}
