import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SessionState } from '#gen/telegate/session_pool/v1/session_pb.ts';
import { selectorKey, type Selector } from '../leases/model.ts';
import { sessionCalls } from '../sessions/test-calls.ts';
import {
  callOf,
  claim,
  lease,
  newTenant,
  openTestPool,
  QUARANTINE_MS,
  type TestPool,
} from '../sessions/test-pool.ts';
import { countSessions, readStatuses } from './store.ts';

let pool: TestPool;
let calls: ReturnType<typeof sessionCalls>;

beforeAll(async () => {
  pool = await openTestPool();
  calls = sessionCalls(pool);
});

afterAll(() => pool.close());

const any: Selector = { sessionId: null, name: null, labels: {}, forMethod: '' };

async function setSlot(sessionId: bigint, column: string, fromNowMs: number): Promise<void> {
  await sql`
    update slots set ${sql.ref(column)} = clock_timestamp() + ${fromNowMs} * interval '1 ms'
    where session_id = ${sessionId}`.execute(pool.database.kysely);
}

async function wait(sessionId: bigint, method: string, peer: string, fromNowMs: number): Promise<void> {
  await sql`
    insert into flood_waits values
      (${sessionId}, ${method}, ${peer}, clock_timestamp() + ${fromNowMs} * interval '1 ms')`.execute(
    pool.database.kysely,
  );
}

/** One session in each state; the labels say which. */
async function bringInOneOfEach(tenant: string): Promise<Map<string, bigint>> {
  const ctx = callOf(tenant);
  const ids = new Map<string, bigint>();
  for (const state of [
    'free',
    'leased',
    'closing',
    'quarantined',
    'waits',
    'invalid',
    'login',
    'frozen',
    'banned',
  ])
    ids.set(state, (await calls.bringIn(ctx, { name: state, labels: { state } })).sessionId);
  await lease(pool, ids.get('leased')!, { ttlMs: 60_000 });
  await claim(pool, ids.get('closing')!, 5_000);
  await setSlot(ids.get('quarantined')!, 'quarantine_end_time', 90_000);
  await setSlot(ids.get('waits')!, 'wait_end_time', 30_000);
  await calls.invalidate(ctx, ids.get('invalid')!);
  await calls.invalidate(ctx, ids.get('login')!, { condition: SessionState.NEEDS_LOGIN });
  await calls.invalidate(ctx, ids.get('frozen')!, { condition: SessionState.FROZEN });
  await calls.invalidate(ctx, ids.get('banned')!, { condition: SessionState.BANNED });
  return ids;
}

test('each session counts once, each tenant by itself, in the order asked for', async () => {
  const [full, empty, other] = [newTenant(), newTenant(), newTenant()];
  await bringInOneOfEach(full);
  await calls.bringIn(callOf(other));
  await sql`
    insert into waiters (tenant_id, replica_id, selector_key, request, granted) values
      (${full}::uuid, ${pool.replicaId}::uuid, ${selectorKey(any)}, '{}', null),
      (${full}::uuid, ${pool.replicaId}::uuid, ${selectorKey(any)}, '{}', '{}')`.execute(
    pool.database.kysely,
  );
  const rows = await readStatuses(pool.database.kysely, [other, full, empty], QUARANTINE_MS);
  expect(rows.map(({ tenant_id }) => tenant_id)).toEqual([other, full, empty]);
  expect(rows.map(({ total }) => total)).toEqual([1, 9, 0]);
  const [, status] = rows;
  expect(status).toMatchObject({
    free: 1,
    leased: 1,
    closing: 1,
    quarantined: 1,
    flood_wait: 1,
    invalid: 1,
    needs_login: 1,
    frozen: 1,
    banned: 1,
    waiting: 1,
  });
  const fromNow = (date: Date | null) => (date!.getTime() - status!.at.getTime()) / 1_000;
  expect(fromNow(status!.next_available_time)).toBeGreaterThan(0);
  expect(fromNow(status!.next_available_time)).toBeLessThanOrEqual(5);
  expect(fromNow(status!.next_flood_wait_end_time)).toBeGreaterThan(5);
  expect(fromNow(status!.next_flood_wait_end_time)).toBeLessThanOrEqual(30);
  expect(rows[2]).toMatchObject({
    free: 0,
    waiting: 0,
    next_available_time: null,
    next_flood_wait_end_time: null,
  });
});

test('counts of what fits a selector, and when the nearest is free', async () => {
  const tenant = newTenant();
  const ids = await bringInOneOfEach(tenant);
  const count = (selector: Partial<Selector>, of = tenant) =>
    countSessions(pool.database.kysely, of, { ...any, ...selector }, { quarantineMs: QUARANTINE_MS });
  const counts = {
    total: 9,
    free: 1,
    leased: 1,
    flood_wait: 1,
    quarantined: 1,
    closing: 1,
    unusable: 4,
  };
  expect(await count({})).toEqual({ counts, availableInMs: 0 });
  expect((await count({}, newTenant())).counts.total).toBe(0);
  expect(await count({ labels: { state: 'none' } })).not.toHaveProperty('availableInMs');

  const leased = await count({ name: 'leased' });
  expect(leased.counts).toMatchObject({ total: 1, leased: 1, free: 0 });
  expect(leased.availableInMs).toBeGreaterThan(50_000);
  expect(leased.availableInMs).toBeLessThanOrEqual(60_000);
  const banned = await count({ sessionId: ids.get('banned')! });
  expect(banned.counts).toMatchObject({ total: 1, unusable: 1 });
  expect(banned).not.toHaveProperty('availableInMs');
  expect((await count({ sessionId: ids.get('banned')!, labels: { state: 'free' } })).counts.total).toBe(0);
});

test('a wait for the method wanted counts; for another, for a peer, or one that is over does not', async () => {
  const tenant = newTenant();
  const { sessionId } = await calls.bringIn(callOf(tenant));
  await wait(sessionId, 'messages.sendMessage', '', 40_000);
  await wait(sessionId, 'messages.search', 'user:1', 40_000);
  await wait(sessionId, 'messages.forward', '', -1);
  const count = (forMethod: string) => countSessions(pool.database.kysely, tenant, { ...any, forMethod });
  for (const method of ['', 'messages.search', 'messages.forward', 'messages.other'])
    expect(await count(method)).toMatchObject({ counts: { free: 1, flood_wait: 0 }, availableInMs: 0 });
  const blocked = await count('messages.sendMessage');
  expect(blocked.counts).toMatchObject({ total: 1, free: 0, flood_wait: 1 });
  expect(blocked.availableInMs).toBeGreaterThan(30_000);
  await lease(pool, sessionId, { ttlMs: 5_000 });
  const leased = await count('messages.sendMessage');
  expect(leased.counts).toMatchObject({ leased: 1, flood_wait: 0 });
  expect(leased.availableInMs).toBeGreaterThan(30_000);
});
