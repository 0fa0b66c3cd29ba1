import { randomUUIDv7 } from 'node:crypto';
import { pino } from 'pino';
import { Client as PostgresClient } from 'pg';
import { createAuthenticator } from '#lib/auth/authenticate.ts';
import { createMeshTokenSource, meshKeys } from '#lib/auth/mesh-token.ts';
import { operatorScopes, type Principal, type Scope } from '#lib/auth/principal.ts';
import { EDGE_SERVICE } from '#lib/auth/scopes.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { Unauthenticated } from '#lib/rpc/errors.ts';
import { gatewayRoutes } from '../../services/gateway/gateway.ts';
import { openMesh } from '../../services/gateway/mesh.ts';
import { serveEdge, type EdgeServing } from '../../services/gateway/serve.ts';
import {
  startPoolMesh,
  telethonString,
  type PoolClient,
  type PoolMesh,
  type PoolMeshOptions,
} from './session-pool.ts';

/** Gateways of this process before real session-pool processes. */
export interface GatewayMesh {
  readonly pool: PoolMesh;
  /** Of the first gateway. */
  readonly url: string;
  readonly logLines: Record<string, unknown>[];
  /** One more gateway of the same mesh. */
  addGateway(options?: GatewayOptions): Promise<{ url: string; edge: EdgeServing }>;
  /** A tenant of its own, whose sessions have files. */
  tenant(sessions: number): Promise<TestTenant>;
  query(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  stop(): Promise<void>;
}

export interface GatewayOptions {
  leaseTtlMs?: number;
  quarantineMs?: number;
  poolAddress?: string;
  accountAuthAddress?: string;
  messagingAddress?: string;
  proxyRegistryAddress?: string;
  engagementAddress?: string;
}

/** For those who call nobody there. */
const NOWHERE = '127.0.0.1:9';

export interface TestTenant {
  readonly tenantId: string;
  readonly client: PoolClient;
  readonly sessionIds: readonly bigint[];
  /** A key of this tenant, with all scopes unless named. */
  key(scopes?: Scope[]): { key: string; subject: string };
}

export async function startGatewayMesh(options: PoolMeshOptions & GatewayOptions = {}): Promise<GatewayMesh> {
  const pool = await startPoolMesh(options);
  const postgres = new PostgresClient({ connectionString: pool.database.url });
  await postgres.connect();
  await postgres.query('set search_path to session_pool');
  const principals = new Map<string, Principal>();
  const keys = meshKeys([Buffer.from(pool.environment['TELEGATE_MESH_KEY']!, 'base64')]);
  const tokenFor = createMeshTokenSource(keys, EDGE_SERVICE, systemClock);
  const logLines: Record<string, unknown>[] = [];
  const log = pino({ level: 'debug', base: null }, { write: (line) => void logLines.push(JSON.parse(line)) });
  const closing: (() => Promise<void> | void)[] = [];

  async function addGateway(more: GatewayOptions = {}): Promise<{ url: string; edge: EdgeServing }> {
    const {
      leaseTtlMs = 1_800_000,
      quarantineMs = 0,
      poolAddress,
      accountAuthAddress = NOWHERE,
      messagingAddress = NOWHERE,
      proxyRegistryAddress = NOWHERE,
      engagementAddress = NOWHERE,
    } = { ...options, ...more };
    const clients = openMesh(
      {
        sessionPool: poolAddress ?? pool.replicas[0]!.address,
        accountAuth: accountAuthAddress,
        messaging: messagingAddress,
        proxyRegistry: proxyRegistryAddress,
        engagement: engagementAddress,
      },
      { token: (caller) => tokenFor(caller!) },
    );
    const edge = await serveEdge({
      host: '127.0.0.1',
      port: 0,
      ...gatewayRoutes(clients, { httpLease: { ttlMs: leaseTtlMs, quarantineMs }, version: '0.0.0' }),
      authenticate: createAuthenticator({
        meshKeys: keys,
        operatorKey: pool.operatorKey,
        clock: systemClock,
        others(credentials) {
          const principal = principals.get(credentials.get('x-api-key') ?? '');
          if (!principal) throw new Unauthenticated();
          return { principal };
        },
      }),
      corsOrigins: [],
      log,
      clock: systemClock,
    });
    closing.push(
      () => clients.close(),
      () => edge.drain(0),
    );
    return { url: `http://127.0.0.1:${edge.port}`, edge };
  }

  const { url } = await addGateway();
  return {
    pool,
    url,
    logLines,
    addGateway,
    query: async (text, values) => (await postgres.query<Record<string, unknown>>(text, values)).rows,
    async tenant(sessions) {
      const tenantId = randomUUIDv7();
      const client = pool.client(tenantId);
      const sessionIds: bigint[] = [];
      for (let index = 1; index <= sessions; index += 1) {
        const { session } = await client.importSession({
          name: `session${index}`,
          material: telethonString(),
          environment: 'local',
        });
        sessionIds.push(session!.sessionId);
      }
      await postgres.query('update sessions set has_file = true where tenant_id = $1', [tenantId]);
      return {
        tenantId,
        client,
        sessionIds,
        key(scopes = [...operatorScopes]) {
          const key = `test-${randomUUIDv7()}`;
          const subject = `key:${key.slice(-12)}`;
          principals.set(key, {
            tenantId,
            homeTenantId: tenantId,
            subject,
            role: 'user',
            scopes: new Set(scopes),
          });
          return { key, subject };
        },
      };
    },
    async stop() {
      for (const close of closing.toReversed()) await close();
      await postgres.end();
      await pool.stop();
    },
  };
}
