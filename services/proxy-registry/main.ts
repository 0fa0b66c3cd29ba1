import { lookup } from 'node:dns/promises';
import { DEFAULT_OPERATOR_TENANT } from '#lib/auth/authenticate.ts';
import { AssignmentPolicy } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import { runProcess, type Scope } from '#lib/lifecycle/process.ts';
import { openService, serveService } from '#lib/service/service.ts';
import { readMeshTls } from '#lib/rpc/tls.ts';
import { createChecker } from './checks/checker.ts';
import { startSweep } from './checks/sweep.ts';
import { fields } from './config.ts';
import { openDefaultProxy } from './default-proxy.ts';
import { keepHouse } from '#lib/service/housekeeping.ts';
import { forgetHolds } from './egress/holds.ts';
import { observeRegistry } from './metrics.ts';
import type { Registry } from './registry.ts';
import { registryRoutes } from './routes.ts';
import { consumeSessions } from './sessions.ts';
import type { RegistryTables } from './tables.ts';
import { dataCenterToReach } from './telegram.ts';

const SCHEMA = 'proxy_registry';
const MIGRATIONS = new URL('./migrations', import.meta.url);

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
  fields,
  env: process.env,
  argv: process.argv.slice(2),
  main,
});

/** Opened in this order, closed in the reverse. */
async function main(scope: Scope<typeof fields>): Promise<void> {
  const { config, clock, log, onStop } = scope;
  const service = await openService<RegistryTables>(scope, {
    schema: SCHEMA,
    migrations: MIGRATIONS,
  });
  const { database, bus, wakeRelay } = service;

  const dataCenter = await dataCenterToReach(config.localTelegramAddress, {
    clock,
    log,
    timeoutMs: config.startTimeout,
    signal: scope.stopping,
    apiKey: config.operatorKey,
  });
  const bare = openRegistry(scope, {
    database,
    wakeRelay,
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
  onStop('housekeeping', keepHouse(registry, [(rows) => forgetHolds(registry, rows)]));
  onStop('registry metrics', observeRegistry(registry));
  const sessions = await consumeSessions(registry, bus);
  onStop('sessions', () => sessions.stop());

  await serveService(scope, service, {
    what: 'proxies',
    implementations: [registryRoutes(registry, checker)],
    source: { address: config.accountAuthAddress, tls: await readMeshTls(config) },
    ready: () => (sweep.silentMs() < UNREACHABLE_MS ? { ok: true } : { ok: false, waitingFor: ['database'] }),
  });
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
