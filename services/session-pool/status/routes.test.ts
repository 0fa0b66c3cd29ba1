import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { sql } from 'kysely';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import type { PoolStatus } from '#gen/telegate/session_pool/v1/session_pb.ts';
import {
  GetPoolStatusRequestSchema,
  WatchPoolRequestSchema,
  type WatchPoolResponseSchema,
} from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import type { OutStream } from '#lib/rpc/streams.ts';
import { fieldsOf, reasonOf, sessionCalls } from '../sessions/test-calls.ts';
import { callOf, lease, newTenant, openTestPool, type TestPool } from '../sessions/test-pool.ts';
import { statusRoutes, type StatusHandlers } from './routes.ts';

let pool: TestPool;
let routes: StatusHandlers;
let calls: ReturnType<typeof sessionCalls>;
const stops: (() => void)[] = [];

beforeAll(async () => {
  pool = await openTestPool();
  routes = statusRoutes(pool, { onStop: (_, stop) => void stops.push(stop) });
  calls = sessionCalls(pool);
});

afterAll(async () => {
  for (const stop of stops) stop();
  await pool.close();
});

const getStatus = async (tenant: string): Promise<PoolStatus> =>
  (await routes.getPoolStatus(create(GetPoolStatusRequestSchema), callOf(tenant))).status as PoolStatus;

/** What is run against the database while `body` runs. */
async function statements(body: () => Promise<unknown>): Promise<number> {
  const spy = vi.spyOn(Client.prototype, 'query');
  try {
    await body();
    return spy.mock.calls.length;
  } finally {
    spy.mockRestore();
  }
}

test('GetPoolStatus counts what the calls before it committed', async () => {
  const tenant = newTenant();
  const ctx = callOf(tenant);
  expect(await getStatus(tenant)).toMatchObject({ total: 0, free: 0, waiting: 0 });
  const { sessionId } = await calls.bringIn(ctx);
  await calls.bringIn(ctx);
  expect(await getStatus(tenant)).toMatchObject({ total: 2, free: 2 });
  await lease(pool, sessionId);
  const status = await getStatus(tenant);
  expect(status).toMatchObject({ total: 2, free: 1, leased: 1 });
  expect(status.nextAvailableTime!.seconds).toBeGreaterThan(status.readTime!.seconds);
});

test('a thousand callers at once cost a scan or two', async () => {
  const tenants = [newTenant(), newTenant()];
  await calls.bringIn(callOf(tenants[0]!));
  await getStatus(tenants[0]!);
  let answers: PoolStatus[] = [];
  const count = await statements(async () => {
    answers = await Promise.all(Array.from({ length: 1_000 }, (_, n) => getStatus(tenants[n % 2]!)));
  });
  expect(answers.filter(({ total }) => total === 1)).toHaveLength(500);
  expect(count).toBeGreaterThan(0);
  expect(count).toBeLessThanOrEqual(2);
});

interface Watch {
  received: PoolStatus[];
  ended: Promise<void>;
  abort(): void;
  goAway(): void;
  /** How much the reader has not taken. */
  backlog: { buffered: number };
}

