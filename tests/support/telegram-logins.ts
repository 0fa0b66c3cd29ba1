import { randomUUIDv7 } from 'node:crypto';
import { fromBinary } from '@bufbuild/protobuf';
import { sql } from 'kysely';
import { EventSchema } from '#gen/telegate/events/v1/events_pb.ts';
import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { createMeshTokenSource, meshKeys } from '#lib/auth/mesh-token.ts';
import * as shared from '#lib/config/shared.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { openDatabase, type Database } from '#lib/postgres/database.ts';
import { connect } from '#lib/rpc/client.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import { withoutRegistry } from '../../services/account-auth/login/egress.ts';
import { createApplicationStop } from '../../services/account-auth/login/application-stop.ts';
import type { Logins, LoginSettings, StepLimits } from '../../services/account-auth/login/logins.ts';
import type { NewLogin } from '../../services/account-auth/login/store.ts';
import type { LoginRow } from '../../services/account-auth/login/tables.ts';
import type { AccountAuthTables } from '../../services/account-auth/tables.ts';
import { openTelegram } from '../../services/account-auth/telegram.ts';
import { environmentOf, quiet } from './driver.ts';
import { startTestTelegram, type TestTelegram } from './local-telegram.ts';
import { startPoolMesh, type PoolMesh } from './session-pool.ts';

/** Logins against a local Telegram and a real pool, without a process of their own: each replica can be thrown away. */
export interface LoginMesh {
  readonly telegram: TestTelegram;
  readonly pool: PoolMesh;
  replica(changes?: ReplicaChanges): Replica;
  /** The one that answers what the tests ask of the database. */
  readonly database: Database<AccountAuthTables>;
  row(loginId: string): Promise<LoginRow>;
  /** The payloads in the outbox of a tenant. */
  events(tenantId: string): Promise<string[]>;
  stop(): Promise<void>;
}

export interface ReplicaChanges {
  settings?: Partial<LoginSettings>;
  log?: Logger;
  adjust?(logins: Logins): Logins;
}

export interface Replica {
  readonly logins: Logins;
  close(): Promise<void>;
}

export const settings: LoginSettings = {
  ttlMs: 600_000,
  attempts: 3,
  codesPerPhone: 20,
  loginsPerTenant: 10_000,
  windowMs: 3_600_000,
  claimTtlMs: 15_000,
  exportDir: undefined,
};

export function limits(ms = 20_000): StepLimits {
  const until = performance.now() + ms;
  return { remainingMs: () => until - performance.now(), signal: new AbortController().signal };
}

export function loginWish(tenantId: string, phone: string, more: Partial<NewLogin> = {}): NewLogin {
  return {
    tenantId,
    subject: 'key:test',
    kind: phone === '' ? 'qr' : 'phone',
    phone,
    environment: 'local-test',
    proxyId: null,
    labels: {},
    name: '',
    requestId: null,
    bodyHash: null,
    ...more,
  };
}

export async function startLoginMesh(): Promise<LoginMesh> {
  const [telegram, pool] = await Promise.all([startTestTelegram(), startPoolMesh()]);
  const { environment } = pool;
  const keys = meshKeys(shared.meshKey.parse(environment['TELEGATE_MESH_KEY']));
  const tokenFor = createMeshTokenSource(keys, 'account-auth', systemClock);
  const masterKeys = shared.masterKey.parse(environment['TELEGATE_MASTER_KEY']);
  const open = (poolSize: number) =>
    openDatabase<AccountAuthTables>({
      url: pool.database.url,
      schema: 'account_auth',
      poolSize,
      applicationName: 'test',
      log: quiet,
    });
  const database = open(2);
  const sessionPool = connect(SessionPoolService, {
    address: pool.replicas[0]!.address,
    token: (caller) => tokenFor(caller!),
  });
  const replicas: Replica[] = [];
  return {
    telegram,
    pool,
    database,
    replica({ settings: changed = {}, log = quiet, adjust = (made: Logins) => made } = {}) {
      const closing: (() => Promise<void> | void)[] = [];
      const ownDatabase = open(8);
      const own: Logins = {
        database: ownDatabase,
        masterKeys,
        clock: systemClock,
        log,
        wakeRelay: () => undefined,
        settings: { ...settings, ...changed },
        telegram: openTelegram({
          environment: environmentOf(telegram.telegram),
          version: '0.0.0',
          clock: systemClock,
          log,
          random: Math.random,
          onStop: (_name, stop) => void closing.push(stop),
        }),
        egress: withoutRegistry({ allowDirect: true }),
        sessionPool,
        applicationStop: createApplicationStop({ clock: systemClock, log }),
      };
      const replica: Replica = {
        logins: adjust(own),
        async close() {
          for (const stop of closing.splice(0).toReversed()) await stop();
          await ownDatabase.close();
        },
      };
      replicas.push(replica);
      return replica;
    },
    async row(loginId) {
      const { rows } = await sql<LoginRow>`
        select * from telegram_logins where login_id = ${loginId}::uuid`.execute(database.kysely);
      return rows[0]!;
    },
    async events(tenantId) {
      const { rows } = await sql<{ payload: Buffer }>`
        select payload from outbox where tenant_id = ${tenantId}::uuid order by position`.execute(
        database.kysely,
      );
      return rows.map(({ payload }) => fromBinary(EventSchema, payload).payload.case!);
    },
    async stop() {
      await Promise.all(replicas.map((replica) => replica.close()));
      await database.close();
      sessionPool.close();
      await telegram.close();
      await pool.stop();
    },
  };
}

export const newTenant = (): string => randomUUIDv7();
