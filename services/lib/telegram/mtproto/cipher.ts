import { createCipheriv, createDecipheriv, hash } from 'node:crypto';

const BLOCK = 16;

export function sha1(bytes: Buffer): Buffer {
  return hash('sha1', bytes, 'buffer');
}

export function sha256(bytes: Buffer): Buffer {
  return hash('sha256', bytes, 'buffer');
}

/**
 * AES-256-IGE, which node has not: c(i) = E(p(i) ^ c(i-1)) ^ p(i-1). With y(i) = c(i) ^ p(i-1) that is
 * y(i) = E((p(i) ^ p(i-2)) ^ y(i-1)): one pass of CBC over p(i) ^ p(i-2).
 */
export function encryptIge(plain: Buffer, key: Buffer, iv: Buffer): Buffer {
  const { length } = plain;
  const mixed = Buffer.allocUnsafe(length);
  plain.copy(mixed);
  xorInto(mixed, iv, BLOCK, BLOCK, Math.min(BLOCK, length - BLOCK));
  xorInto(mixed, plain, 2 * BLOCK, 0, length - 2 * BLOCK);
  const out = createCipheriv('aes-256-cbc', key, iv.subarray(0, BLOCK)).setAutoPadding(false).update(mixed);
  xorInto(out, iv, 0, BLOCK, BLOCK);
  xorInto(out, plain, BLOCK, 0, length - BLOCK);
  return out;
}

/** p(i) = D(c(i) ^ p(i-1)) ^ c(i-1): each block needs the one before, so each is a call of its own. */
export function decryptIge(encrypted: Buffer, key: Buffer, iv: Buffer): Buffer {
  const cipher = createDecipheriv('aes-256-ecb', key, null).setAutoPadding(false);
  const out = Buffer.allocUnsafe(encrypted.length);
  const block = Buffer.allocUnsafe(BLOCK);
  for (let at = 0; at < encrypted.length; at += BLOCK) {
    encrypted.copy(block, 0, at, at + BLOCK);
    if (at === 0) xorInto(block, iv, 0, BLOCK, BLOCK);
    else xorInto(block, out, 0, at - BLOCK, BLOCK);
    const plain = cipher.update(block);
    if (at === 0) xorInto(plain, iv, 0, 0, BLOCK);
    else xorInto(plain, encrypted, 0, at - BLOCK, BLOCK);
    plain.copy(out, at);
  }
  return out;
}

function xorInto(into: Buffer, from: Buffer, at: number, fromAt: number, count: number): void {
  for (let i = 0; i < count; i += 1) into[at + i]! ^= from[fromAt + i]!;
}
