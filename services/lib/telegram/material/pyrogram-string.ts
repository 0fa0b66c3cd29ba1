import { SessionMalformed, SessionNotExpressible } from './errors.ts';
import { checkExpressible } from './expressible.ts';
import type { Material } from './material.ts';
import { AUTH_KEY_BYTES } from './material.ts';
import { checked, fromBase64, textOf } from './session-text.ts';

const FORMAT = 'pyrogram-string';

interface Layout {
  readonly bytes: number;
  readonly apiIdBytes: 0 | 4;
  readonly userIdBytes: 4 | 8;
}

/**
 * Base64 without padding of: data centre (1), API id (0 or 4), test mode (1), key (256), user id (4 or 8),
 * bot (1). The first is what Pyrogram 2 writes; the others are from before it kept the API id, and from before
 * user ids outgrew 32 bits.
 */
const layouts: readonly Layout[] = [
  { bytes: 271, apiIdBytes: 4, userIdBytes: 8 },
  { bytes: 267, apiIdBytes: 0, userIdBytes: 8 },
  { bytes: 263, apiIdBytes: 0, userIdBytes: 4 },
];

export function parse(bytes: Uint8Array): Material {
  const payload = fromBase64(textOf(bytes, FORMAT));
  if (payload === undefined)
    throw new SessionMalformed(FORMAT, 'it has characters in it that are not base64');
  const layout = layouts.find((one) => one.bytes === payload.length);
  if (layout === undefined)
    throw new SessionMalformed(
      FORMAT,
      `it holds ${payload.length} bytes; ${layouts.map((one) => one.bytes).join(', ')} are possible`,
    );
  const testModeAt = 1 + layout.apiIdBytes;
  const keyAt = testModeAt + 1;
  const userIdAt = keyAt + AUTH_KEY_BYTES;
  const apiId = layout.apiIdBytes === 4 ? payload.readUInt32BE(1) : 0;
  const userId =
    layout.userIdBytes === 8 ? payload.readBigUInt64BE(userIdAt) : BigInt(payload.readUInt32BE(userIdAt));
  return checked(FORMAT, {
    dataCenter: payload.readUInt8(0),
    authKey: Buffer.from(payload.subarray(keyAt, userIdAt)),
    testMode: boolean(payload.readUInt8(testModeAt), 'test mode'),
    isBot: boolean(payload.readUInt8(userIdAt + layout.userIdBytes), 'bot'),
    ...(userId !== 0n && { userId }),
    ...(apiId !== 0 && { apiId }),
  });
}

/** Whether the text may be one: its length is that of a layout, with padding or without. */
export function hasLayout(text: string): boolean {
  const characters = text.replace(/=+$/, '').length;
  return layouts.some(({ bytes }) => Math.ceil((bytes * 4) / 3) === characters);
}

/** Without an API id it holds 0, which Pyrogram replaces by the one that its Client is given. */
export function render(material: Material): Uint8Array {
  checkExpressible(FORMAT, material);
  const { dataCenter, authKey, userId, testMode = false, apiId = 0, isBot = false } = material;
  if (userId === undefined)
    throw new SessionNotExpressible(
      FORMAT,
      'it needs the id of the user, without which Pyrogram logs in anew; the id is known after the first use',
    );
  const payload = Buffer.alloc(271);
  payload.writeUInt8(dataCenter, 0);
  payload.writeUInt32BE(apiId, 1);
  payload.writeUInt8(Number(testMode), 5);
  authKey.copy(payload, 6);
  payload.writeBigUInt64BE(userId, 262);
  payload.writeUInt8(Number(isBot), 270);
  return Buffer.from(payload.toString('base64url'), 'latin1');
}

function boolean(byte: number, what: string): boolean {
  if (byte > 1) throw new SessionMalformed(FORMAT, `the byte for ${what} is neither 0 nor 1`);
  return byte === 1;
}
