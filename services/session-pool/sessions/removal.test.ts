import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { SessionState } from '#gen/telegate/session_pool/v1/session_pb.ts';
import { removeLeaving } from './removal.ts';
import { reasonOf, refusal, sessionCalls } from './test-calls.ts';
import {
  callOf,
  claim,
  eventNames,
  eventsOf,
  lease,
  newTenant,
  rowsOf,
  telethonString,
  openTestPool,
  QUARANTINE_MS,
  type TestPool,
} from './test-pool.ts';

let pool: TestPool;
let calls: ReturnType<typeof sessionCalls>;

beforeAll(async () => {
  pool = await openTestPool();
  calls = sessionCalls(pool);
});

afterAll(() => pool.close());

describe('delete', () => {
  test('removes the session, its key and its slot', async () => {
    const ctx = callOf(newTenant());
    const request = { name: 'gone', material: telethonString() };
    const { sessionId } = await calls.bringIn(ctx, request);
    expect(await rowsOf(pool, 'session_keys', sessionId)).toHaveLength(1);
    await calls.remove(ctx, sessionId);
    for (const table of ['session_keys', 'sessions', 'slots'] as const)
      expect(await rowsOf(pool, table, sessionId)).toEqual([]);
    const events = await eventsOf(pool, sessionId);
    expect(events.at(-1)!.payload).toMatchObject({
      case: 'sessionRemoved',
      value: { sessionId, name: 'gone' },
    });
    expect((await rowsOf(pool, 'audit', sessionId)).at(-1)).toMatchObject({ action: 'delete_session' });
    expect(await reasonOf(calls.remove(ctx, sessionId))).toBe(ErrorReason.NOT_FOUND);
    expect((await calls.bringIn(ctx, request)).sessionId).toBeGreaterThan(sessionId);
  });

  test('a leased session only by force, which ends the lease', async () => {
    const ctx = callOf(newTenant());
    const { sessionId } = await calls.bringIn(ctx);
    await lease(pool, sessionId);
    expect(await reasonOf(calls.remove(ctx, sessionId))).toBe(ErrorReason.SESSION_LEASED);
    expect((await calls.get(ctx, sessionId)).state).toBe(SessionState.LEASED);
    await calls.remove(ctx, sessionId, true);
    expect(await eventNames(pool, sessionId)).toEqual(['sessionAdded', 'leaseRevoked', 'sessionRemoved']);
    expect(await rowsOf(pool, 'session_keys', sessionId)).toEqual([]);
  });

  test('not while a holder who had the key may still use it', async () => {
    const ctx = callOf(newTenant());
    const material = telethonString();
    const { sessionId } = await calls.bringIn(ctx, { name: 'handed out', material });
    await lease(pool, sessionId, { credentials: true });
    const error = await refusal(calls.remove(ctx, sessionId, true));
    expect(error).toMatchObject({
      reason: ErrorReason.SESSION_UNUSABLE,
      metadata: { state: 'quarantined' },
      retryAfterMs: expect.closeTo(QUARANTINE_MS, -4),
    });
    // Brought in again at once, the key would be in two places.
    expect(await reasonOf(calls.bringIn(ctx, { name: 'again', material }))).toBe(
      ErrorReason.SESSION_DUPLICATE,
    );
    expect(await removeLeaving(pool, 10)).toBe(0);
    await sql`update slots set quarantine_end_time = clock_timestamp() where session_id = ${sessionId}`.execute(
      pool.database.kysely,
    );
    expect(await removeLeaving(pool, 10)).toBe(1);
    expect(await rowsOf(pool, 'session_keys', sessionId)).toEqual([]);
  });

  test('not while a socket may be open', async () => {
    const ctx = callOf(newTenant());
    const { sessionId } = await calls.bringIn(ctx);
    await claim(pool, sessionId);
    const error = await refusal(calls.remove(ctx, sessionId));
    expect(error).toMatchObject({
      reason: ErrorReason.EGRESS_CLAIMED,
      metadata: { process_id: 'messaging-1', session_id: String(sessionId) },
    });
    expect(error.retryAfterMs).toBeLessThanOrEqual(15_000);
    expect((await calls.get(ctx, sessionId)).state).toBe(SessionState.CLOSING);
    await claim(pool, sessionId, -1);
    expect((await calls.get(ctx, sessionId)).state).toBe(SessionState.FREE);
    await calls.remove(ctx, sessionId);
  });

  test('by force while a socket is open: the lease ends, nobody gets the session, a repeat removes it', async () => {
    const ctx = callOf(newTenant());
    const { sessionId } = await calls.bringIn(ctx);
    await lease(pool, sessionId);
    await claim(pool, sessionId);
    expect(await reasonOf(calls.remove(ctx, sessionId, true))).toBe(ErrorReason.EGRESS_CLAIMED);
    const closing = await calls.get(ctx, sessionId);
    expect(closing.state).toBe(SessionState.CLOSING);
    expect(closing.lease).toBeUndefined();
    expect(await removeLeaving(pool, 10)).toBe(0);
    await claim(pool, sessionId, -1);
    expect((await calls.get(ctx, sessionId)).state).toBe(SessionState.INVALID);
    await calls.remove(ctx, sessionId, true);
    expect(await eventNames(pool, sessionId)).toEqual(['sessionAdded', 'leaseRevoked', 'sessionRemoved']);
  });

  test('what is to leave is removed without a repeat, too', async () => {
    const ctx = callOf(newTenant());
    const { sessionId } = await calls.bringIn(ctx);
    await lease(pool, sessionId);
    await claim(pool, sessionId);
    await refusal(calls.remove(ctx, sessionId, true));
    // Whatever is found out about it meanwhile.
    await calls.invalidate(ctx, sessionId, { condition: SessionState.NEEDS_LOGIN });
    await claim(pool, sessionId, -1);
    expect(await removeLeaving(pool, 10)).toBe(1);
    expect(await reasonOf(calls.get(ctx, sessionId))).toBe(ErrorReason.NOT_FOUND);
    expect(await eventNames(pool, sessionId)).toEqual(['sessionAdded', 'leaseRevoked', 'sessionRemoved']);
  });
});
