import { createDiffieHellman } from 'node:crypto';
import { fromBigInt, toBigInt } from './hash.ts';

/** The 2048-bit safe prime that Telegram's servers send and that clients know to be good, with generator 3. */
export const PRIME: Buffer = Buffer.from(
  'c71caeb9c6b1c9048e6c522f70f13f73980d40238e3e21c14934d037563d930f48198a0aa7c14058229493d22530f4db' +
    'fa336f6e0ac925139543aed44cce7c3720fd51f69458705ac68cd4fe6b6b13abdc9746512969328454f18faf8c595f64' +
    '2477fe96bb2a941d5bcd1d4ac8cc49880708fa9b378e3c4f3a9060bee67cf9a4a4a695811051907e162753b56b0f6b41' +
    '0dba74d8a84b2a14b3144e0ef1284754fd17ed950d5965b4b9dd46582db1178d169c6bc465b0d6ff9ca3928fef5b9ae4' +
    'e418fc15e83ebea0f87fa9ff5eed70050ded2849f47bf959d956850ce929851f0d8115f635b105ee2e4e15d04b2454bf' +
    '6f4fadf034b10403119cd8e3b92fcc5b',
  'hex',
);
export const GENERATOR = 3;

const prime = toBigInt(PRIME);
const LEAST = 1n << (2048n - 64n);

/** What both sides must check of a public number: not near either end. */
export function isSafePublic(bytes: Buffer): boolean {
  const value = toBigInt(bytes);
  return value >= LEAST && value <= prime - LEAST;
}

export interface DhSide {
  readonly publicNumber: Buffer;
  /** 256 bytes, zeros on the left. */
  sharedKey(other: Buffer): Buffer;
}

/**
 * One secret serves all key exchanges of a process: the clients' numbers make the keys differ, and there is
 * nothing real to protect. Making one checks the prime, which takes longer than the rest of an exchange.
 */
export function dhSide(): DhSide {
  const side = createDiffieHellman(PRIME, GENERATOR);
  side.generateKeys();
  return {
    publicNumber: fromBigInt(toBigInt(side.getPublicKey()), 256),
    sharedKey: (other) => fromBigInt(toBigInt(side.computeSecret(other)), 256),
  };
}

/** base^exponent mod the prime, about 12 ms for large ones. */
export function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let square = base % prime;
  for (let left = exponent; left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) result = (result * square) % prime;
    square = (square * square) % prime;
  }
  return result;
}
