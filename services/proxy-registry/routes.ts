import { ProxyRegistryService } from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { implement, type Implementation } from '#lib/rpc/implement.ts';
import { assignmentRoutes } from './assignments/routes.ts';
import type { Checker } from './checks/checker.ts';
import { checkRoutes } from './checks/routes.ts';
import { egressRoutes } from './egress/routes.ts';
import { proxyRoutes } from './proxies/routes.ts';
import type { Registry } from './registry.ts';

export function registryRoutes(registry: Registry, checker: Checker): Implementation {
  return implement(
    ProxyRegistryService,
    {
      ...proxyRoutes(registry),
      ...checkRoutes(registry, checker),
      ...assignmentRoutes(registry),
      ...egressRoutes(registry),
    },
    {
      createProxy: 'proxy:write',
      getProxy: 'proxy:read',
      listProxies: 'proxy:read',
      updateProxy: 'proxy:write',
      deleteProxy: 'proxy:write',
      importProxies: 'proxy:write',
      checkProxy: 'proxy:write',
      assignProxy: 'proxy:write',
      releaseAssignment: 'proxy:write',
      listAssignments: 'proxy:read',
      resolveEgress: 'mesh',
      holdEgress: 'mesh',
      allowDirect: 'mesh',
    },
  );
}