function watch(
  tenant: string,
  request: MessageInitShape<typeof WatchPoolRequestSchema> = { minInterval: durationFromMs(100) },
): Watch {
  const abort = new AbortController();
  const listeners = new Set<() => void>();
  const received: PoolStatus[] = [];
  const backlog = { buffered: 0 };
  const out: OutStream<typeof WatchPoolResponseSchema> = {
    async send(message) {
      received.push(message.status as PoolStatus);
    },
    trySend: () => false,
    get buffered() {
      return backlog.buffered;
    },
  };
  const ctx = callOf(tenant, {
    signal: abort.signal,
    onGoAway(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  });
  const ended = routes.watchPool(create(WatchPoolRequestSchema, request), out, ctx);
  // A test that fails before it looks must not end the run with an unhandled rejection.
  ended.catch(() => undefined);
  return {
    received,
    ended,
    backlog,
    abort: () => abort.abort(),
    goAway: () => {
      for (const listener of listeners) listener();
    },
  };
}

const totals = ({ received }: Watch) => received.map(({ total }) => total);

describe('WatchPool', () => {
  test('tells the counts at once, then each change and nothing else, until the call ends', async () => {
    const tenant = newTenant();
    const ctx = callOf(tenant);
    const watching = watch(tenant);
    await vi.waitFor(() => expect(totals(watching)).toEqual([0]));
    const { sessionId } = await calls.bringIn(ctx);
    await vi.waitFor(() => expect(totals(watching)).toEqual([0, 1]));
    await lease(pool, sessionId);
    await vi.waitFor(() => expect(watching.received.at(-1)).toMatchObject({ total: 1, leased: 1 }));
    // A renewal moves times, and is no change of the pool.
    await sql`
      update slots set expire_time = expire_time + interval '10 s'
      where session_id = ${sessionId}`.execute(pool.database.kysely);
    await calls.bringIn(ctx);
    await vi.waitFor(() => expect(totals(watching).at(-1)).toBe(2));
    expect(totals(watching)).toEqual([0, 1, 1, 2]);
    watching.abort();
    await watching.ended;
  });

  test('does not hear of another tenant', async () => {
    const mine = watch(newTenant());
    const tenant = newTenant();
    const theirs = watch(tenant);
    await vi.waitFor(() => expect([totals(mine), totals(theirs)]).toEqual([[0], [0]]));
    await calls.bringIn(callOf(tenant));
    await vi.waitFor(() => expect(totals(theirs)).toEqual([0, 1]));
    expect(totals(mine)).toEqual([0]);
    for (const watching of [mine, theirs]) {
      watching.abort();
      await watching.ended;
    }
  });

  test('a reader that takes nothing gets the newest when it does', async () => {
    const tenant = newTenant();
    const [slow, quick] = [watch(tenant), watch(tenant)];
    await vi.waitFor(() => expect([totals(slow), totals(quick)]).toEqual([[0], [0]]));
    slow.backlog.buffered = 1;
    for (let total = 1; total <= 3; total += 1) {
      await calls.bringIn(callOf(tenant));
      await vi.waitFor(() => expect(totals(quick).at(-1)).toBe(total));
    }
    expect(totals(slow)).toEqual([0]);
    slow.backlog.buffered = 0;
    await vi.waitFor(() => expect(totals(slow)).toEqual([0, 3]));
    slow.abort();
    quick.abort();
    await Promise.all([slow.ended, quick.ended]);
  });

  test('fifty who watch cost one reading', async () => {
    const tenant = newTenant();
    const watchers = Array.from({ length: 50 }, () => watch(tenant));
    await vi.waitFor(() => expect(watchers.map(totals)).toEqual(watchers.map(() => [0])));
    const count = await statements(async () => {
      await calls.bringIn(callOf(tenant));
      await vi.waitFor(() => expect(watchers.map(totals)).toEqual(watchers.map(() => [0, 1])));
    });
    expect(count).toBeLessThan(40);
    for (const { abort } of watchers) abort();
    await Promise.all(watchers.map(({ ended }) => ended));
  });

  test('ends with GOING_AWAY when the process stops, also between two answers', async () => {
    const tenant = newTenant();
    const watching = watch(tenant, { minInterval: durationFromMs(60_000) });
    await vi.waitFor(() => expect(totals(watching)).toEqual([0]));
    watching.goAway();
    expect(await reasonOf(watching.ended)).toBe(ErrorReason.GOING_AWAY);
  });

  test('goes on after an outage of the database', async () => {
    const tenant = newTenant();
    const watching = watch(tenant);
    await vi.waitFor(() => expect(totals(watching)).toEqual([0]));
    const name = new URL(pool.url).pathname.slice(1);
    const admin = new Client({ connectionString: pool.url.replace(`/${name}`, '/postgres') });
    await admin.connect();
    try {
      await admin.query(`alter database ${name} allow_connections false`);
      await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name]);
      await vi.waitFor(() => expect(pool.logged.join()).toContain('watching goes on'), { timeout: 10_000 });
      expect(await reasonOf(watch(tenant).ended)).toBe(ErrorReason.DEPENDENCY_UNAVAILABLE);
    } finally {
      await admin.query(`alter database ${name} allow_connections true`);
      await admin.end();
    }
    await calls.bringIn(callOf(tenant));
    await vi.waitFor(() => expect(totals(watching)).toEqual([0, 1]), { timeout: 10_000 });
    expect(pool.logged.join()).toContain('can be watched again');
    watching.abort();
    await watching.ended;
  });

  test('the interval has bounds', async () => {
    for (const ms of [99, 60_001, 0, -1])
      expect(await fieldsOf(watch(newTenant(), { minInterval: durationFromMs(ms) }).ended)).toEqual([
        'min_interval',
      ]);
  });
});
