import { createCipheriv, createDecipheriv } from 'node:crypto';

const BLOCK = 16;

/**
 * AES-256-IGE in one pass of CBC: with y(i) = c(i) xor p(i-1), the rule c(i) = E(p(i) xor c(i-1)) xor p(i-1)
 * becomes y(i) = E(p(i) xor p(i-2) xor y(i-1)), which is CBC over p(i) xor p(i-2).
 */
export function igeEncrypt(plain: Buffer, key: Buffer, iv: Buffer): Buffer {
  const mixed = Buffer.from(plain);
  for (let i = BLOCK; i < 2 * BLOCK && i < plain.length; i += 1) mixed[i]! ^= iv[i]!;
  for (let i = 2 * BLOCK; i < plain.length; i += 1) mixed[i]! ^= plain[i - 2 * BLOCK]!;
  const cipher = createCipheriv('aes-256-cbc', key, iv.subarray(0, BLOCK)).setAutoPadding(false);
  const out = cipher.update(mixed);
  for (let i = 0; i < BLOCK && i < out.length; i += 1) out[i]! ^= iv[BLOCK + i]!;
  for (let i = BLOCK; i < out.length; i += 1) out[i]! ^= plain[i - BLOCK]!;
  return out;
}

/** p(i) = D(c(i) xor p(i-1)) xor c(i-1): each block needs the one before, so there is no one pass for it. */
export function igeDecrypt(encrypted: Buffer, key: Buffer, iv: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-ecb', key, null).setAutoPadding(false);
  const out = Buffer.allocUnsafe(encrypted.length);
  const block = Buffer.allocUnsafe(BLOCK);
  for (let at = 0; at < encrypted.length; at += BLOCK) {
    const [before, from] = at === 0 ? [iv, BLOCK] : [out, at - BLOCK];
    for (let i = 0; i < BLOCK; i += 1) block[i] = encrypted[at + i]! ^ before[from + i]!;
    const plain = decipher.update(block);
    const [last, lastFrom] = at === 0 ? [iv, 0] : [encrypted, at - BLOCK];
    for (let i = 0; i < BLOCK; i += 1) out[at + i] = plain[i]! ^ last[lastFrom + i]!;
  }
  return out;
}
