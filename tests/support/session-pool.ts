import { randomBytes, randomUUIDv7 } from 'node:crypto';
import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { operatorScopes, servicePrincipal, type Principal, type Scope } from '#lib/auth/principal.ts';
import { connect, type Client } from '#lib/rpc/client.ts';
import { makeMeshEnvironment, type MeshOptions } from './mesh-environment.ts';
import type { TestDatabase } from './postgres.ts';
import { startServiceProcess, type ServiceProcess } from './service-process.ts';

export type PoolClient = Client<typeof SessionPoolService>;

/** Real session-pool processes on one database. */
export interface PoolMesh {
  readonly database: TestDatabase;
  readonly replicas: readonly ServiceProcess[];
  /** As the operator's key, on the operator's tenant. */
  readonly operatorKey: string;
  /** A caller of a tenant, with all scopes unless named. */
  client(tenantId: string, options?: { scopes?: Scope[]; replica?: number; subject?: string }): PoolClient;
  /** A service of the mesh. */
  mesh(tenantId: string): PoolClient;
  /** A caller of a tenant at a replica that the test started itself with `environment`. */
  clientAt(tenantId: string, address: string): PoolClient;
  readonly environment: NodeJS.ProcessEnv;
  tokenOf(principal: Principal, service?: string): Promise<string>;
  stop(): Promise<void>;
}

export interface PoolMeshOptions extends MeshOptions {
  replicas?: number;
}

export async function startPoolMesh(options: PoolMeshOptions = {}): Promise<PoolMesh> {
  const { database, operatorKey, environment, tokenOf } = await makeMeshEnvironment(options);
  const replicas = await Promise.all(
    Array.from({ length: options.replicas ?? 1 }, () => startServiceProcess('session-pool', environment)),
  );
  const clients: PoolClient[] = [];
  function clientOf(principal: Principal, address: string): PoolClient {
    const client = connect(SessionPoolService, { address, token: () => tokenOf(principal) });
    clients.push(client);
    return client;
  }
  return {
    database,
    replicas,
    operatorKey,
    environment,
    tokenOf,
    client: (tenantId, { scopes = [...operatorScopes], replica = 0, subject = 'key:test' } = {}) =>
      clientOf(user(tenantId, subject, scopes), replicas[replica]!.address),
    clientAt: (tenantId, address) => clientOf(user(tenantId, 'key:test', [...operatorScopes]), address),
    mesh: (tenantId) => clientOf(servicePrincipal('tests', tenantId), replicas[0]!.address),
    async stop() {
      for (const client of clients) client.close();
      await Promise.all(replicas.map((replica) => replica.stop()));
      await database.drop();
    },
  };
}

function user(tenantId: string, subject: string, scopes: readonly Scope[]): Principal {
  return { tenantId, homeTenantId: tenantId, subject, role: 'user', scopes: new Set(scopes) };
}

/** A made-up session as Telethon would write it; no account has this key. */
export function telethonString(): Uint8Array {
  const head = Buffer.from([2, 149, 154, 167, 51, 0x01, 0xbb]);
  const body = Buffer.concat([head, randomBytes(256)]).toString('base64');
  return Buffer.from(`1${body.replaceAll('+', '-').replaceAll('/', '_')}`);
}

/** A new tenant with so many sessions, brought in as a client would. */
export async function tenantWithSessions(
  mesh: PoolMesh,
  count: number,
): Promise<{ tenantId: string; client: PoolClient; sessionIds: bigint[] }> {
  const tenantId = randomUUIDv7();
  const client = mesh.client(tenantId);
  const sessionIds: bigint[] = [];
  for (let index = 0; index < count; index += 1) {
    const { session } = await client.importSession({
      name: `session ${index}`,
      material: telethonString(),
      environment: 'local',
    });
    sessionIds.push(session!.sessionId);
  }
  return { tenantId, client, sessionIds };
}
