import { randomUUIDv7 } from 'node:crypto';
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
import { openConnections } from './connections/open.ts';
import { keepHouse } from './housekeeping.ts';
import type { Messaging } from './messaging.ts';
import { messagingRoutes } from './routes.ts';
import type { MessagingTables } from './tables.ts';

const SCHEMA = 'messaging';
const MIGRATIONS = new URL('./migrations', import.meta.url).pathname;

await runProcess({
  name: 'messaging',
  purpose: 'Sends, reads and watches messages through the connections that it holds.',
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
  const database = openDatabase<MessagingTables>({
    url,
    schema: SCHEMA,
    poolSize: config.databasePoolSize,
    applicationName: 'telegate messaging',
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

  const processId = `messaging:${randomUUIDv7()}`;
  const connections = openConnections();
  const messaging: Messaging = {
    database,
    connections,
    processId,
    clock,
    random: Math.random,
    log,
    wakeRelay: () => relay.wake(),
  };
  onStop('housekeeping', keepHouse(messaging));

  const server = await serve({
    host: config.listenHost,
    port: config.grpcPort,
    implementations: [messagingRoutes({})],
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
  readiness = () => ({ ok: true });
  server.setServing(true);
  onStop('readiness', () => {
    readiness = () => ({ ok: false, waitingFor: ['the end of this process'] });
  });
  log.info(
    { kind: 'serving', grpc_port: server.port, admin_port: admin.port },
    `messages are served on ${config.listenHost}:${server.port}`,
  );
}
