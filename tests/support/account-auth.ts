import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes, randomUUIDv7 } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { IdentityService } from '#gen/telegate/account_auth/v1/identity_service_pb.ts';
import { meshKeys, signMeshToken } from '#lib/auth/mesh-token.ts';
import type { Principal } from '#lib/auth/principal.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { connect, type Client, type ConnectOptions } from '#lib/rpc/client.ts';
import { neededSchemas } from '../../deploy/schemas.ts';
import { createTestDatabase, type TestDatabase } from './postgres.ts';

export type IdentityClient = Client<typeof IdentityService>;

/** Real account-auth processes on one database. */
export interface IdentityMesh {
  readonly database: TestDatabase;
  readonly replicas: readonly ServiceProcess[];
  readonly operatorKey: string;
  /** For services of the same mesh. */
  readonly environment: NodeJS.ProcessEnv;
  /** Without credentials unless some are given. */
  client(options?: Partial<ConnectOptions> & { replica?: number }): IdentityClient;
  /** A user in a tenant of its own, logged in. */
  user(): Promise<TestUser>;
  tokenOf(principal: Principal): Promise<string>;
  stop(): Promise<void>;
}

export interface TestUser {
  readonly email: string;
  readonly password: string;
  readonly userId: string;
  readonly tenantId: string;
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly client: IdentityClient;
}

export interface ServiceProcess {
  readonly child: ChildProcess;
  readonly address: string;
  readonly admin: string;
  /** Every line of its log, parsed. */
  readonly log: Record<string, unknown>[];
  /** Everything that it wrote on standard error. */
  stderr(): string;
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

export interface IdentityMeshOptions {
  replicas?: number;
  natsUrl?: string;
  env?: Record<string, string>;
}

export async function startIdentityMesh(options: IdentityMeshOptions = {}): Promise<IdentityMesh> {
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
    REGISTRATIONS_PER_ADDRESS: '1000',
    ...options.env,
  };
  const replicas = await Promise.all(
    Array.from({ length: count }, () => startServiceProcess('account-auth', env)),
  );
  const keys = meshKeys([meshKey]);
  const clients: IdentityClient[] = [];

  function client({
    replica = 0,
    ...more
  }: Partial<ConnectOptions> & { replica?: number } = {}): IdentityClient {
    const made = connect(IdentityService, { address: replicas[replica]!.address, ...more });
    clients.push(made);
    return made;
  }

  return {
    database,
    replicas,
    operatorKey,
    environment: { ...env, ACCOUNT_AUTH_ADDRESS: replicas[0]!.address },
    client,
    async user() {
      const email = `${randomUUIDv7()}@example.org`;
      const password = `pw ${randomBytes(12).toString('base64url')}`;
      await client().register({ email, password });
      const { tokens, user } = await client().login({ email, password });
      const { accessToken, refreshToken } = tokens!;
      const { userId, tenantId } = user!;
      const own = client({ token: accessToken });
      return { email, password, userId, tenantId, accessToken, refreshToken, client: own };
    },
    tokenOf: (caller) =>
      signMeshToken(keys, { caller, service: 'tests', ttlMs: 300_000, clock: systemClock }),
    async stop() {
      for (const one of clients) one.close();
      await Promise.all(replicas.map((replica) => replica.stop()));
      await database.drop();
    },
  };
}

/** A service of the mesh as a process of its own; resolves when it serves. */
export async function startServiceProcess(name: string, env: NodeJS.ProcessEnv): Promise<ServiceProcess> {
  const main = fileURLToPath(new URL(`../../services/${name}/main.ts`, import.meta.url));
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'pipe'] });
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
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code}: ${complaint}`)));
  });
  const { grpc_port: grpcPort, admin_port: adminPort } = await serving;
  return {
    child,
    log,
    address: `127.0.0.1:${String(grpcPort)}`,
    admin: `http://127.0.0.1:${String(adminPort)}`,
    stderr: () => complaint,
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
