import { AccountAuthService } from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import { IdentityService } from '#gen/telegate/account_auth/v1/identity_service_pb.ts';
import { MessagingService } from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import { ProxyRegistryService } from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import type { Client } from '#lib/rpc/client.ts';
import { bridge, type Bridge } from './bridge.ts';
import { docsRoutes } from './docs/routes.ts';
import type { HttpRoute } from './http/routing.ts';
import { publicKeysRoute } from './public-keys.ts';
import { sessionManagerRoutes } from './sessions/routes.ts';

export interface MeshClients {
  sessionPool: Client<typeof SessionPoolService>;
  identity: Client<typeof IdentityService>;
  accountAuth: Client<typeof AccountAuthService>;
  messaging: Client<typeof MessagingService>;
  proxyRegistry: Client<typeof ProxyRegistryService>;
}

export interface GatewaySettings {
  /** Of leases taken by GET /session. */
  httpLease: { ttlMs: number; quarantineMs: number };
  version: string;
}

/** What is served to the outside: a service of the mesh joins by its line among the bridges. */
export function gatewayRoutes(
  mesh: MeshClients,
  { httpLease, version }: GatewaySettings,
): { bridges: Bridge[]; routes: HttpRoute[] } {
  return {
    bridges: [
      bridge(SessionPoolService, mesh.sessionPool, {
        hidden: ['claimEgress', 'releaseEgress'],
        longLived: ['holdLease', 'manageLeases', 'watchPool'],
      }),
      bridge(IdentityService, mesh.identity, {
        hidden: ['verifyApiKey'],
        open: ['register', 'login', 'refreshTokens', 'getJwks'],
      }),
      bridge(AccountAuthService, mesh.accountAuth),
      bridge(MessagingService, mesh.messaging, { longLived: ['watchMessages'] }),
      bridge(ProxyRegistryService, mesh.proxyRegistry, {
        hidden: ['resolveEgress', 'holdEgress', 'allowDirect'],
      }),
    ],
    routes: [
      ...sessionManagerRoutes({
        pool: mesh.sessionPool,
        leaseTtlMs: httpLease.ttlMs,
        quarantineMs: httpLease.quarantineMs,
      }),
      publicKeysRoute(mesh.identity),
      ...docsRoutes(version),
    ],
  };
}
