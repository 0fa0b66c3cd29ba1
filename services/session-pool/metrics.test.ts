import { randomUUIDv7 } from 'node:crypto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SessionState } from '#gen/telegate/session_pool/v1/session_pb.ts';
import { metricsText, startMetrics, stopMetrics } from '#lib/telemetry/metrics.ts';
import { addSessions, createTestPool, leaseRequest, type TestPool } from '../../tests/support/pool.ts';
import { acquireLeases } from './leases/acquire.ts';
import { observePool } from './metrics.ts';
import { createQueue } from './queue/queue.ts';
import { invalidateSession } from './sessions/condition.ts';

let pool: TestPool;
let stopObserving: () => void;
beforeAll(async () => {
  startMetrics(resourceFromAttributes({}), []);
  pool = await createTestPool();
  stopObserving = observePool(pool, createQueue(pool));
});
afterAll(async () => {
  stopObserving();
  stopMetrics();
  await pool.close();
});

async function value(line: RegExp): Promise<number> {
  const text = (await metricsText())!;
  const found = text.split('\n').find((one) => line.test(one));
  if (found === undefined) throw new Error(`no line like ${line} in\n${text}`);
  return Number(found.split(' ').at(-1));
}

test('the pool shows its sessions by state, and the share that waits for Telegram', async () => {
  const tenant = randomUUIDv7();
  expect(await value(/^telegate_pool_flood_ratio/)).toBe(0);
  const [waits] = await addSessions(pool, tenant, 4);
  await sql`
    update slots set wait_end_time = clock_timestamp() + interval '1 min' where session_id = ${waits!}
  `.execute(pool.database.kysely);
  await acquireLeases(pool, [leaseRequest(tenant)]);
  expect(await value(/^telegate_pool_sessions.*"free"/)).toBe(2);
  expect(await value(/^telegate_pool_sessions.*"leased"/)).toBe(1);
  expect(await value(/^telegate_pool_sessions.*"banned"/)).toBe(0);
  expect(await value(/^telegate_pool_flood_ratio/)).toBe(0.25);
});

test('the pool shows how long the longest waiter waits', async () => {
  await sql`
    insert into waiters (tenant_id, replica_id, selector_key, request, create_time)
    values (${randomUUIDv7()}::uuid, ${pool.replicaId}::uuid, '', '{}', clock_timestamp() - interval '90 s')
  `.execute(pool.database.kysely);
  expect(await value(/^telegate_pool_starvation/)).toBeGreaterThanOrEqual(90);
});

test('each key that Telegram ended for being used twice is counted, once', async () => {
  const tenantId = randomUUIDv7();
  const [sessionId] = await addSessions(pool, tenantId, 1);
  const report = {
    tenantId,
    sessionId: sessionId!,
    state: SessionState.INVALID,
    reason: 'AUTH_KEY_DUPLICATED (406)',
    subject: 'service:messaging',
  };
  await invalidateSession(pool, report);
  await invalidateSession(pool, report);
  expect(await value(/^telegate_pool_auth_key_duplicated/)).toBe(1);
});

test('what can be measured without the database is shown while it does not answer', async () => {
  const blocker = await pool.database.kysely.startTransaction().execute();
  await sql`lock table slots in access exclusive mode`.execute(blocker);
  try {
    expect(await value(/^telegate_pool_queue_length/)).toBe(0);
  } finally {
    await blocker.rollback().execute();
  }
}, 10_000);
