import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto';

/*
 * tgr_ and, in base64url, the login (16 bytes), the generation (4) and a code over both (32). Nothing of it is
 * stored: who holds the key can make the newest token of a login again, and tell an old one from a forged one.
 */

const PREFIX = 'tgr_';
const ID_BYTES = 16;
const GENERATION_BYTES = 4;
const CODE_BYTES = 32;
const BODY_LENGTH = Math.ceil(((ID_BYTES + GENERATION_BYTES + CODE_BYTES) * 4) / 3);

export interface RefreshToken {
  readonly loginId: string;
  readonly generation: number;
}

export function writeRefreshToken(key: KeyObject, { loginId, generation }: RefreshToken): string {
  const head = Buffer.alloc(ID_BYTES + GENERATION_BYTES);
  head.write(loginId.replaceAll('-', ''), 'hex');
  head.writeUInt32BE(generation, ID_BYTES);
  return PREFIX + Buffer.concat([head, codeOf(key, head)]).toString('base64url');
}

/** Undefined for what was made with none of the keys. */
export function readRefreshToken(keys: readonly KeyObject[], text: string): RefreshToken | undefined {
  if (!text.startsWith(PREFIX) || text.length !== PREFIX.length + BODY_LENGTH) return undefined;
  const body = text.slice(PREFIX.length);
  const bytes = Buffer.from(body, 'base64url');
  // One token has one spelling: the decoder takes several.
  if (bytes.toString('base64url') !== body) return undefined;
  const head = bytes.subarray(0, ID_BYTES + GENERATION_BYTES);
  const code = bytes.subarray(head.length);
  if (!keys.some((key) => timingSafeEqual(codeOf(key, head), code))) return undefined;
  const hex = head.toString('hex', 0, ID_BYTES);
  const loginId = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-');
  return { loginId, generation: head.readUInt32BE(ID_BYTES) };
}

function codeOf(key: KeyObject, head: Buffer): Buffer {
  return createHmac('sha256', key).update('telegate refresh token').update(head).digest();
}
