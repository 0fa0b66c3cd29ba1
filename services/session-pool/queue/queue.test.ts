import { randomUUIDv7 } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import {
  addSessions,
  anySession,
  createTestPool,
  leaseRequest,
  type TestPool,
} from '../../../tests/support/pool.ts';
import { acquireLeases, type AcquireOutcome } from '../leases/acquire.ts';
import { releaseLeases } from '../leases/release.ts';
import type { GrantedLease, LeaseRequest } from '../leases/model.ts';
import { openNoticeHub, type NoticeHub } from '../notices/hub.ts';
import type { Pool } from '../pool.ts';
import { createQueue, type Queue } from './queue.ts';

/** Two replicas of the service on one database, as their callers see them. */
interface Replica {
  pool: Pool;
  queue: Queue;
  hub: NoticeHub;
}

let base: TestPool;
let here: Replica;
let there: Replica;

beforeAll(async () => {
  base = await createTestPool({ queueLimit: 20 });
  here = await startReplica();
  there = await startReplica();
});

afterAll(async () => {
  await here.hub.close();
  await there.hub.close();
  await base.close();
});

async function startReplica(): Promise<Replica> {
  const pool: Pool = {
    ...base,
    replicaId: randomUUIDv7(),
    wakeQueue: (tenants) => queue.wake(tenants),
  };
  await sql`insert into replicas (replica_id) values (${pool.replicaId}::uuid)`.execute(base.database.kysely);
  const queue = createQueue(pool);
  const hub = openNoticeHub({
    url: base.url,
    database: base.database,
    replicaId: pool.replicaId,
    log: base.log,
    onGranted: queue.fetchSoon,
  });
  return { pool, queue, hub };
}

function wait(
  replica: Replica,
  request: LeaseRequest,
  options: { waitMs?: number; signal?: AbortSignal; onQueued?: (position: number) => void } = {},
): Promise<AcquireOutcome> {
  const { waitMs = 20_000, signal = new AbortController().signal, onQueued } = options;
  return replica.queue.enter(request, { waitMs, signal, onQueued });
}

async function queued(tenant: string, count: number): Promise<void> {
  await vi.waitFor(async () => {
    const { rows } = await sql`select from waiters where tenant_id = ${tenant}::uuid`.execute(
      base.database.kysely,
    );
    expect(rows).toHaveLength(count);
  });
}

async function take(tenant: string, changes: Partial<LeaseRequest> = {}): Promise<GrantedLease> {
  const [outcome] = await acquireLeases(here.pool, [leaseRequest(tenant, changes)]);
  return leaseOf(outcome!);
}

function leaseOf(outcome: AcquireOutcome): GrantedLease {
  if (outcome.kind !== 'granted') throw new Error(`not granted: ${outcome.kind}`);
  return outcome.lease;
}

function release(replica: Replica, { tenant_id, lease_id, fencing_token }: GrantedLease) {
  return releaseLeases(replica.pool, [
    { tenantId: tenant_id, leaseId: lease_id, fencingToken: fencing_token },
  ]);
}

test('first in, first out across replicas', async () => {
  const tenant = randomUUIDv7();
  await addSessions(base, tenant, 1);
  let lease = await take(tenant);
  const order: string[] = [];
  const waiting: Promise<void>[] = [];
  for (const [index, replica] of [here, there, there, here].entries()) {
    const holder = `waiter ${index}`;
    const granted = wait(replica, leaseRequest(tenant, { holder })).then((outcome) => {
      lease = leaseOf(outcome);
      order.push(lease.holder);
    });
    waiting.push(granted);
    await queued(tenant, index + 1);
  }
  for (let turn = 1; turn <= 4; turn += 1) {
    await release(turn % 2 ? there : here, lease);
    await vi.waitFor(() => expect(order).toHaveLength(turn));
  }
  await Promise.all(waiting);
  expect(order).toEqual(['waiter 0', 'waiter 1', 'waiter 2', 'waiter 3']);
});

test('nobody who did not wait gets what a waiter wants, and everybody gets what no waiter wants', async () => {
  const tenant = randomUUIDv7();
  const [plain] = await addSessions(base, tenant, 1);
  const [red] = await addSessions(base, tenant, 1, { labels: { colour: 'red' } });
  const onRed = await take(tenant, { selector: { ...anySession, sessionId: red! } });
  const redOnly = { ...anySession, labels: { colour: 'red' } };
  const waiter = wait(here, leaseRequest(tenant, { selector: redOnly }));
  await queued(tenant, 1);
  // The other session fits no waiter: it is passed on.
  const passing = await take(tenant);
  expect(passing.session_id).toBe(plain);
  // Freed behind the queue's back, as time would do it: the next who asks serves the waiter first.
  await sql`update slots set lease_id = null where session_id = ${red}`.execute(base.database.kysely);
  const [outcome] = await acquireLeases(there.pool, [leaseRequest(tenant, { selector: redOnly })]);
  expect(outcome).toEqual({ kind: 'none_free' });
  expect(leaseOf(await waiter).session_id).toBe(onRed.session_id);
});

