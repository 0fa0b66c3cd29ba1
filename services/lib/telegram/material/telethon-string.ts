import { isTestAddress } from './data-centers.ts';
import { SessionMalformed } from './errors.ts';
import { checkExpressible, expressibleAddress, expressibleIp } from './expressible.ts';
import { unpackIp } from './ip-address.ts';
import type { Material } from './material.ts';
import { AUTH_KEY_BYTES } from './material.ts';
import { checked, fromBase64, textOf } from './session-text.ts';

const FORMAT = 'telethon-string';
export const VERSION = '1';

/** The version's character, then base64 of: data centre (1), address (4 or 16), port (2), key (256). */
const BYTES_IPV4 = 1 + 4 + 2 + AUTH_KEY_BYTES;
const BYTES_IPV6 = 1 + 16 + 2 + AUTH_KEY_BYTES;

export function parse(bytes: Uint8Array): Material {
  const text = textOf(bytes, FORMAT);
  if (!text.startsWith(VERSION)) throw new SessionMalformed(FORMAT, 'it does not begin with the version 1');
  const payload = fromBase64(text.slice(VERSION.length));
  if (payload === undefined || text.length % 4 !== 1)
    throw new SessionMalformed(FORMAT, 'it is not padded base64');
  if (!hasLayout(payload))
    throw new SessionMalformed(
      FORMAT,
      `it holds ${payload.length} bytes; ${BYTES_IPV4} (IPv4) or ${BYTES_IPV6} (IPv6) are needed`,
    );
  const portAt = payload.length - AUTH_KEY_BYTES - 2;
  const host = unpackIp(payload.subarray(1, portAt));
  return checked(FORMAT, {
    dataCenter: payload.readUInt8(0),
    authKey: Buffer.from(payload.subarray(portAt + 2)),
    address: { host, port: payload.readUInt16BE(portAt) },
    ...(isTestAddress(host) && { testMode: true }),
  });
}

/** Whether the bytes after the version have the length of one. */
export function hasLayout(payload: Buffer): boolean {
  return payload.length === BYTES_IPV4 || payload.length === BYTES_IPV6;
}

/**
 * With an IPv6 address Telethon must be started with use_ipv6: otherwise it moves the session to data centre 2.
 */
export function render(material: Material): Uint8Array {
  checkExpressible(FORMAT, material);
  const address = expressibleAddress(FORMAT, material);
  const payload = Buffer.concat([
    Buffer.of(material.dataCenter),
    expressibleIp(FORMAT, address),
    Buffer.of(address.port >> 8, address.port & 0xff),
    material.authKey,
  ]);
  return Buffer.from(VERSION + padded(payload.toString('base64url')), 'latin1');
}

function padded(base64url: string): string {
  return base64url.padEnd(Math.ceil(base64url.length / 4) * 4, '=');
}
