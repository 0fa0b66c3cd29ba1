import { fileURLToPath } from 'node:url';
import type { CredentialSource } from '#lib/auth/account-auth-client.ts';
import { openAuthenticator } from '#lib/auth/open.ts';
import { openBus, type EventBus } from '#lib/events/bus.ts';
import { startRelay } from '#lib/events/relay.ts';
import { openDatabase, type Database } from '#lib/postgres/database.ts';
import { waitForMigrations } from '#lib/postgres/migrate.ts';
import type { Implementation } from '#lib/rpc/implement.ts';
import { serve, type ServeOptions } from '#lib/rpc/server.ts';
import { readTls } from '#lib/rpc/tls.ts';
import type { Readiness } from '#lib/telemetry/admin.ts';
import type { ClientTls } from '#lib/rpc/client.ts';
import { openAdminPort, type AdminPort, type ScopeWith } from './admin-port.ts';

/** The part of a service's configuration that every service has. */
export interface ServiceConfig {
  databaseUrl: string;
  databasePoolSize: number;
  natsUrl: string | undefined;
  grpcPort: number;
  adminPort: number;
  listenHost: string;
  meshKey: readonly Uint8Array[];
  operatorKey: string;
  operatorTenant: string | undefined;
  shutdownGrace: number;
  startTimeout: number;
  tlsCertFile: string | undefined;
  tlsKeyFile: string | undefined;
  tlsClientCaFile: string | undefined;
  reflection: ServeOptions['reflection'];
}

export type ServiceScope = ScopeWith<ServiceConfig>;

export interface ServiceOptions {
  /** Of its tables and its outbox. */
  schema: string;
  /** The folder of its migrations, which somebody else applies: they are waited for. */
  migrations: URL;
  idleInTransactionTimeoutMs?: number;
}

/** What every service stands on. */
export interface Service<Tables> {
  readonly admin: AdminPort;
  readonly database: Database<Tables>;
  readonly bus: EventBus;
  /** After a commit that appended events. */
  readonly wakeRelay: () => void;
}

/** Opens, in this order: telemetry, the admin port, the database once it is migrated, events. Closes in the reverse. */
export async function openService<Tables>(
  scope: ServiceScope,
  { schema, migrations, idleInTransactionTimeoutMs }: ServiceOptions,
): Promise<Service<Tables>> {
  const { name, config, clock, log, onStop } = scope;
  const { databaseUrl: url } = config;
  const admin = await openAdminPort(scope, ['database', 'migrations']);
  await waitForMigrations({
    url,
    schema,
    folder: fileURLToPath(migrations),
    timeoutMs: config.startTimeout,
    log,
    clock,
    signal: scope.stopping,
  });
  const database = openDatabase<Tables>({
    url,
    schema,
    poolSize: config.databasePoolSize,
    applicationName: `telegate ${name}`,
    ...(idleInTransactionTimeoutMs === undefined ? {} : { idleInTransactionTimeoutMs }),
    log,
  });
  onStop('database', () => database.close());
  const bus = await openBus({ natsUrl: config.natsUrl, databaseUrl: url, log });
  onStop('events', () => bus.close());
  const relay = startRelay({ url, schema, bus, log, clock });
  onStop('relay', () => relay.stop());
  return { admin, database, bus, wakeRelay: () => relay.wake() };
}

export interface ServingOptions {
  /** For people: "leases" are served. */
  what: string;
  implementations: readonly Implementation[];
  /** Where callers are known: account-auth, for everybody but itself. */
  source: CredentialSource | { address: string; tls: ClientTls | undefined };
  /** What must be so besides that it has started. */
  ready?: () => Readiness;
  /** Between the port's opening and the first call that is sent here. */
  announce?: (port: number) => Promise<void>;
}

/** The last that a service opens, and the first that it closes: who calls is known, the port is open. */
export async function serveService(
  scope: ServiceScope,
  { admin, bus }: Pick<Service<unknown>, 'admin' | 'bus'>,
  { what, implementations, source, ready = () => ({ ok: true }), announce }: ServingOptions,
): Promise<void> {
  const { name, config, clock, log, onStop } = scope;
  const server = await serve({
    host: config.listenHost,
    port: config.grpcPort,
    implementations,
    authenticate: await openAuthenticator({ service: name, config, source, bus, clock, log, onStop }),
    tls: await readTls(config),
    reflection: config.reflection,
    log,
    clock,
  });
  onStop('gRPC server', () => server.drain(config.shutdownGrace), config.shutdownGrace + 5_000);
  await announce?.(server.port);
  server.setServing(true);
  admin.readyWhen(ready);
  log.info(
    { event: 'serving', grpc_port: server.port, admin_port: admin.port },
    `${what} are served on ${config.listenHost}:${server.port}`,
  );
}
