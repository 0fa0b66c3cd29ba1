import { timingSafeEqual } from 'node:crypto';
import { sha256 } from './hash.ts';
import { igeDecrypt, igeEncrypt } from './ige.ts';

/*
 * MTProto 2.0: auth_key_id (8), msg_key (16), then AES-IGE of salt, session, message id, sequence number,
 * length, body and 12 to 1024 bytes of padding.
 */

export const HEADER = 32;
const OUTER = 24;
const LEAST_PADDING = 12;
const MOST_PADDING = 1024;

export type Side = 'client' | 'server';

/** The key's id on the wire: the low 64 bits of its SHA-1, as the bytes come. */
export function unpackMessage(packet: Buffer, authKey: Buffer, from: Side): Buffer | undefined {
  if (packet.length < OUTER + HEADER + 16 || (packet.length - OUTER) % 16 !== 0) return undefined;
  const messageKey = packet.subarray(8, OUTER);
  const x = from === 'client' ? 0 : 8;
  const { key, iv } = derive(authKey, messageKey, x);
  const plain = igeDecrypt(packet.subarray(OUTER), key, iv);
  const expected = sha256(authKey.subarray(88 + x, 120 + x), plain).subarray(8, 24);
  if (!timingSafeEqual(expected, messageKey)) return undefined;
  const length = plain.readUInt32LE(28);
  const padding = plain.length - HEADER - length;
  const fits = length % 4 === 0 && padding >= LEAST_PADDING && padding <= MOST_PADDING;
  return fits ? plain.subarray(0, HEADER + length) : undefined;
}

/** `plain` ends with its body; padding is added here. */
export function packMessage(
  plain: Buffer,
  auth: { key: Buffer; id: Buffer },
  from: Side,
  random: (size: number) => Buffer,
): Buffer {
  const x = from === 'client' ? 0 : 8;
  const padding = LEAST_PADDING + ((16 - ((plain.length + LEAST_PADDING) % 16)) % 16);
  const padded = Buffer.concat([plain, random(padding)]);
  const messageKey = sha256(auth.key.subarray(88 + x, 120 + x), padded).subarray(8, 24);
  const { key, iv } = derive(auth.key, messageKey, x);
  return Buffer.concat([auth.id, messageKey, igeEncrypt(padded, key, iv)]);
}

function derive(authKey: Buffer, messageKey: Buffer, x: number): { key: Buffer; iv: Buffer } {
  const a = sha256(messageKey, authKey.subarray(x, x + 36));
  const b = sha256(authKey.subarray(40 + x, 76 + x), messageKey);
  return {
    key: Buffer.concat([a.subarray(0, 8), b.subarray(8, 24), a.subarray(24, 32)]),
    iv: Buffer.concat([b.subarray(0, 8), a.subarray(8, 24), b.subarray(24, 32)]),
  };
}
