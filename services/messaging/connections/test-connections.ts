import { randomUUIDv7 } from 'node:crypto';
import { createMeshTokenSource, meshKeys } from '#lib/auth/mesh-token.ts';
import { DEFAULT_OPERATOR_TENANT } from '#lib/auth/authenticate.ts';
import { operatorScopes, type Principal } from '#lib/auth/principal.ts';
import * as shared from '#lib/config/shared.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { openDatabase } from '#lib/postgres/database.ts';
import type { CallContext } from '#lib/rpc/implement.ts';
import { localTelegram } from '#lib/telegram/environment.ts';
import { createLogger, type Logger } from '#lib/telemetry/log.ts';
import type { MessagingMesh } from '../../../tests/support/messaging.ts';
import type { MessagingDatabase, MessagingTables } from '../tables.ts';
import type { HeldConnections } from './connections.ts';
import { PROCESS_PREFIX } from './elsewhere.ts';
import { Heartbeat } from './heartbeat.ts';
import type { UpdatesSource } from './live-session.ts';
import { openConnections, type ConnectionSettings } from './open.ts';

export interface TestConnections {
  readonly processId: string;
  readonly connections: HeldConnections;
  readonly database: MessagingDatabase;
  close(): Promise<void>;
}

const quiet: Logger = createLogger({ service: 'messaging', level: 'silent' });

/** What a messaging process has of connections, in this process: on the mesh's pool and Telegram. */
export async function openTestConnections(
  mesh: MessagingMesh,
  options: { settings?: Partial<ConnectionSettings>; updatesSource?: UpdatesSource } = {},
): Promise<TestConnections> {
  const processId = `${PROCESS_PREFIX}${randomUUIDv7()}`;
  const stops: (() => Promise<void> | void)[] = [];
  const database = openDatabase<MessagingTables>({
    url: mesh.pool.database.url,
    schema: 'messaging',
    poolSize: 4,
    applicationName: 'test',
    log: quiet,
  });
  stops.push(() => database.close());
  const heartbeat = new Heartbeat({ processId, database, clock: systemClock, log: quiet });
  stops.push(() => heartbeat.stop());
  const { connections } = openConnections({
    processId,
    database,
    telegram: localTelegram(await mesh.control.control.getServerInfo({})),
    version: '0.0.0',
    clock: systemClock,
    random: Math.random,
    log: quiet,
    settings: {
      sessionPoolAddresses: mesh.pool.replicas.map(({ address }) => address),
      proxyRegistryAddress: undefined,
      allowDirect: true,
      idleLimitMs: 300_000,
      mostSessions: 1_000,
      shutdownGraceMs: 2_000,
      operatorTenant: DEFAULT_OPERATOR_TENANT,
      ...options.settings,
    },
    tokenFor: createMeshTokenSource(
      meshKeys(shared.meshKey.parse(mesh.environment['TELEGATE_MESH_KEY'])),
      'messaging',
      systemClock,
    ),
    tls: undefined,
    tagKey: Buffer.alloc(32),
    ...(options.updatesSource ? { updatesSource: options.updatesSource } : {}),
    wakeRelay: () => undefined,
    onStop: (_name, stop) => void stops.push(stop),
  });
  // Nobody is served there: calls are not sent on in these tests.
  await heartbeat.start('127.0.0.1:9');
  return {
    processId,
    connections,
    database,
    async close() {
      for (const stop of stops.splice(0).toReversed()) await stop();
    },
  };
}

/** A caller's call, with so much time left. */
export function callOf(
  tenantId: string,
  options: { ms?: number; signal?: AbortSignal } & Partial<Principal> = {},
): CallContext {
  const { ms = 30_000, signal = new AbortController().signal, ...more } = options;
  const until = performance.now() + ms;
  return {
    principal: {
      tenantId,
      homeTenantId: tenantId,
      subject: 'key:test',
      role: 'user',
      scopes: operatorScopes,
      ...more,
    },
    signal,
    deadline: systemClock.now() + ms,
    remainingMs: () => Math.max(0, until - performance.now()),
    traceId: '0'.repeat(32),
    metadata: { get: () => undefined, has: () => false },
    peer: 'test',
    onGoAway: () => () => undefined,
  };
}
