import { createHash } from 'node:crypto';

/** The same numbers, 0 ≤ n < 1, for the same seed; not for secrets. */
export function seededRandom(seed: string): () => number {
  let block = createHash('sha256').update(seed).digest();
  let at = 0;
  return () => {
    if (at === block.length) {
      block = createHash('sha256').update(block).digest();
      at = 0;
    }
    at += 4;
    return block.readUInt32BE(at - 4) / 2 ** 32;
  };
}
