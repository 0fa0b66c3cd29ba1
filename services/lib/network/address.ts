import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';

/** Which addresses that are not of the public Internet a tenant may have dialled. */
export type PrivateAddresses = 'none' | 'loopback' | 'all';

const V4 = 'ipv4';
const V6 = 'ipv6';

function listOf(subnets: readonly [string, number][]): BlockList {
  const blocked = new BlockList();
  for (const [net, prefix] of subnets) blocked.addSubnet(net, prefix, isIPv4(net) ? V4 : V6);
  return blocked;
}

/** Nothing can be reached by these whatever is allowed. */
const never = listOf([
  ['0.0.0.0', 8],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  ['::', 128],
  ['ff00::', 8],
]);

const loopback = listOf([
  ['127.0.0.0', 8],
  ['::1', 128],
]);

/** IANA's special-purpose registries, and the metadata services of clouds that lie outside them. */
const inside = listOf([
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['168.63.129.16', 32],
  ['::', 96],
  ['::ffff:0:0:0', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
  ['5f00::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
]);

/** Why an address is refused, in plain words; undefined: it is not. */
export function addressFault(address: string, allowed: PrivateAddresses): string | undefined {
  const plain = embeddedV4(address) ?? address;
  const family = isIPv4(plain) ? V4 : V6;
  if (isIP(plain) === 0 || never.check(plain, family)) return 'is no address of a single machine';
  if (allowed === 'all') return undefined;
  if (loopback.check(plain, family))
    return allowed === 'loopback' ? undefined : 'is of this machine; use a public one';
  if (inside.check(plain, family)) return 'is private, link-local or reserved; use a public one';
  return undefined;
}

export function isPublic(address: string): boolean {
  return addressFault(address, 'none') === undefined;
}

const MAPPED = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/;
const NAT64 = /^64:ff9b::(?:([0-9a-f]{1,4}):)?([0-9a-f]{1,4})$/;

/** The IPv4 address that an IPv6 one stands for: it is judged as that one. */
function embeddedV4(address: string): string | undefined {
  if (!isIPv6(address)) return undefined;
  const canonical = canonicalV6(address);
  const match = MAPPED.exec(canonical) ?? NAT64.exec(canonical);
  if (!match) return undefined;
  const [high, low] = [Number.parseInt(match[1] ?? '0', 16), Number.parseInt(match[2]!, 16)];
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

function canonicalV6(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}

const LABEL = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/;
const HOST_LENGTH = 253;

export type Host =
  | { kind: 'address'; host: string }
  | { kind: 'name'; host: string }
  | { kind: 'fault'; fault: string };

/** One way to write each host, so that the same proxy is not there twice. */
export function readHost(raw: string): Host {
  const bare = raw.startsWith('[') && raw.endsWith(']') ? raw.slice(1, -1) : raw;
  if (bare === '') return { kind: 'fault', fault: 'is missing; send a host name or an IP address' };
  if (bare.includes('%'))
    return { kind: 'fault', fault: 'names a zone of this machine; send a public address' };
  if (isIPv4(bare)) return { kind: 'address', host: bare };
  if (isIPv6(bare)) return { kind: 'address', host: canonicalV6(bare) };
  if (bare.includes(':')) return { kind: 'fault', fault: 'is no IPv6 address; send it without its port' };
  const name = bare.length > HOST_LENGTH + 1 ? '' : domainToASCII(bare).toLowerCase().replace(/\.$/, '');
  const labels = name.split('.');
  if (name === '' || name.length > HOST_LENGTH || !labels.every((label) => LABEL.test(label)))
    return { kind: 'fault', fault: 'is neither a host name nor an IP address' };
  // 127.1, 2130706433 and 0x7f.1 are taken for addresses by some resolvers.
  if (/^(?:\d+|0x[0-9a-f]*)$/.test(labels.at(-1)!))
    return { kind: 'fault', fault: 'ends like a number; send an IPv4 address as four numbers from 0 to 255' };
  return { kind: 'name', host: name };
}
