import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { LeaseLossReason } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import { SessionState } from '#gen/telegate/session_pool/v1/session_pb.ts';
import { fieldsOf, sessionCalls } from './test-calls.ts';
import { callOf, eventNames, eventsOf, lease, newTenant, openTestPool, type TestPool } from './test-pool.ts';

let pool: TestPool;
let calls: ReturnType<typeof sessionCalls>;

beforeAll(async () => {
  pool = await openTestPool();
  calls = sessionCalls(pool);
});

afterAll(() => pool.close());

describe('invalidate and restore', () => {
  test('take a session out and put it back', async () => {
    const ctx = callOf(newTenant());
    const { sessionId } = await calls.bringIn(ctx);
    const out = await calls.invalidate(ctx, sessionId, {
      condition: SessionState.NEEDS_LOGIN,
      reason: 'AUTH_KEY',
    });
    expect(out).toMatchObject({ state: SessionState.NEEDS_LOGIN, stateReason: 'AUTH_KEY' });
    const again = await calls.invalidate(ctx, sessionId, {
      condition: SessionState.NEEDS_LOGIN,
      reason: 'other',
    });
    expect(again).toMatchObject({ state: SessionState.NEEDS_LOGIN, stateReason: 'AUTH_KEY' });
    const other = await calls.invalidate(ctx, sessionId, { reason: 'by hand' });
    expect(other).toMatchObject({ state: SessionState.INVALID, stateReason: 'by hand' });
    pool.woken.queues.length = 0;
    expect(await calls.restore(ctx, sessionId)).toMatchObject({ state: SessionState.FREE, stateReason: '' });
    expect(pool.woken.queues).toEqual([ctx.principal.tenantId]);
    expect(await calls.restore(ctx, sessionId)).toMatchObject({ state: SessionState.FREE });
    const events = await eventsOf(pool, sessionId);
    expect(events.slice(1).map(({ payload }) => payload)).toMatchObject([
      { case: 'sessionInvalidated', value: { condition: 'needs_login', reason: 'AUTH_KEY' } },
      { case: 'sessionInvalidated', value: { condition: 'invalid', reason: 'by hand' } },
      { case: 'sessionRestored', value: { sessionId } },
    ]);
  });

  test('a lease ends at once, with an event and a word to its holder', async () => {
    const ctx = callOf(newTenant(), { subject: 'user:boss' });
    const { sessionId } = await calls.bringIn(ctx);
    const leaseId = await lease(pool, sessionId, { credentials: true });
    const heard: string[] = [];
    const listener = new Client({ connectionString: pool.url });
    await listener.connect();
    listener.on('notification', ({ payload }) => heard.push(payload ?? ''));
    await listener.query('listen session_pool');
    try {
      const session = await calls.invalidate(ctx, sessionId, {
        condition: SessionState.FROZEN,
        reason: 'asked to',
      });
      expect(session.state).toBe(SessionState.FROZEN);
      expect(session.lease).toBeUndefined();
      await vi.waitFor(() => expect(heard).toHaveLength(1));
    } finally {
      await listener.end();
    }
    expect(JSON.parse(heard[0]!)).toEqual([
      { kind: 'lost', lease: leaseId, session: String(sessionId), reason: LeaseLossReason.SESSION_GONE },
    ]);
    expect(await eventNames(pool, sessionId)).toEqual([
      'sessionAdded',
      'leaseRevoked',
      'sessionQuarantined',
      'sessionInvalidated',
    ]);
    const [, revoked] = await eventsOf(pool, sessionId);
    expect(revoked?.payload.value).toMatchObject({ leaseId, reason: 'asked to', subject: 'user:boss' });
    expect((await calls.restore(ctx, sessionId)).state).toBe(SessionState.FREE);
  });

  test('restore ends a quarantine', async () => {
    const ctx = callOf(newTenant());
    const { sessionId } = await calls.bringIn(ctx);
    await calls.exportKey(ctx, sessionId);
    expect((await calls.get(ctx, sessionId)).state).toBe(SessionState.QUARANTINED);
    const session = await calls.restore(ctx, sessionId);
    expect(session.state).toBe(SessionState.FREE);
    expect(session.quarantineEndTime ?? session.availableTime).toBeUndefined();
    expect(await eventNames(pool, sessionId)).toEqual([
      'sessionAdded',
      'sessionQuarantined',
      'sessionRestored',
    ]);
  });

  test('faults', async () => {
    const ctx = callOf(newTenant());
    const call = calls.invalidate(ctx, 0n, { condition: SessionState.LEASED, reason: 'r'.repeat(257) });
    expect(await fieldsOf(call)).toEqual(['session_id', 'condition', 'reason']);
    expect(await fieldsOf(calls.restore(ctx, 0n))).toEqual(['session_id']);
  });
});
