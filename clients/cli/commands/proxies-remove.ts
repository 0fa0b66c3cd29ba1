import {
  DeleteProxyResponseSchema,
  ProxyRegistryService,
} from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { command } from '../command.ts';
import { exitCode } from '../exit-code.ts';
import { findProxyId, PROXY_NAMING } from '../named-proxy.ts';

export const proxiesRemove = command({
  name: 'proxies remove',
  summary: 'removes a proxy; its accounts get another one, or wait',
  detail: PROXY_NAMING,
  operands: ['PROXY'],
  options: { force: { type: 'boolean', doc: 'even if connections use it; they are closed' } },
  examples: ['telegate proxies remove 198.51.100.7:1080'],
  async run({ operands, values, service, out }) {
    const registry = service(ProxyRegistryService);
    const proxyId = await findProxyId(registry, operands[0]!);
    const request = { proxyId, force: values.force === true };
    const response = await registry.call((client) => client.deleteProxy(request));
    out.answer(DeleteProxyResponseSchema, response, () => `The proxy ${proxyId} is removed.`);
    return exitCode.ok;
  },
});
