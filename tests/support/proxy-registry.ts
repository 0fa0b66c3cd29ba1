import { ProxyRegistryService } from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { operatorScopes, servicePrincipal, type Principal, type Scope } from '#lib/auth/principal.ts';
import { connect, type Client } from '#lib/rpc/client.ts';
import { makeMeshEnvironment, type MeshOptions } from './mesh-environment.ts';
import type { TestDatabase } from './postgres.ts';
import { startServiceProcess, type ServiceProcess } from './service-process.ts';

export type RegistryClient = Client<typeof ProxyRegistryService>;

/** A real proxy-registry process on a database of its own. */
export interface RegistryMesh {
  readonly database: TestDatabase;
  readonly registry: ServiceProcess;
  /** For services of the same mesh. */
  readonly environment: NodeJS.ProcessEnv;
  readonly operatorKey: string;
  /** A caller of a tenant, with all scopes unless named. */
  client(tenantId: string, options?: { scopes?: Scope[] }): RegistryClient;
  /** A service of the mesh. */
  mesh(tenantId: string): RegistryClient;
  tokenOf(principal: Principal): Promise<string>;
  stop(): Promise<void>;
}

export async function startRegistryMesh({ natsUrl, env }: MeshOptions = {}): Promise<RegistryMesh> {
  const { database, operatorKey, environment, tokenOf } = await makeMeshEnvironment({
    natsUrl,
    env: { ALLOW_PRIVATE_PROXIES: 'loopback', PROXY_CHECK_TIMEOUT: '2s', ...env },
  });
  const registry = await startServiceProcess('proxy-registry', environment);
  const clients: RegistryClient[] = [];
  function clientOf(token: () => Promise<string>): RegistryClient {
    const client = connect(ProxyRegistryService, { address: registry.address, token });
    clients.push(client);
    return client;
  }
  return {
    database,
    registry,
    environment,
    operatorKey,
    tokenOf,
    client(tenantId, { scopes = [...operatorScopes] } = {}) {
      const principal = { tenantId, homeTenantId: tenantId, subject: 'key:test', role: 'user' } as const;
      return clientOf(() => tokenOf({ ...principal, scopes: new Set(scopes) }, 'gateway'));
    },
    mesh: (tenantId) => clientOf(() => tokenOf(servicePrincipal('tests', tenantId))),
    async stop() {
      for (const client of clients) client.close();
      await registry.stop();
      await database.drop();
    },
  };
}
