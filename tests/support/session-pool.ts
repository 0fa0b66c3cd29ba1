import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes, randomUUIDv7 } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { meshKeys, signMeshToken } from '#lib/auth/mesh-token.ts';
import { operatorScopes, servicePrincipal, type Principal, type Scope } from '#lib/auth/principal.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { connect, type Client } from '#lib/rpc/client.ts';
import { neededSchemas } from '../../deploy/schemas.ts';
import { createTestDatabase, type TestDatabase } from './postgres.ts';

export type PoolClient = Client<typeof SessionPoolService>;

/** Real session-pool processes on one database. */
export interface PoolMesh {
  readonly database: TestDatabase;
  readonly replicas: readonly PoolProcess[];
  /** As the operator's key, on the operator's tenant. */
  readonly operatorKey: string;
  /** A caller of a tenant, with all scopes unless named. */
  client(tenantId: string, options?: { scopes?: Scope[]; replica?: number; subject?: string }): PoolClient;
  /** A service of the mesh. */
  mesh(tenantId: string): PoolClient;
  /** A caller of a tenant at a replica that the test started itself with `environment`. */
  clientAt(tenantId: string, address: string): PoolClient;
  readonly environment: NodeJS.ProcessEnv;
  tokenOf(principal: Principal): Promise<string>;
  stop(): Promise<void>;
}

export interface PoolProcess {
  readonly child: ChildProcess;
  readonly address: string;
  readonly admin: string;
  /** Every line of its log, parsed. */
  readonly log: Record<string, unknown>[];
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

export interface PoolMeshOptions {
  replicas?: number;
  natsUrl?: string;
  env?: Record<string, string>;
}

const MAIN = fileURLToPath(new URL('../../services/session-pool/main.ts', import.meta.url));

export async function startPoolMesh(options: PoolMeshOptions = {}): Promise<PoolMesh> {
  const { natsUrl, replicas: count = 1 } = options;
  const database = await createTestDatabase({ migrations: neededSchemas({ natsUrl }) });
  const meshKey = randomBytes(32);
  const operatorKey = `tgop_${randomBytes(24).toString('base64url')}`;
  const env = {
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
    ...options.env,
  };
  const replicas = await Promise.all(Array.from({ length: count }, () => startPoolProcess(env)));
  const keys = meshKeys([meshKey]);
  const clients: PoolClient[] = [];
  const tokenOf = (principal: Principal) =>
    signMeshToken(keys, { caller: principal, service: 'tests', ttlMs: 300_000, clock: systemClock });
  function clientOf(principal: Principal, address: string): PoolClient {
    const client = connect(SessionPoolService, { address, token: () => tokenOf(principal) });
    clients.push(client);
    return client;
  }
  return {
    database,
    replicas,
    operatorKey,
    environment: env,
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

export async function startPoolProcess(env: NodeJS.ProcessEnv): Promise<PoolProcess> {
  const child = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const log: Record<string, unknown>[] = [];
  const lines = createInterface({ input: child.stdout });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  const serving = new Promise<Record<string, unknown>>((resolve, reject) => {
    lines.on('line', (line) => {
      const entry = JSON.parse(line) as Record<string, unknown>;
      log.push(entry);
      if (entry['kind'] === 'serving') resolve(entry);
    });
    child.once('exit', (code) => reject(new Error(`session-pool ended with ${code}: ${complaint}`)));
  });
  const { grpc_port: grpcPort, admin_port: adminPort } = await serving;
  return {
    child,
    log,
    address: `127.0.0.1:${String(grpcPort)}`,
    admin: `http://127.0.0.1:${String(adminPort)}`,
    async stop(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) {
        const exit = once(child, 'exit');
        child.kill(signal);
        await exit;
      }
      return child.exitCode;
    },
  };
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
