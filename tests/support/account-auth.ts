import { randomBytes, randomUUIDv7 } from 'node:crypto';
import { IdentityService } from '#gen/telegate/account_auth/v1/identity_service_pb.ts';
import type { Principal } from '#lib/auth/principal.ts';
import { connect, type Client, type ConnectOptions } from '#lib/rpc/client.ts';
import { makeMeshEnvironment, type MeshOptions } from './mesh-environment.ts';
import type { TestDatabase } from './postgres.ts';
import { startServiceProcess, type ServiceProcess } from './service-process.ts';

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

export interface IdentityMeshOptions extends MeshOptions {
  replicas?: number;
}

export async function startIdentityMesh(options: IdentityMeshOptions = {}): Promise<IdentityMesh> {
  const { replicas: count = 1, env, ...rest } = options;
  const { database, operatorKey, environment, tokenOf } = await makeMeshEnvironment({
    ...rest,
    env: { REGISTRATIONS_PER_ADDRESS: '1000', ...env },
  });
  const replicas = await Promise.all(
    Array.from({ length: count }, () => startServiceProcess('account-auth', environment)),
  );
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
    environment: { ...environment, ACCOUNT_AUTH_ADDRESS: replicas[0]!.address },
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
    tokenOf,
    async stop() {
      for (const one of clients) one.close();
      await Promise.all(replicas.map((replica) => replica.stop()));
      await database.drop();
    },
  };
}
