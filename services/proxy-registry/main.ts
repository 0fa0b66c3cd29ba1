import { lookup } from 'node:dns/promises';
import { DEFAULT_OPERATOR_TENANT } from '#lib/auth/authenticate.ts';
import { openAuthenticator } from '#lib/auth/open.ts';
import { AssignmentPolicy } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
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
import { createChecker } from './checks/checker.ts';
import { startSweep } from './checks/sweep.ts';
import { fields } from './config.ts';
import { openDefaultProxy } from './default-proxy.ts';
import { keepHouse } from './housekeeping.ts';
import { observeRegistry } from './metrics.ts';
import type { Registry } from './registry.ts';
import { registryRoutes } from './routes.ts';
import { consumeSessions } from './sessions.ts';
import type { RegistryTables } from './tables.ts';
import { dataCenterToReach } from './telegram.ts';

const SCHEMA = 'proxy_registry';
const MIGRATIONS = new URL('./migrations', import.meta.url).pathname;

/** Passes of the sweep that fail for so long mean that nothing can be assigned here. */
const UNREACHABLE_MS = 5_000;

const POLICIES = {
  sticky: AssignmentPolicy.STICKY,
  round_robin: AssignmentPolicy.ROUND_ROBIN,
  least_used: AssignmentPolicy.LEAST_USED,
  random: AssignmentPolicy.RANDOM,
} as const;

await runProcess({
  name: 'proxy-registry',
  purpose: 'Keeps proxies, and every account on its own.',
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
  const database = openDatabase<RegistryTables>({
    url,
    schema: SCHEMA,
    poolSize: config.databasePoolSize,
    applicationName: 'telegate proxy-registry',
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

  const dataCenter = await dataCenterToReach(config.localTelegramAddress, {
    clock,
    log,
    timeoutMs: config.startTimeout,
    signal: scope.stopping,
    apiKey: config.operatorKey,
  });
  const bare = openRegistry(scope, {
    database,
    wakeRelay: () => relay.wake(),
    wakeSweep: () => sweep.wake(),
  });
  const registry = await withDefaultProxy(scope, bare);
  const checker = createChecker(registry, {
    dataCenter,
    timeoutMs: config.checkTimeout,
    slowAfterMs: config.slowAfter,
    everyMs: config.checkEvery,
  });
  const sweep = startSweep(registry, checker, { concurrency: config.checkConcurrency });
  onStop('sweep', () => sweep.stop(), config.checkTimeout + 5_000);
  onStop('housekeeping', keepHouse(registry));
  onStop('registry metrics', observeRegistry(registry));
  const sessions = await consumeSessions(registry, bus);
  onStop('sessions', () => sessions.stop());

  const server = await serve({
    host: config.listenHost,
    port: config.grpcPort,
    implementations: [registryRoutes(registry, checker)],
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
    sweep.silentMs() < UNREACHABLE_MS ? { ok: true } : { ok: false, waitingFor: ['database'] };
  server.setServing(true);
  onStop('readiness', () => {
    readiness = () => ({ ok: false, waitingFor: ['the end of this process'] });
  });
  log.info(
    { kind: 'serving', grpc_port: server.port, admin_port: admin.port },
    `proxies are served on ${config.listenHost}:${server.port}`,
  );
}

function openRegistry(
  { config, clock, log }: Scope<typeof fields>,
  parts: Pick<Registry, 'database' | 'wakeRelay' | 'wakeSweep'>,
): Registry {
  return {
    ...parts,
    masterKeys: config.masterKey,
    clock,
    random: Math.random,
    log,
    settings: {
      privateAddresses: config.privateAddresses,
      proxyLimit: config.proxyLimit,
      capacity: config.capacity,
      policy: POLICIES[config.policy],
      whenDown: config.whenDown,
      allowDirect: config.allowDirect || config.localTelegramAddress !== undefined,
    },
    lookUp: async (name) => (await lookup(name, { all: true })).map(({ address }) => address),
  };
}

async function withDefaultProxy({ config }: Scope<typeof fields>, registry: Registry): Promise<Registry> {
  if (config.defaultProxy === undefined) return registry;
  const tenantId = config.operatorTenant ?? DEFAULT_OPERATOR_TENANT;
  const proxyId = await openDefaultProxy(registry, tenantId, config.defaultProxy);
  return { ...registry, settings: { ...registry.settings, defaultProxy: { tenantId, proxyId } } };
}
