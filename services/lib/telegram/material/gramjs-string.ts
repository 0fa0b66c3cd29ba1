import { isTestAddress } from './data-centers.ts';
import { SessionMalformed, SessionNotExpressible } from './errors.ts';
import { checkExpressible, expressibleAddress } from './expressible.ts';
import type { Material } from './material.ts';
import { AUTH_KEY_BYTES, MAX_HOST_LENGTH } from './material.ts';
import { checked, fromBase64, textOf } from './session-text.ts';

const FORMAT = 'gramjs-string';
const VERSION = '1';

/** The version's character, then base64 of: data centre (1), length (2), address, port (2), key (256). */
const BYTES_WITHOUT_ADDRESS = 1 + 2 + 2 + AUTH_KEY_BYTES;
/** `::1` */
const MIN_HOST_LENGTH = 3;

export function parse(bytes: Uint8Array): Material {
  const text = textOf(bytes, FORMAT);
  if (!text.startsWith(VERSION)) throw new SessionMalformed(FORMAT, 'it does not begin with the version 1');
  const payload = fromBase64(text.slice(VERSION.length));
  if (payload === undefined)
    throw new SessionMalformed(FORMAT, 'it has characters in it that are not base64');
  if (!hasLayout(payload))
    throw new SessionMalformed(
      FORMAT,
      `its ${payload.length} bytes are not an address of the length they tell and a key of ${AUTH_KEY_BYTES} bytes`,
    );
  const portAt = payload.length - AUTH_KEY_BYTES - 2;
  const host = payload.subarray(3, portAt).toString('latin1');
  return checked(FORMAT, {
    dataCenter: payload.readUInt8(0),
    authKey: Buffer.from(payload.subarray(portAt + 2)),
    address: { host, port: payload.readUInt16BE(portAt) },
    ...(isTestAddress(host) && { testMode: true }),
  });
}

/**
 * Whether the bytes after the version are GramJS's. A Telethon string may have as many: with an IPv6 address as
 * one of GramJS with an address of 14 characters, with IPv4 as one of 2. So no address is that short, and the
 * address must be made of the letters of one.
 */
export function hasLayout(payload: Buffer): boolean {
  if (payload.length < BYTES_WITHOUT_ADDRESS + MIN_HOST_LENGTH) return false;
  const length = payload.readUInt16BE(1);
  if (length > MAX_HOST_LENGTH || payload.length !== BYTES_WITHOUT_ADDRESS + length) return false;
  return /^[0-9A-Za-z.:-]+$/.test(payload.subarray(3, 3 + length).toString('latin1'));
}

/** GramJS reads ports above 32767 as negative numbers; on Node it dials another port than this one anyway. */
export function render(material: Material): Uint8Array {
  checkExpressible(FORMAT, material);
  const { host, port } = expressibleAddress(FORMAT, material);
  if (host.length < MIN_HOST_LENGTH) throw new SessionNotExpressible(FORMAT, 'its host name is too short');
  const payload = Buffer.concat([
    Buffer.of(material.dataCenter, 0, host.length),
    Buffer.from(host, 'latin1'),
    Buffer.of(port >> 8, port & 0xff),
    material.authKey,
  ]);
  return Buffer.from(VERSION + payload.toString('base64'), 'latin1');
}
