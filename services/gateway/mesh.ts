import type { DescService } from '@bufbuild/protobuf';
import { AccountAuthService } from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import { IdentityService } from '#gen/telegate/account_auth/v1/identity_service_pb.ts';
import { EngagementService } from '#gen/telegate/engagement/v1/engagement_service_pb.ts';
import { MessagingService } from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import { ProxyRegistryService } from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { systemClock, type Clock } from '#lib/lifecycle/clock.ts';
import { connect, type Client, type ConnectOptions } from '#lib/rpc/client.ts';
import { bridge, type Bridge } from './bridge.ts';
import { HealthService } from './grpc-descriptors.ts';
import { healthBridge } from './grpc-health.ts';
import { reflectionBridges } from './grpc-reflection.ts';
import { openMeshHealth, type MeshHealth } from './mesh-health.ts';

/** Every service that the edge carries calls to; each call is made for the caller of its `parent`. */
export interface MeshClients {
  sessionPool: Client<typeof SessionPoolService>;
  identity: Client<typeof IdentityService>;
  accountAuth: Client<typeof AccountAuthService>;
  messaging: Client<typeof MessagingService>;
  proxyRegistry: Client<typeof ProxyRegistryService>;
  engagement: Client<typeof EngagementService>;
}

/** Where the processes of the mesh serve: `host:port`, or a gRPC target. */
export interface MeshAddresses {
  sessionPool: string;
  accountAuth: string;
  messaging: string;
  proxyRegistry: string;
  engagement: string;
}

export interface Mesh extends MeshClients {
  readonly health: MeshHealth;
  close(): void;
}

export function openMesh(addresses: MeshAddresses, options: Omit<ConnectOptions, 'address'>): Mesh {
  const open = <S extends DescService>(service: S, address: string): Client<S> =>
    connect(service, { ...options, address });
  const clients: MeshClients = {
    sessionPool: open(SessionPoolService, addresses.sessionPool),
    identity: open(IdentityService, addresses.accountAuth),
    accountAuth: open(AccountAuthService, addresses.accountAuth),
    messaging: open(MessagingService, addresses.messaging),
    proxyRegistry: open(ProxyRegistryService, addresses.proxyRegistry),
    engagement: open(EngagementService, addresses.engagement),
  };
  const health = openMeshHealth(
    {
      'session-pool': addresses.sessionPool,
      'account-auth': addresses.accountAuth,
      messaging: addresses.messaging,
      'proxy-registry': addresses.proxyRegistry,
      engagement: addresses.engagement,
    },
    options,
    options.clock ?? systemClock,
  );
  return {
    ...clients,
    health,
    close() {
      for (const client of Object.values(clients)) client.close();
      health.close();
    },
  };
}

/**
 * What is served to the outside: a service of the mesh joins by its line here, a call of one by nothing. Calls
 * between services are named, because a service would refuse them too, but only after the edge has carried them.
 */
export function meshBridges(
  mesh: Mesh,
  reflection: 'on' | 'authenticated' | 'off' = 'authenticated',
  clock: Clock = systemClock,
): Bridge[] {
  const services = [
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
    bridge(EngagementService, mesh.engagement, { longLived: ['watchCampaign'] }),
  ];
  const processes = new Map(services.map(({ service }) => [service.typeName, processOf(service)]));
  return [
    ...services,
    healthBridge(mesh.health, processes, clock),
    ...(reflection === 'off'
      ? []
      : reflectionBridges([...services.map(({ service }) => service), HealthService], reflection === 'on')),
  ];
}

/** telegate.session_pool.v1.SessionPoolService is served by session-pool. */
function processOf({ typeName }: DescService): string {
  return typeName.split('.')[1]!.replaceAll('_', '-');
}
