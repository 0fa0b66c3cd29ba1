import { ProxyStateSchema, type Proxy, type ProxyState } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import { table } from './terminal/table.ts';
import { moment, spanOf } from './terminal/times.ts';
import { enumNames, labelsText, nameOf } from './values.ts';

export const proxyStates: Map<string, ProxyState> = enumNames(ProxyStateSchema);

export function proxyTable(proxies: readonly Proxy[], now: number): string {
  return table(
    ['PROXY', 'ADDRESS', 'NAME', 'STATE', 'LATENCY', 'ACCOUNTS', 'COUNTRY', 'LABELS', 'CHECKED'],
    proxies.map((proxy) => [
      proxy.proxyId,
      addressOf(proxy),
      proxy.name === '' ? '–' : proxy.name,
      stateOf(proxy),
      proxy.latency ? spanOf(proxy.latency) : '–',
      proxy.capacity === 0 ? String(proxy.assignedCount) : `${proxy.assignedCount} of ${proxy.capacity}`,
      proxy.country === '' ? '–' : proxy.country,
      labelsText(proxy.labels),
      moment(proxy.checkTime, now),
    ]),
  );
}

export function stateOf({ state, stateReason }: Proxy): string {
  const name = nameOf(proxyStates, state);
  return stateReason === '' ? name : `${name}: ${stateReason}`;
}

export function addressOf({ host, port }: Pick<Proxy, 'host' | 'port'>): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
