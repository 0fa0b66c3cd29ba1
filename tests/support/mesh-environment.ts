import { randomBytes } from 'node:crypto';
import { meshKeys, signMeshToken } from '#lib/auth/mesh-token.ts';
import type { Principal } from '#lib/auth/principal.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { neededSchemas } from '../../deploy/schemas.ts';
import { createTestDatabase, type TestDatabase } from './postgres.ts';

export interface MeshOptions {
  natsUrl?: string;
  env?: Record<string, string>;
}

/** A database that is migrated and keys that nobody else has: what processes of one mesh share. */
export interface MeshEnvironment {
  readonly database: TestDatabase;
  readonly operatorKey: string;
  readonly environment: NodeJS.ProcessEnv;
  /** As a service of the mesh signs it. Whom the gateway signs for comes from outside, and is no service. */
  tokenOf(caller: Principal, service?: string): Promise<string>;
}

const TOKEN_TTL_MS = 300_000;

export async function makeMeshEnvironment({ natsUrl, env }: MeshOptions): Promise<MeshEnvironment> {
  const database = await createTestDatabase({ migrations: neededSchemas({ natsUrl }) });
  const meshKey = randomBytes(32);
  const operatorKey = `tgop_${randomBytes(24).toString('base64url')}`;
  const keys = meshKeys([meshKey]);
  return {
    database,
    operatorKey,
    environment: {
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
      ...env,
    },
    tokenOf: (caller, service = 'tests') =>
      signMeshToken(keys, { caller, service, ttlMs: TOKEN_TTL_MS, clock: systemClock }),
  };
}
