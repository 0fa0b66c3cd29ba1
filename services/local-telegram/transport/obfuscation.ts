import { createCipheriv, createDecipheriv, type Cipheriv, type Decipheriv } from 'node:crypto';

export const INIT_BYTES = 64;

export interface Obfuscation {
  /** Which framing is inside: the four bytes with which a client would begin without obfuscation. */
  readonly tag: number;
  readonly incoming: Decipheriv;
  readonly outgoing: Cipheriv;
}

/**
 * Obfuscated2: 64 random-looking bytes hold the key and start of AES-256-CTR, read forwards for one way and
 * backwards for the other; what stands in them from byte 56 is encrypted by themselves.
 */
export function openObfuscation(init: Buffer): Obfuscation {
  const backwards = Buffer.from(init.subarray(8, 56).toReversed());
  const incoming = createDecipheriv('aes-256-ctr', init.subarray(8, 40), init.subarray(40, 56));
  const outgoing = createCipheriv('aes-256-ctr', backwards.subarray(0, 32), backwards.subarray(32, 48));
  return { tag: incoming.update(init).readUInt32LE(56), incoming, outgoing };
}
