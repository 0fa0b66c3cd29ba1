import { randomUUIDv7 } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import {
  addSessions,
  anySession,
  createTestPool,
  leaseRequest,
  type TestPool,
} from '../../../tests/support/pool.ts';
import { acquireLeases, type AcquireOutcome } from '../leases/acquire.ts';
import type { LeaseRequest } from '../leases/model.ts';
import { releaseLeases } from '../leases/release.ts';
import { createQueue, type Queue } from './queue.ts';

let pool: TestPool;
let queue: Queue;

beforeAll(async () => {
  pool = await createTestPool({ queueLimit: 5_000 });
  queue = createQueue(pool);
});
afterAll(() => pool.close());

beforeEach(async () => {
  // What the reaper does: a replica that does not stamp is served no more.
  await sql`update replicas set stamp_time = clock_timestamp() + interval '1 min'`.execute(
    pool.database.kysely,
  );
});

const never = new AbortController().signal;

function wait(request: LeaseRequest, waitMs = 20_000): Promise<AcquireOutcome> {
  return queue.enter(request, { waitMs, signal: never });
}

async function waiting(tenant: string, count: number): Promise<void> {
  await vi.waitFor(async () => {
    const { rows } = await sql`
      select from waiters where tenant_id = ${tenant}::uuid and granted is null`.execute(
      pool.database.kysely,
    );
    expect(rows).toHaveLength(count);
  });
}

async function takeAll(tenant: string, count: number): Promise<() => Promise<unknown>> {
  const outcomes = await acquireLeases(
    pool,
    Array.from({ length: count }, () => leaseRequest(tenant)),
  );
  const leases = outcomes.map((outcome) => {
    if (outcome.kind !== 'granted') throw new Error(outcome.kind);
    const { lease_id: leaseId, fencing_token: fencingToken } = outcome.lease;
    return { tenantId: tenant, leaseId, fencingToken };
  });
  return () => releaseLeases(pool, leases);
}

test('a repeat that finds its first still waiting, and room for both, gets the answer of the first', async () => {
  const tenant = randomUUIDv7();
  await addSessions(pool, tenant, 2);
  const releaseAll = await takeAll(tenant, 2);
  const replay = {
    principal: `${tenant}/key:test`,
    method: 'AcquireLease',
    requestId: 'once',
    bodyHash: Buffer.alloc(32, 1),
  };
  const first = wait(leaseRequest(tenant, { replay }));
  await waiting(tenant, 1);
  await releaseAll();
  const [repeat] = await acquireLeases(pool, [leaseRequest(tenant, { replay })]);
  await queue.tick();
  const outcome = await first;
  expect(new Set([repeat?.kind, outcome.kind])).toEqual(new Set(['granted', 'replayed']));
  const ids = [repeat, outcome].map((one) =>
    one?.kind === 'granted' ? one.lease.lease_id : one?.kind === 'replayed' ? one.lease.leaseId : '',
  );
  expect(ids[0]).toBe(ids[1]);
});

test('a waiter whose row was removed, because its replica stood still for long, waits on', async () => {
  const tenant = randomUUIDv7();
  await addSessions(pool, tenant, 1);
  const releaseAll = await takeAll(tenant, 1);
  const outcome = wait(leaseRequest(tenant));
  await waiting(tenant, 1);
  await sql`delete from waiters where tenant_id = ${tenant}::uuid`.execute(pool.database.kysely);
  await queue.tick();
  await waiting(tenant, 1);
  await releaseAll();
  await queue.tick();
  expect((await outcome).kind).toBe('granted');
});

test('a thousand waiters for what is not there do not hide the next from what is', async () => {
  const tenant = randomUUIDv7();
  const [free] = await addSessions(pool, tenant, 1);
  const releaseAll = await takeAll(tenant, 1);
  const nobody = JSON.stringify([null, null, [['no', 'such']], '']);
  await sql`
    insert into waiters (tenant_id, replica_id, selector_key, request)
    select ${tenant}::uuid, ${pool.replicaId}::uuid, ${nobody}, '{"subject":"s","holder":"h","ttlMs":5000}'::jsonb
    from generate_series(1, 1200)`.execute(pool.database.kysely);
  const outcome = wait(leaseRequest(tenant, { selector: { ...anySession, sessionId: free! } }));
  await waiting(tenant, 1_201);
  await releaseAll();
  await queue.tick();
  expect((await outcome).kind).toBe('granted');
  await sql`delete from waiters where tenant_id = ${tenant}::uuid`.execute(pool.database.kysely);
});

test('a fault behind a grant does not cost the waiter its lease', async () => {
  const tenant = randomUUIDv7();
  const [sessionId] = await addSessions(pool, tenant, 1);
  let faults = 0;
  const failing = createQueue({
    ...pool,
    wakeRelay() {
      faults += 1;
      throw new Error('a fault behind the grant');
    },
  });
  const outcome = failing.enter(leaseRequest(tenant), { waitMs: 20_000, signal: never });
  await vi.waitFor(() => expect(faults).toBe(1));
  await failing.tick();
  expect(await outcome).toMatchObject({ kind: 'granted', lease: { session_id: sessionId } });
});

test('a thousand who come at once are served and told in a few passes', async () => {
  const tenant = randomUUIDv7();
  await addSessions(pool, tenant, 1);
  const releaseAll = await takeAll(tenant, 1);
  const told = new Map<number, number>();
  const stop = new AbortController();
  const waiters = Array.from({ length: 1_000 }, (_, index) =>
    queue.enter(leaseRequest(tenant), {
      waitMs: 60_000,
      signal: stop.signal,
      onQueued: (position) => told.set(index, position),
    }),
  );
  await vi.waitFor(() => expect(new Set(told.values()).size).toBe(1_000), { timeout: 20_000 });
  await releaseAll();
  stop.abort();
  await Promise.all(waiters);
});
