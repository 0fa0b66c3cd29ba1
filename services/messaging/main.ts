import { randomUUIDv7 } from 'node:crypto';
import { hostname, networkInterfaces } from 'node:os';
import { DEFAULT_OPERATOR_TENANT } from '#lib/auth/authenticate.ts';
import { createMeshTokenSource, meshKeys } from '#lib/auth/mesh-token.ts';
import { runProcess, type Scope } from '#lib/lifecycle/process.ts';
import { openService, serveService } from '#lib/service/service.ts';
import { readMeshTls } from '#lib/rpc/tls.ts';
import { REAL_TELEGRAM, type TelegramEnvironment } from '#lib/telegram/environment.ts';
import { findTelegram } from '#lib/telegram/find-environment.ts';
import { openChats } from './chats.ts';
import { fields } from './config.ts';
import { tellingSends } from './deeds.ts';
import { PROCESS_PREFIX } from './connections/elsewhere.ts';
import { forwarding } from './connections/forward.ts';
import { Heartbeat } from './connections/heartbeat.ts';
import type { ListingParts } from './connections/listing.ts';
import { openConnections, type ConnectionSettings } from './connections/open.ts';
import { connectionRoutes } from './connections/routes.ts';
import { forgetTheDead } from './connections/store.ts';
import { recordCeiling } from './engaging/ceiling.ts';
import { keepHouse } from '#lib/service/housekeeping.ts';
import type { Messaging } from './messaging.ts';
import { messagingRoutes, type MessagingHandlers } from './routes.ts';
import type { MessagingTables } from './tables.ts';
import { openWatching } from './watching/open.ts';

const SCHEMA = 'messaging';
type Config = Scope<typeof fields>['config'];

const MIGRATIONS = new URL('./migrations', import.meta.url);

/** Where another machine would reach itself. */
const EVERY_INTERFACE: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

await runProcess({
  name: 'messaging',
  purpose: 'Sends, reads and watches messages through the connections that it holds.',
  fields,
  env: process.env,
  argv: process.argv.slice(2),
  main,
});

/** Opened in this order, closed in the reverse. */
async function main(scope: Scope<typeof fields>): Promise<void> {
  const { config, clock, log, version, onStop } = scope;
  const service = await openService<MessagingTables>(scope, {
    schema: SCHEMA,
    migrations: MIGRATIONS,
  });
  const { database, bus, wakeRelay } = service;

  const processId = `${PROCESS_PREFIX}${randomUUIDv7()}`;
  const heartbeat = new Heartbeat({ processId, database, clock, log });
  onStop('heartbeat', () => heartbeat.stop());
  const tls = await readMeshTls(config);
  const telegram = await whichTelegram(scope);
  const tokenFor = createMeshTokenSource(meshKeys(config.meshKey), scope.name, clock);
  const { watchLogEvents: mostEvents, watchLogKeep: keepMs } = config;
  const watching = openWatching({
    url: config.databaseUrl,
    database,
    bus,
    processId,
    clock,
    log,
    tokenFor,
    tls,
    wakeRelay,
    onStop,
    masterKeys: config.masterKey,
    sessionPoolAddresses: addressesOf(config),
    environment: telegram?.id ?? REAL_TELEGRAM,
    settings: { mostEvents, keepMs },
  });
  const { connections, peers, listing } = openConnections({
    processId,
    database,
    telegram,
    version,
    clock,
    random: Math.random,
    log,
    settings: settingsOf(config),
    tokenFor,
    tls,
    tagKey: config.meshKey[0]!,
    updatesSource: watching.updatesSource,
    wakeRelay,
    onStop,
  });
  const messaging: Messaging = {
    database,
    connections,
    processId,
    clock,
    random: Math.random,
    log,
    wakeRelay,
  };
  const chats = openChats(messaging, config);
  const watches = watching.routes(connections, (session, entities) => chats.book.teach(session, entities));
  await recordCeiling(
    database.kysely,
    { processId, environment: telegram?.id ?? REAL_TELEGRAM, ceiling: config.postCeiling },
    log,
  );
  onStop(
    'housekeeping',
    keepHouse(messaging, [
      (rows) => forgetTheDead(database, rows),
      watching.housekeeping,
      ...chats.housekeeping,
    ]),
  );

  await serveService(scope, service, {
    what: 'messages',
    implementations: [
      messagingRoutes(
        forwarding(
          { ...handlersOf(messaging, listing), ...tellingSends(log, chats.handlers), ...watches },
          { processId, peers, clock },
        ),
      ),
    ],
    source: { address: config.accountAuthAddress, tls },
    announce: (port) => heartbeat.start(addressOf(config, port)),
  });
}

/** Each capability's, under one name each. */
function handlersOf(messaging: Messaging, listing: ListingParts): Partial<MessagingHandlers> {
  return { ...connectionRoutes(messaging.connections, listing) };
}

/** Undefined where none is named: then no account can connect, and each call says so. */
function whichTelegram({
  config,
  clock,
  log,
  stopping,
}: Scope<typeof fields>): Promise<TelegramEnvironment | undefined> {
  return findTelegram(config, {
    apiKey: config.operatorKey,
    clock,
    log,
    timeoutMs: config.startTimeout,
    signal: stopping,
  });
}

function settingsOf(config: Config): ConnectionSettings {
  return {
    sessionPoolAddresses: addressesOf(config),
    proxyRegistryAddress: config.proxyRegistryAddress,
    allowDirect: config.allowDirect,
    idleLimitMs: config.idleLimit,
    mostSessions: config.mostSessions,
    shutdownGraceMs: config.shutdownGrace,
    operatorTenant: config.operatorTenant ?? DEFAULT_OPERATOR_TENANT,
  };
}

function addressOf({ advertisedAddress, listenHost }: Config, port: number): string {
  if (advertisedAddress !== undefined) return advertisedAddress;
  const host = EVERY_INTERFACE.has(listenHost) ? ownAddress() : listenHost;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The first that other machines may know; a container's own name is not known everywhere. */
function ownAddress(): string {
  const outward = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal);
  return outward?.address ?? hostname();
}

function addressesOf({ sessionPoolAddress }: Config): string[] {
  return sessionPoolAddress.split(',').map((address) => address.trim());
}
