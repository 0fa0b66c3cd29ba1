import { randomBytes, randomUUIDv7 } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { sql } from 'kysely';
import { pino } from 'pino';
import { fromBinary } from '@bufbuild/protobuf';
import { EventSchema, type Event } from '#gen/telegate/events/v1/events_pb.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { openDatabase } from '#lib/postgres/database.ts';
import type { LeaseRequest, Selector } from '../../services/session-pool/leases/model.ts';
import type { Pool, PoolSettings } from '../../services/session-pool/pool.ts';
import type { PoolTables } from '../../services/session-pool/tables.ts';
import { createTestDatabase, expectNoLeaks } from './postgres.ts';

export const silent = pino({ level: 'silent' });

export const anySession: Selector = { sessionId: null, name: null, labels: {}, forMethod: '' };

export interface TestPool extends Pool {
  readonly url: string;
  /** Tenants whose queue was woken, in order. */
  readonly woken: string[];
  close(): Promise<void>;
}

/** A pool on a database of its own: everything real but the relay and the queue, which only note that they were woken. */
export async function createTestPool(settings: Partial<PoolSettings> = {}): Promise<TestPool> {
  const folder = fileURLToPath(new URL('../../services/session-pool/migrations', import.meta.url));
  const { url, drop } = await createTestDatabase({ migrations: [{ schema: 'session_pool', folder }] });
  const database = openDatabase<PoolTables>({
    url,
    schema: 'session_pool',
    poolSize: 12,
    applicationName: 'test',
    log: silent,
  });
  const woken: string[] = [];
  const replicaId = randomUUIDv7();
  await sql`insert into replicas (replica_id) values (${replicaId}::uuid)`.execute(database.kysely);
  return {
    url,
    database,
    masterKeys: { current: 1, keys: new Map([[1, randomBytes(32)]]) },
    clock: systemClock,
    log: silent,
    settings: { quarantineMs: 120_000, queueLimit: 1_000, shutdownGraceMs: 10_000, ...settings },
    replicaId,
    woken,
    wakeRelay: () => undefined,
    wakeQueue: (tenantIds) => woken.push(...tenantIds),
    async close() {
      await expectNoLeaks(database);
      await database.close();
      await drop();
    },
  };
}

/** Sessions without keys, for what never looks at a key; answers their ids in order. */
export async function addSessions(
  pool: Pool,
  tenantId: string,
  count: number,
  options: { labels?: Record<string, string>; prefix?: string } = {},
): Promise<bigint[]> {
  const { labels = {}, prefix = `s${randomBytes(3).toString('hex')}-` } = options;
  const { rows } = await sql<{ session_id: bigint }>`
    with added as (
      insert into sessions (tenant_id, name, environment, labels, data_center, source, fingerprint)
      select ${tenantId}::uuid, ${prefix} || number, 'local', ${JSON.stringify(labels)}::jsonb, 2, 'import',
        sha256(convert_to(${randomUUIDv7()} || number, 'utf8'))
      from generate_series(1, ${count}) as number
      returning session_id, tenant_id
    )
    insert into slots (session_id, tenant_id) select session_id, tenant_id from added order by session_id
    returning session_id`.execute(pool.database.kysely);
  return rows.map((row) => row.session_id);
}

export function leaseRequest(tenantId: string, changes: Partial<LeaseRequest> = {}): LeaseRequest {
  return {
    tenantId,
    subject: 'key:test',
    holder: 'worker',
    ttlMs: 30_000,
    selector: anySession,
    ...changes,
  };
}

/** What stands in the outbox, in the order it will be published. */
export async function readOutbox(pool: Pool): Promise<Event[]> {
  const { rows } = await sql<{ payload: Buffer }>`select payload from outbox order by position`.execute(
    pool.database.kysely,
  );
  return rows.map((row) => fromBinary(EventSchema, row.payload));
}
