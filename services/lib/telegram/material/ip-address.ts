import { isIPv4, isIPv6 } from 'node:net';

/** The 4 or 16 bytes of an IP address; undefined for a host name. */
export function packIp(host: string): Buffer | undefined {
  if (isIPv4(host)) return Buffer.from(host.split('.').map(Number));
  if (!isIPv6(host) || host.includes('%')) return undefined;
  const [head, tail] = compressIpv6(host).split('::');
  const left = groupsOf(head);
  const right = groupsOf(tail);
  const bytes = Buffer.alloc(16);
  left.forEach((group, index) => bytes.writeUInt16BE(group, index * 2));
  right.forEach((group, index) => bytes.writeUInt16BE(group, 16 - (right.length - index) * 2));
  return bytes;
}

export function unpackIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const view = Buffer.from(bytes);
  return compressIpv6(
    Array.from({ length: 8 }, (_, index) => view.readUInt16BE(index * 2).toString(16)).join(':'),
  );
}

/** The WHATWG serialiser writes one canonical form: lower case, hexadecimal groups, the longest run as `::`. */
function compressIpv6(host: string): string {
  return new URL(`http://[${host}]`).hostname.slice(1, -1);
}

function groupsOf(text: string | undefined): number[] {
  return text ? text.split(':').map((group) => Number.parseInt(group, 16)) : [];
}
