import { randomUUIDv7 } from 'node:crypto';
import { resolve } from 'node:path';
import { DEFAULT_OPERATOR_TENANT } from '#lib/auth/authenticate.ts';
import { openAuthenticator } from '#lib/auth/open.ts';
import { openBus } from '#lib/events/bus.ts';
import { startRelay } from '#lib/events/relay.ts';
import { runProcess, type Scope } from '#lib/lifecycle/process.ts';
import { openDatabase } from '#lib/postgres/database.ts';
import { waitForMigrations } from '#lib/postgres/migrate.ts';
import { serve } from '#lib/rpc/server.ts';
import { readMeshTls, readTls } from '#lib/rpc/tls.ts';
import { startAdminServer, type Readiness } from '#lib/telemetry/admin.ts';
import { startTelemetry } from '#lib/telemetry/sdk.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { fields } from './config.ts';
import { createLeasing } from './leases/leasing.ts';
import { observePool } from './metrics.ts';
import { openNoticeHub } from './notices/hub.ts';
import { IDLE_IN_TRANSACTION_MS, type Pool } from './pool.ts';
import { createQueue } from './queue/queue.ts';
import { startReaper } from './reaper/reaper.ts';
import { poolRoutes } from './routes.ts';
import { scheduleSync } from './sync/schedule.ts';
import { createSync, type Sync } from './sync/sync.ts';
import type { PoolTables } from './tables.ts';

const SCHEMA = 'session_pool';

/** Passes of the reaper that fail for so long mean that nothing can be leased here. */
const UNREACHABLE_MS = 5_000;
const MIGRATIONS = new URL('./migrations', import.meta.url).pathname;

await runProcess({
  name: 'session-pool',
  purpose: 'Leases Telegram sessions, one holder at a time.',
  version: packageJson.version,
  fields,
  env: process.env,
  argv: process.argv.slice(2),
  main,
});

function starting(): Readiness {
  return { ok: false, waitingFor: ['database', 'migrations'] };
}

/** Opened in this order, closed in the reverse. */
async function main(scope: Scope<typeof fields>): Promise<void> {
  const { config, clock, log, env, onStop } = scope;
  const { databaseUrl: url } = config;
  const telemetry = startTelemetry({ service: scope.name, version: packageJson.version, env, log });
  onStop('telemetry', () => telemetry.shutdown());

  let readiness = starting;
  const admin = await startAdminServer({
    host: config.listenHost,
    port: config.adminPort,
    ready: () => readiness(),
    log,
  });
  onStop('admin server', () => admin.close());

  await waitForMigrations({
    url,
    schema: SCHEMA,
    folder: MIGRATIONS,
    timeoutMs: config.startTimeout,
    log,
    clock,
    signal: scope.stopping,
  });
  const database = openDatabase<PoolTables>({
    url,
    schema: SCHEMA,
    poolSize: config.databasePoolSize,
    applicationName: 'telegate session-pool',
    idleInTransactionTimeoutMs: IDLE_IN_TRANSACTION_MS,
    log,
  });
  onStop('database', () => database.close());
  const bus = await openBus({ natsUrl: config.natsUrl, databaseUrl: url, log });
  onStop('events', () => bus.close());
  const relay = startRelay({
    url,
    schema: SCHEMA,
    bus,
    system: config.natsUrl === undefined ? 'postgresql' : 'nats',
    log,
    clock,
  });
  onStop('relay', () => relay.stop());

  const pool: Pool = {
    database,
    masterKeys: config.masterKey,
    clock,
    log,
    settings: {
      quarantineMs: config.quarantine,
      queueLimit: config.queueLimit,
      shutdownGraceMs: config.shutdownGrace,
    },
    replicaId: randomUUIDv7(),
    wakeRelay: () => relay.wake(),
    wakeQueue: (tenantIds) => queue.wake(tenantIds),
  };
  const queue = createQueue(pool);
  const hub = openNoticeHub({ url, database, replicaId: pool.replicaId, log, onGranted: queue.fetchSoon });
  onStop('notices', () => hub.close());
  const reaper = startReaper(pool, queue);
  onStop('reaper', () => reaper.stop());
  onStop('pool metrics', observePool(pool, queue));

  const sync = startSync(scope, pool);

  const server = await serve({
    host: config.listenHost,
    port: config.grpcPort,
    implementations: [poolRoutes({ pool, leasing: createLeasing(pool, queue, hub), hub, sync, onStop })],
    authenticate: await openAuthenticator({
      service: scope.name,
      config,
      source: { address: config.accountAuthAddress, tls: await readMeshTls(config) },
      bus,
      clock,
      log,
      onStop,
    }),
    tls: await readTls(config),
    reflection: config.reflection,
    log,
    clock,
  });
  onStop('gRPC server', () => server.drain(config.shutdownGrace), config.shutdownGrace + 5_000);
  readiness = () =>
    reaper.silentMs() < UNREACHABLE_MS ? { ok: true } : { ok: false, waitingFor: ['database'] };
  server.setServing(true);
  onStop('readiness', () => {
    readiness = () => ({ ok: false, waitingFor: ['the end of this process'] });
  });
  log.info(
    { kind: 'serving', grpc_port: server.port, admin_port: admin.port },
    `leases are served on ${config.listenHost}:${server.port}`,
  );
}

function startSync({ config, onStop }: Scope<typeof fields>, pool: Pool): Sync | undefined {
  if (config.sessionsDir === undefined) return undefined;
  const sync = createSync(pool, {
    path: resolve(config.sessionsDir),
    tenantId: config.operatorTenant ?? DEFAULT_OPERATOR_TENANT,
    mostRemovedPercent: config.removalLimit,
  });
  onStop('sync', () => sync.stop());
  const schedule = scheduleSync(pool, sync, { everyMs: config.syncEvery });
  onStop('sync schedule', () => void schedule.stop());
  return sync;
}
