import { hash } from 'node:crypto';

export function sha1(...parts: Buffer[]): Buffer {
  return hash('sha1', parts.length === 1 ? parts[0]! : Buffer.concat(parts), 'buffer');
}

export function sha256(...parts: Buffer[]): Buffer {
  return hash('sha256', parts.length === 1 ? parts[0]! : Buffer.concat(parts), 'buffer');
}

export function xor(a: Buffer, b: Buffer): Buffer {
  const out = Buffer.from(a);
  for (let i = 0; i < out.length; i += 1) out[i]! ^= b[i]!;
  return out;
}

export function toBigInt(bytes: Buffer): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${bytes.toString('hex')}`);
}

/** Big-endian, filled with zeros on the left. */
export function fromBigInt(value: bigint, length: number): Buffer {
  return Buffer.from(value.toString(16).padStart(2 * length, '0'), 'hex');
}