test('a waiter whose selector fits nothing free is passed over', async () => {
  const tenant = randomUUIDv7();
  const [only] = await addSessions(base, tenant, 1);
  const lease = await take(tenant);
  const impossible = new AbortController();
  const first = wait(here, leaseRequest(tenant, { selector: { ...anySession, labels: { none: 'such' } } }), {
    signal: impossible.signal,
  });
  await queued(tenant, 1);
  const second = wait(there, leaseRequest(tenant));
  await queued(tenant, 2);
  await release(here, lease);
  expect(leaseOf(await second).session_id).toBe(only);
  impossible.abort();
  expect(await first).toEqual({ kind: 'none_free' });
  await queued(tenant, 0);
});

test('positions count earlier waiters with the same selector, and are told when they change', async () => {
  const tenant = randomUUIDv7();
  await addSessions(base, tenant, 1);
  const lease = await take(tenant);
  const told: number[][] = [[], []];
  const waiters: Promise<AcquireOutcome>[] = [];
  for (const index of [0, 1]) {
    waiters.push(wait(here, leaseRequest(tenant), { onQueued: (position) => told[index]!.push(position) }));
    await queued(tenant, index + 1);
  }
  await vi.waitFor(() => expect(told).toEqual([[1], [2]]));
  await release(here, lease);
  const first = leaseOf(await Promise.race(waiters));
  await here.queue.tick();
  expect(told).toEqual([[1], [2, 1]]);
  await release(here, first);
  await Promise.all(waiters);
});

test('is bounded', async () => {
  const tenant = randomUUIDv7();
  await addSessions(base, tenant, 1);
  await take(tenant);
  const stop = new AbortController();
  const waiters = Array.from({ length: 20 }, () => wait(here, leaseRequest(tenant), { signal: stop.signal }));
  await queued(tenant, 20);
  await expect(wait(there, leaseRequest(tenant))).rejects.toMatchObject({
    name: 'QueueFull',
    metadata: { limit: '20' },
  });
  stop.abort();
  expect(new Set((await Promise.all(waiters)).map(({ kind }) => kind))).toEqual(new Set(['none_free']));
  await queued(tenant, 0);
});

test('what came for a caller that is gone is given back', async () => {
  const tenant = randomUUIDv7();
  await addSessions(base, tenant, 1);
  const lease = await take(tenant);
  const gone = new AbortController();
  const waiter = wait(here, leaseRequest(tenant), { signal: gone.signal });
  await queued(tenant, 1);
  await Promise.all([release(there, lease), Promise.resolve().then(() => gone.abort())]);
  await waiter;
  await vi.waitFor(async () => expect((await take(tenant)).session_id).toBe(lease.session_id));
});

test('the waiters of a dead replica are not served', async () => {
  const tenant = randomUUIDv7();
  await addSessions(base, tenant, 1);
  const lease = await take(tenant);
  const dead = randomUUIDv7();
  await sql`
    insert into replicas (replica_id, stamp_time) values (${dead}::uuid, clock_timestamp() - interval '1 min')
  `.execute(base.database.kysely);
  await sql`
    insert into waiters (tenant_id, replica_id, selector_key, request)
    values (${tenant}::uuid, ${dead}::uuid, '[null,null,[],""]',
      '{"subject":"key:dead","holder":"dead","ttlMs":30000}')`.execute(base.database.kysely);
  const living = wait(here, leaseRequest(tenant, { holder: 'living' }));
  await queued(tenant, 2);
  await release(there, lease);
  expect(leaseOf(await living).holder).toBe('living');
});

test('a repeat that waits with its first is one lease', async () => {
  const tenant = randomUUIDv7();
  await addSessions(base, tenant, 2);
  const leases = [await take(tenant), await take(tenant)];
  const replay = {
    principal: `${tenant}/key:test`,
    method: 'AcquireLease',
    requestId: 'one',
    bodyHash: Buffer.from('body'),
  };
  const twice = [here, there].map((replica) => wait(replica, leaseRequest(tenant, { replay })));
  await queued(tenant, 2);
  for (const lease of leases) await release(here, lease);
  const ids = (await Promise.all(twice)).map((outcome) =>
    outcome.kind === 'replayed' ? outcome.lease.leaseId : leaseOf(outcome).lease_id,
  );
  expect(ids[0]).toBe(ids[1]);
});
