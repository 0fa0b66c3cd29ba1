import { randomBytes, randomUUIDv7 } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { findFreePort } from '#lib/lifecycle/free-port.ts';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { openBus, type EventBus } from '#lib/events/bus.ts';
import { migrate } from '#lib/postgres/migrate.ts';
import { neededSchemas } from '../../../deploy/schemas.ts';
import { natsMissing, startNats, type NatsServer } from '../../support/nats.ts';
import { startPostgres, type PostgresServer } from './postgres.ts';
import { startProxy, type Proxy } from './proxy.ts';
import { defineReplica, type Replica } from './replica.ts';
import { replicaName } from '../history.ts';
import { addSessions, installWitness } from './truth.ts';

/** The same system that a fleet runs, on this machine: one database, one broker, two replicas. */
export interface Cluster {
  readonly events: 'nats' | 'postgresql';
  readonly postgres: PostgresServer;
  /** None when the events run on PostgreSQL. */
  readonly nats: NatsServer | undefined;
  readonly replicas: readonly Replica[];
  /** What clients see of each replica. */
  readonly clientProxies: readonly Proxy[];
  /** What each replica sees of the database. */
  readonly databaseProxies: readonly Proxy[];
  readonly meshKey: string;
  /** What every process of the mesh has in its environment, its database past all proxies. */
  readonly environment: NodeJS.ProcessEnv;
  readonly tenants: Tenants;
  /** A bus of the suite's own, past all proxies. */
  openBus(): Promise<EventBus>;
  stop(): Promise<void>;
}

/** Each has its own sessions and its own kind of traffic. */
export interface Tenants {
  /** Holders over HoldLease, unary clients and processes that open sockets. */
  readonly held: string;
  /** Few sessions and many who wait. */
  readonly queued: string;
  /** Workers with many leases each. */
  readonly managed: string;
  /** Paced pairs of acquire and release. */
  readonly paced: string;
}

const SESSIONS: Record<keyof Tenants, number> = { held: 32, queued: 4, managed: 80, paced: 120 };
const SESSION_POOL = fileURLToPath(new URL('../../../services/session-pool/main.ts', import.meta.url));

export interface ClusterOptions {
  folder: string;
  history: string;
  events: 'nats' | 'postgres' | undefined;
  /** Runs in place of session-pool's own main.ts. */
  entry?: string;
  control?: string;
}

export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { folder, history, entry = SESSION_POOL } = options;
  const log = pino({ level: 'silent' });
  mkdirSync(folder, { recursive: true });
  const opened: (() => Promise<void>)[] = [];
  const closeAll = async (): Promise<void> => {
    for (const close of opened.splice(0).toReversed()) await close();
  };
  try {
    const postgres = await startPostgres(join(folder, 'postgres'));
    opened.push(() => postgres.shutDown());
    const wantsNats = options.events === undefined ? natsMissing === undefined : options.events === 'nats';
    const nats = wantsNats ? await startNats() : undefined;
    if (nats) opened.push(() => nats.stop());
    for (const { schema, folder: migrations } of neededSchemas({ natsUrl: nats?.url }))
      await migrate({ url: postgres.url, schema, folder: migrations, log });
    await installWitness(postgres.url);
    const tenants: Tenants = {
      held: randomUUIDv7(),
      queued: randomUUIDv7(),
      managed: randomUUIDv7(),
      paced: randomUUIDv7(),
    };
    for (const [name, count] of Object.entries(SESSIONS))
      await addSessions(postgres.url, tenants[name as keyof Tenants], count);

    const meshKey = randomBytes(32).toString('base64');
    const operatorKey = `tgop_${randomBytes(24).toString('base64url')}`;
    const masterKey = `1:${randomBytes(32).toString('base64')}`;
    const environment: NodeJS.ProcessEnv = {
      PATH: process.env['PATH'],
      DATABASE_URL: postgres.url,
      ...(nats === undefined ? {} : { NATS_URL: nats.url }),
      TELEGATE_MESH_KEY: meshKey,
      TELEGATE_MASTER_KEY: masterKey,
      TELEGATE_OPERATOR_KEY: operatorKey,
      ADMIN_PORT: '0',
      ...(options.control === undefined ? {} : { ROBUSTNESS_CONTROL: options.control }),
      SHUTDOWN_GRACE: '2s',
    };
    const clientProxies: Proxy[] = [];
    const databaseProxies: Proxy[] = [];
    const replicas: Replica[] = [];
    for (const index of [0, 1]) {
      const databaseProxy = await startProxy({ host: '127.0.0.1', port: postgres.port });
      const grpcPort = await findFreePort();
      const clientProxy = await startProxy({ host: '127.0.0.1', port: grpcPort });
      const replica = defineReplica({
        name: replicaName(index),
        folder,
        history,
        entry,
        env: {
          ...environment,
          DATABASE_URL: onPort(postgres.url, databaseProxy.port),
          GRPC_PORT: String(grpcPort),
        },
      });
      opened.push(
        () => databaseProxy.close(),
        () => clientProxy.close(),
        () => replica.stop(),
      );
      databaseProxies.push(databaseProxy);
      clientProxies.push(clientProxy);
      replicas.push(replica);
    }
    await Promise.all(replicas.map((replica) => replica.start()));
    return {
      events: nats ? 'nats' : 'postgresql',
      postgres,
      nats,
      replicas,
      clientProxies,
      databaseProxies,
      meshKey,
      environment,
      tenants,
      openBus: () => openBus({ natsUrl: nats?.url, databaseUrl: postgres.url, log }),
      stop: closeAll,
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

export function onPort(url: string, port: number): string {
  const changed = new URL(url);
  changed.port = String(port);
  return changed.href;
}
