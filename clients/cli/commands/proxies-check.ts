import { create } from '@bufbuild/protobuf';
import { ProxyState } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import {
  CheckProxyResponseSchema,
  ProxyRegistryService,
} from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { allProxies, findProxyId, PROXY_NAMING } from '../named-proxy.ts';
import { addressOf, stateOf } from '../proxy-text.ts';
import { messageJson } from '../terminal/output.ts';
import { plain } from '../terminal/table.ts';
import { spanOf } from '../terminal/times.ts';

const LIMIT_MS = 60_000;

export const proxiesCheck = command({
  name: 'proxies check',
  summary: 'connects to Telegram through proxies now: those named, or all; exit code 1 if one is down',
  detail: PROXY_NAMING,
  operands: ['[PROXY…]'],
  options: {},
  examples: ['telegate proxies check', 'telegate proxies check 198.51.100.7:1080'],
  async run({ operands, service, out }) {
    const registry = service(ProxyRegistryService);
    const proxyIds: string[] =
      operands.length === 0 ? (await allProxies(registry)).map(({ proxyId }) => proxyId) : [];
    for (const text of operands) proxyIds.push(await findProxyId(registry, text));
    if (proxyIds.length === 0) out.note('No proxies.');
    let down = 0;
    for (const [index, proxyId] of proxyIds.entries()) {
      out.standing(out.paint('dim', `${index} of ${proxyIds.length} checked`));
      const response = await registry.call((client) =>
        client.checkProxy({ proxyId }, { deadlineMs: LIMIT_MS }),
      );
      const proxy = response.proxy!;
      if (proxy.state === ProxyState.DOWN) down += 1;
      out.event(
        () => messageJson(CheckProxyResponseSchema, create(CheckProxyResponseSchema, { proxy })),
        () => {
          const took = proxy.latency ? `  ${spanOf(proxy.latency)}` : '';
          const line = plain(`${addressOf(proxy)}  ${stateOf(proxy)}${took}`);
          return proxy.state === ProxyState.DOWN ? out.paint('red', line) : line;
        },
      );
    }
    out.standing('');
    return down === 0 ? exitCode.ok : exitCode.refused;
  },
});
