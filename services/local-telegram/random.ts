import { randomBytes, randomFillSync } from 'node:crypto';

const POOL_BYTES = 64 * 1024;
const MOST_FROM_POOL = 256;

/** Random bytes for padding, nonces and salts: small ones are cut from a pool, which costs a tenth. */
export function pooledRandom(): (size: number) => Buffer {
  let pool = Buffer.alloc(0);
  let at = 0;
  return (size) => {
    if (size > MOST_FROM_POOL) return randomBytes(size);
    if (at + size > pool.length) {
      pool = randomFillSync(Buffer.allocUnsafeSlow(POOL_BYTES));
      at = 0;
    }
    at += size;
    return Buffer.from(pool.subarray(at - size, at));
  };
}
