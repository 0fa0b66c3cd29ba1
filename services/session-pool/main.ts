import { randomUUIDv7 } from 'node:crypto';
import { resolve } from 'node:path';
import { DEFAULT_OPERATOR_TENANT } from '#lib/auth/authenticate.ts';
import { runProcess, type Scope } from '#lib/lifecycle/process.ts';
import { openService, serveService } from '#lib/service/service.ts';
import { readMeshTls } from '#lib/rpc/tls.ts';
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
const MIGRATIONS = new URL('./migrations', import.meta.url);

await runProcess({
  name: 'session-pool',
  purpose: 'Leases Telegram sessions, one holder at a time.',
  fields,
  env: process.env,
  argv: process.argv.slice(2),
  main,
});

/** Opened in this order, closed in the reverse. */
async function main(scope: Scope<typeof fields>): Promise<void> {
  const { config, clock, log, onStop } = scope;
  const service = await openService<PoolTables>(scope, {
    schema: SCHEMA,
    migrations: MIGRATIONS,
    idleInTransactionTimeoutMs: IDLE_IN_TRANSACTION_MS,
  });
  const { database, wakeRelay } = service;

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
    wakeRelay,
    wakeQueue: (tenantIds) => queue.wake(tenantIds),
  };
  const queue = createQueue(pool);
  const hub = openNoticeHub({
    url: config.databaseUrl,
    database,
    replicaId: pool.replicaId,
    log,
    onGranted: queue.fetchSoon,
  });
  onStop('notices', () => hub.close());
  const reaper = startReaper(pool, queue);
  onStop('reaper', () => reaper.stop());
  onStop('pool metrics', observePool(pool, queue));

  const sync = startSync(scope, pool);

  await serveService(scope, service, {
    what: 'leases',
    implementations: [poolRoutes({ pool, leasing: createLeasing(pool, queue, hub), hub, sync, onStop })],
    source: { address: config.accountAuthAddress, tls: await readMeshTls(config) },
    ready: () =>
      reaper.silentMs() < UNREACHABLE_MS ? { ok: true } : { ok: false, waitingFor: ['database'] },
  });
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
