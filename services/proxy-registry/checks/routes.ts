import type { ProxyRegistryService } from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { NotFound } from '#lib/rpc/errors.ts';
import type { Handlers } from '#lib/rpc/implement.ts';
import { proxyMessage } from '../proxies/model.ts';
import { onlyProxyId } from '../proxies/routes.ts';
import { readProxy } from '../proxies/store.ts';
import type { Registry } from '../registry.ts';
import type { Checker } from './checker.ts';
import { readTarget } from './store.ts';

export function checkRoutes(
  registry: Registry,
  checker: Checker,
): Pick<Handlers<typeof ProxyRegistryService>, 'checkProxy'> {
  return {
    async checkProxy(request, { principal: { tenantId } }) {
      const proxyId = onlyProxyId(request.proxyId);
      const target = await readTarget(registry, tenantId, proxyId);
      if (!target) throw new NotFound('proxy', proxyId);
      await checker.checkForCaller(target);
      return { proxy: proxyMessage(await readProxy(registry.database.kysely, tenantId, proxyId)) };
    },
  };
}
