import { randomUUIDv7 } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { fromBinary } from '@bufbuild/protobuf';
import { sql } from 'kysely';
import { pino } from 'pino';
import { EventSchema, type Event } from '#gen/telegate/events/v1/events_pb.ts';
import { AssignmentPolicy } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import { servicePrincipal, type Principal, type Scope } from '#lib/auth/principal.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { openDatabase } from '#lib/postgres/database.ts';
import { DomainError } from '#lib/rpc/errors.ts';
import type { CallContext } from '#lib/rpc/implement.ts';
import { createTestDatabase, expectNoLeaks } from '../../tests/support/postgres.ts';
import type { Registry, RegistrySettings } from './registry.ts';
import type { RegistryTables } from './tables.ts';

export interface TestRegistry extends Registry {
  readonly url: string;
  readonly woken: { relay: number; sweep: number };
  /** What names resolve to; a test adds its own. */
  readonly names: Map<string, readonly string[]>;
  readonly lookedUp: string[];
  /** The same registry with other settings. */
  with(settings: Partial<RegistrySettings>): TestRegistry;
  close(): Promise<void>;
}

const SCHEMA = 'proxy_registry';

/** A real database with the registry's tables; the relay and the sweep only count how often they are woken. */
export async function openTestRegistry(settings: Partial<RegistrySettings> = {}): Promise<TestRegistry> {
  const folder = fileURLToPath(new URL('migrations', import.meta.url));
  const { url, drop } = await createTestDatabase({ migrations: [{ schema: SCHEMA, folder }] });
  const log = pino({ level: 'silent' });
  const database = openDatabase<RegistryTables>({
    url,
    schema: SCHEMA,
    poolSize: 8,
    applicationName: 'test',
    log,
  });
  const woken = { relay: 0, sweep: 0 };
  const names = new Map<string, readonly string[]>();
  const lookedUp: string[] = [];
  const registry: TestRegistry = {
    url,
    woken,
    names,
    lookedUp,
    database,
    masterKeys: { current: 1, keys: new Map([[1, Buffer.alloc(32, 1)]]) },
    clock: systemClock,
    random: Math.random,
    log,
    settings: {
      privateAddresses: 'none',
      proxyLimit: 10_000,
      capacity: 10,
      policy: AssignmentPolicy.STICKY,
      whenDown: 'wait',
      allowDirect: false,
      ...settings,
    },
    lookUp(name) {
      lookedUp.push(name);
      return Promise.resolve(names.get(name) ?? []);
    },
    wakeRelay: () => void (woken.relay += 1),
    wakeSweep: () => void (woken.sweep += 1),
    with: (changes) => ({ ...registry, settings: { ...registry.settings, ...changes } }),
    async close() {
      await expectNoLeaks(database);
      await database.close();
      await drop();
    },
  };
  return registry;
}

export function callOf(tenantId: string, more: Partial<Principal> = {}): CallContext {
  const scopes: ReadonlySet<Scope> = new Set(['proxy:read', 'proxy:write']);
  return {
    principal: { tenantId, subject: 'key:test', role: 'user', scopes, homeTenantId: tenantId, ...more },
    signal: new AbortController().signal,
    deadline: Infinity,
    remainingMs: () => Infinity,
    traceId: '0'.repeat(32),
    metadata: { get: () => undefined, has: () => false },
    peer: 'test',
    onGoAway: () => () => undefined,
  };
}

export function meshCallOf(tenantId: string): CallContext {
  return callOf(tenantId, servicePrincipal('messaging', tenantId));
}

export async function refusal(call: Promise<unknown>): Promise<DomainError> {
  const error: unknown = await call.then(
    () => new Error('the call succeeded'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof DomainError) return error;
  throw error;
}

/** Proxies without passwords, for what never dials; answers their ids in order. */
export async function addProxies(
  registry: Registry,
  tenantId: string,
  count: number,
  more: { capacity?: number; labels?: Record<string, string>; country?: string; state?: number } = {},
): Promise<string[]> {
  const { capacity = 0, labels = {}, country = '', state = 2 } = more;
  const ids = Array.from({ length: count }, () => randomUUIDv7());
  await sql`
    with added as (
      insert into proxies (proxy_id, tenant_id, host, port, username, labels, country, capacity, pinned_address)
      select id, ${tenantId}::uuid, '198.41.0.4', 1080, id::text, ${JSON.stringify(labels)}::jsonb, ${country},
        ${capacity}::integer, '198.41.0.4'
      from unnest(${ids}::uuid[]) with ordinality as wanted (id, place) order by place
      returning proxy_id, tenant_id
    )
    insert into proxy_status (proxy_id, tenant_id, state, next_check_time)
    select proxy_id, tenant_id, ${state}, clock_timestamp() + interval '1 day' from added
  `.execute(registry.database.kysely);
  return ids;
}

export async function setState(registry: Registry, proxyId: string, state: number): Promise<void> {
  await sql`update proxy_status set state = ${state} where proxy_id = ${proxyId}::uuid`.execute(
    registry.database.kysely,
  );
}

/** What stands in the outbox, in the order it will be published. */
export async function readOutbox(registry: Registry): Promise<Event[]> {
  const { rows } = await sql<{ payload: Buffer }>`select payload from outbox order by position`.execute(
    registry.database.kysely,
  );
  return rows.map((row) => fromBinary(EventSchema, row.payload));
}

/** A proxy's count must be what the assignments say, whatever happened. */
export async function wrongCounts(registry: Registry): Promise<unknown[]> {
  const { rows } = await sql`
    select proxy_id, assigned_count, count(assignment_id)::integer as assigned
    from proxy_status left join assignments using (proxy_id)
    group by proxy_id, assigned_count
    having assigned_count <> count(assignment_id)`.execute(registry.database.kysely);
  return rows;
}
