import { createHash } from 'node:crypto';

/** Tells whether two sessions are one, without showing the key: SHA-256 of it. */
export function fingerprint(authKey: Uint8Array): Buffer {
  return createHash('sha256').update(authKey).digest();
}

/** The id by which Telegram knows the key: the low 64 bits of its SHA-1, little-endian, as on the wire. */
export function authKeyId(authKey: Uint8Array): bigint {
  return createHash('sha1').update(authKey).digest().readBigUInt64LE(12);
}
