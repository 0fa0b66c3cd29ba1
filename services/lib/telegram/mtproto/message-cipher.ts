import { randomFillSync, timingSafeEqual } from 'node:crypto';
import { decryptIge, encryptIge, sha1, sha256 } from './cipher.ts';

/*
 * MTProto 2.0: auth_key_id (8), msg_key (16), then AES-IGE of salt (8), session id (8), message id (8),
 * sequence number (4), length (4), body, and 12 to 1,024 bytes of padding.
 */

export const HEADER = 32;
const OUTER = 24;
const LEAST_PADDING = 12;
const MOST_PADDING = 1_024;
/** Where the two directions begin in the key. */
const TO_SERVER = 0;
const FROM_SERVER = 8;

export interface AuthKey {
  readonly bytes: Buffer;
  /** The low 64 bits of its SHA-1, as they come on the wire. */
  readonly id: Buffer;
}

export function authKeyOf(bytes: Buffer): AuthKey {
  return { bytes, id: sha1(bytes).subarray(12, 20) };
}

/** Room for a message whose header and body are `length` bytes long; its padding is filled in already. */
export function makePlain(length: number): Buffer {
  const padding = LEAST_PADDING + ((16 - ((length + LEAST_PADDING) % 16)) % 16);
  const plain = Buffer.allocUnsafe(length + padding);
  fillPadding(plain, length);
  return plain;
}

// Drawn for some two hundred messages at once: each call of the system's source costs 3 µs, whatever it fills.
const drawn = Buffer.alloc(4_096);
let used = drawn.length;

function fillPadding(plain: Buffer, from: number): void {
  const wanted = plain.length - from;
  if (used + wanted > drawn.length) {
    randomFillSync(drawn);
    used = 0;
  }
  drawn.copy(plain, from, used, used + wanted);
  used += wanted;
}

export function sealMessage(plain: Buffer, key: AuthKey): Buffer {
  const messageKey = messageKeyOf(plain, key.bytes, TO_SERVER);
  const encrypted = encryptIge(plain, ...keyAndIv(key.bytes, messageKey, TO_SERVER));
  return Buffer.concat([key.id, messageKey, encrypted], OUTER + encrypted.length);
}

/** Header and body of what the server sent; undefined when it is not a message under this key. */
export function openMessage(packet: Buffer, key: AuthKey): Buffer | undefined {
  if (packet.length < OUTER + HEADER + 16 || (packet.length - OUTER) % 16 !== 0) return undefined;
  if (!packet.subarray(0, 8).equals(key.id)) return undefined;
  const messageKey = packet.subarray(8, OUTER);
  const plain = decryptIge(packet.subarray(OUTER), ...keyAndIv(key.bytes, messageKey, FROM_SERVER));
  if (!timingSafeEqual(messageKeyOf(plain, key.bytes, FROM_SERVER), messageKey)) return undefined;
  const length = plain.readUInt32LE(HEADER - 4);
  const padding = plain.length - HEADER - length;
  if (length % 4 !== 0 || padding < LEAST_PADDING || padding > MOST_PADDING) return undefined;
  return plain.subarray(0, HEADER + length);
}

function messageKeyOf(plain: Buffer, key: Buffer, x: number): Buffer {
  return sha256(Buffer.concat([key.subarray(88 + x, 120 + x), plain])).subarray(8, 24);
}

function keyAndIv(authKey: Buffer, messageKey: Buffer, x: number): [Buffer, Buffer] {
  const a = sha256(Buffer.concat([messageKey, authKey.subarray(x, x + 36)]));
  const b = sha256(Buffer.concat([authKey.subarray(40 + x, 76 + x), messageKey]));
  const key = Buffer.concat([a.subarray(0, 8), b.subarray(8, 24), a.subarray(24, 32)]);
  const iv = Buffer.concat([b.subarray(0, 8), a.subarray(8, 24), b.subarray(24, 32)]);
  return [key, iv];
}
