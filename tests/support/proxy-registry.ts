import { randomBytes } from 'node:crypto';
import { ProxyRegistryService } from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { meshKeys, signMeshToken } from '#lib/auth/mesh-token.ts';
import { operatorScopes, servicePrincipal, type Principal, type Scope } from '#lib/auth/principal.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { connect, type Client } from '#lib/rpc/client.ts';
import { neededSchemas } from '../../deploy/schemas.ts';
import { startServiceProcess, type ServiceProcess } from './account-auth.ts';
import { createTestDatabase, type TestDatabase } from './postgres.ts';

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

export async function startRegistryMesh(
  options: { natsUrl?: string; env?: Record<string, string> } = {},
): Promise<RegistryMesh> {
  const { natsUrl } = options;
  const database = await createTestDatabase({ migrations: neededSchemas({ natsUrl }) });
  const meshKey = randomBytes(32);
  const operatorKey = `tgop_${randomBytes(24).toString('base64url')}`;
  const environment = {
    PATH: process.env['PATH'],
    DATABASE_URL: database.url,
    ...(natsUrl === undefined ? {} : { NATS_URL: natsUrl }),
    TELEGATE_MESH_KEY: meshKey.toString('base64'),
    TELEGATE_MASTER_KEY: `1:${randomBytes(32).toString('base64')}`,
    TELEGATE_OPERATOR_KEY: operatorKey,
    GRPC_PORT: '0',
    ADMIN_PORT: '0',
    REFLECTION: 'on',
    SHUTDOWN_GRACE: '2s',
    DATABASE_POOL_SIZE: '8',
    ALLOW_PRIVATE_PROXIES: 'loopback',
    PROXY_CHECK_TIMEOUT: '2s',
    ...options.env,
  };
  const registry = await startServiceProcess('proxy-registry', environment);
  const keys = meshKeys([meshKey]);
  const clients: RegistryClient[] = [];
  const tokenOf = (caller: Principal) =>
    signMeshToken(keys, { caller, service: 'tests', ttlMs: 300_000, clock: systemClock });
  // As the edge signs it: a user is carried from outside, and is no service of the mesh.
  const userTokenOf = (caller: Principal) =>
    signMeshToken(keys, { caller, service: 'gateway', ttlMs: 300_000, clock: systemClock });
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
      return clientOf(() => userTokenOf({ ...principal, scopes: new Set(scopes) }));
    },
    mesh: (tenantId) => clientOf(() => tokenOf(servicePrincipal('tests', tenantId))),
    async stop() {
      for (const client of clients) client.close();
      await registry.stop();
      await database.drop();
    },
  };
}
