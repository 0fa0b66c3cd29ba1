import { randomUUIDv7 } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { addSessions, createTestPool, leaseRequest, type TestPool } from '../../../tests/support/pool.ts';
import { openNoticeHub, type NoticeHub } from '../notices/hub.ts';
import { createQueue } from '../queue/queue.ts';
import { createLeasing, type Leasing } from './leasing.ts';

let pool: TestPool;
let hub: NoticeHub;
let leasing: Leasing;
beforeAll(async () => {
  pool = await createTestPool();
  const queue = createQueue(pool);
  const { url, database, replicaId, log } = pool;
  hub = openNoticeHub({ url, database, replicaId, log, onGranted: queue.fetchSoon });
  leasing = createLeasing(pool, queue, hub);
});
afterAll(async () => {
  await hub.close();
  await pool.close();
});

async function leasedBy(tenant: string): Promise<(string | null)[]> {
  const { rows } = await sql<{ holder: string | null }>`
    select holder from slots where tenant_id = ${tenant}::uuid`.execute(pool.database.kysely);
  return rows.map(({ holder }) => holder);
}

const gaveUp = { waitMs: 0, signal: AbortSignal.abort() };

test('a lease that comes for a caller who gave up is free again at once', async () => {
  const tenant = randomUUIDv7();
  await addSessions(pool, tenant, 1);
  await expect(leasing.acquire(leaseRequest(tenant), gaveUp)).rejects.toMatchObject({ name: 'Cancelled' });
  expect(await leasedBy(tenant)).toEqual([null]);
});

test('unless a repeat with its request_id may still ask for it', async () => {
  const tenant = randomUUIDv7();
  await addSessions(pool, tenant, 1);
  const replay = {
    principal: `${tenant}/key:test`,
    method: 'AcquireLease',
    requestId: 'once',
    bodyHash: Buffer.alloc(32, 1),
  };
  const lease = await leasing.acquire(leaseRequest(tenant, { replay }), gaveUp);
  expect(await leasedBy(tenant)).toEqual(['worker']);
  const again = await leasing.acquire(leaseRequest(tenant, { replay }), gaveUp);
  expect(again.leaseId).toBe(lease.leaseId);
});

test('a session whose row somebody has in hand for a moment is not refused', async () => {
  const tenant = randomUUIDv7();
  await addSessions(pool, tenant, 1);
  const tried = Promise.withResolvers<void>();
  const clock: typeof pool.clock = {
    ...pool.clock,
    setTimer(ms, fn) {
      tried.resolve();
      return pool.clock.setTimer(ms, fn);
    },
  };
  const watched = createLeasing({ ...pool, clock }, createQueue(pool), hub);
  const inHand = await pool.database.kysely.startTransaction().execute();
  await sql`select from slots where tenant_id = ${tenant}::uuid for update`.execute(inHand);
  const lease = watched.acquire(leaseRequest(tenant), { waitMs: 0, signal: new AbortController().signal });
  await tried.promise;
  await inHand.rollback().execute();
  await expect(lease).resolves.toMatchObject({ holder: 'worker' });
});

test('one that stays in hand is refused like one that is not free', async () => {
  const tenant = randomUUIDv7();
  await addSessions(pool, tenant, 1);
  const inHand = await pool.database.kysely.startTransaction().execute();
  await sql`select from slots where tenant_id = ${tenant}::uuid for update`.execute(inHand);
  const lease = leasing.acquire(leaseRequest(tenant), { waitMs: 0, signal: new AbortController().signal });
  await expect(lease).rejects.toMatchObject({ name: 'NoFreeSession' });
  await inHand.rollback().execute();
});
