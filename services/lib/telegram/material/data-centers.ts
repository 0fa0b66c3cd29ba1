import type { Address, Material } from './material.ts';

export interface DataCenter {
  readonly ipv4: string;
  readonly ipv6: string;
  readonly port: number;
}

const PORT = 443;

/** The first address of each, as official applications carry it; Telegram names more by help.getConfig. */
export const productionDataCenters: ReadonlyMap<number, DataCenter> = new Map([
  [1, { ipv4: '149.154.175.53', ipv6: '2001:b28:f23d:f001::a', port: PORT }],
  [2, { ipv4: '149.154.167.51', ipv6: '2001:67c:4e8:f002::a', port: PORT }],
  [3, { ipv4: '149.154.175.100', ipv6: '2001:b28:f23d:f003::a', port: PORT }],
  [4, { ipv4: '149.154.167.91', ipv6: '2001:67c:4e8:f004::a', port: PORT }],
  [5, { ipv4: '91.108.56.130', ipv6: '2001:b28:f23f:f005::a', port: PORT }],
]);

export const testDataCenters: ReadonlyMap<number, DataCenter> = new Map([
  [1, { ipv4: '149.154.175.10', ipv6: '2001:b28:f23d:f001::e', port: PORT }],
  [2, { ipv4: '149.154.167.40', ipv6: '2001:67c:4e8:f002::e', port: PORT }],
  [3, { ipv4: '149.154.175.117', ipv6: '2001:b28:f23d:f003::e', port: PORT }],
]);

const testAddresses = new Set([...testDataCenters.values()].flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6]));

/** Formats that do not say which environment they belong to show it by the address that was dialled. */
export function isTestAddress(host: string): boolean {
  return testAddresses.has(host);
}

/** GramJS in a browser keeps host names that speak only WebSocket; elsewhere they are of no use. */
const WEB_HOST = /\.web\.telegram\.org$/;

/**
 * Where a program that reads the session is to dial: its own address, or the usual one of its data centre.
 * Undefined for a data centre that is not Telegram's. An own address is never exchanged for another: it may
 * belong to a Telegram of somebody's own.
 */
export function addressOf(material: Material): Address | undefined {
  const { address, dataCenter, testMode } = material;
  if (address && !WEB_HOST.test(address.host)) return address;
  const usual = (testMode ? testDataCenters : productionDataCenters).get(dataCenter);
  return usual && { host: usual.ipv4, port: usual.port };
}
