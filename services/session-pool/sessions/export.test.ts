import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { SessionFormat } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import { SessionState } from '#gen/telegate/session_pool/v1/session_pb.ts';
import { parseMaterial } from '#lib/telegram/material/detect.ts';
import { fieldsOf, refusal, sessionCalls } from './test-calls.ts';
import {
  callOf,
  claim,
  collide,
  eventsOf,
  lease,
  newTenant,
  QUARANTINE_MS,
  randomMaterial,
  rowsOf,
  telethonString,
  openTestPool,
  type TestPool,
} from './test-pool.ts';

let pool: TestPool;
let calls: ReturnType<typeof sessionCalls>;

beforeAll(async () => {
  pool = await openTestPool();
  calls = sessionCalls(pool);
});

afterAll(() => pool.close());

describe('export', () => {
  test('hands the key out, keeps the session back and writes down who got it', async () => {
    const ctx = callOf(newTenant(), { subject: 'key:exporter' });
    const material = randomMaterial();
    const { sessionId, name } = await calls.bringIn(ctx, { material: telethonString(material) });
    const { credentials, sessionName } = await calls.exportKey(ctx, sessionId);
    expect(sessionName).toBe(name);
    expect(credentials?.format).toBe(SessionFormat.TELETHON_STRING);
    const key = parseMaterial(credentials?.material as Uint8Array).material.authKey;
    expect(key.equals(material.authKey)).toBe(true);

    const session = await calls.get(ctx, sessionId);
    expect(session.state).toBe(SessionState.QUARANTINED);
    expect(session.availableTime).toEqual(session.quarantineEndTime);
    const events = await eventsOf(pool, sessionId);
    expect(events.at(-1)!.payload).toMatchObject({
      case: 'sessionQuarantined',
      value: { sessionId, cause: 'exported' },
    });
    const ends = (events.at(-1)!.payload.value as { endTime: { seconds: bigint } }).endTime.seconds;
    expect(ends).toBe(session.quarantineEndTime!.seconds);
    expect((await rowsOf(pool, 'audit', sessionId)).at(-1)).toMatchObject({
      tenant_id: ctx.principal.tenantId,
      subject: 'key:exporter',
      action: 'export_session',
      lease_id: null,
      detail: { session_name: name },
    });

    const again = await refusal(calls.exportKey(ctx, sessionId));
    expect(again).toMatchObject({
      reason: ErrorReason.SESSION_UNUSABLE,
      metadata: { state: 'quarantined', session_id: String(sessionId) },
    });
    expect(again.retryAfterMs).toBeGreaterThan(QUARANTINE_MS - 30_000);
  });

  test('a leased session is left to its holder', async () => {
    const ctx = callOf(newTenant());
    const { sessionId } = await calls.bringIn(ctx);
    await lease(pool, sessionId, { holder: 'worker-3' });
    const error = await refusal(calls.exportKey(ctx, sessionId));
    expect(error).toMatchObject({ reason: ErrorReason.SESSION_LEASED, metadata: { holder: 'worker-3' } });
    expect(error.metadata['expire_time']).toMatch(/^\d{4}-.*Z$/);
    expect(await rowsOf(pool, 'audit', sessionId)).toHaveLength(1);
  });

  test('a socket that may still be open stands in the way, a wait does not', async () => {
    const ctx = callOf(newTenant());
    const { sessionId } = await calls.bringIn(ctx);
    await claim(pool, sessionId);
    const error = await refusal(calls.exportKey(ctx, sessionId));
    expect(error).toMatchObject({
      reason: ErrorReason.EGRESS_CLAIMED,
      metadata: { process_id: 'messaging-1' },
    });
    expect(error.retryAfterMs).toBeGreaterThan(10_000);
    await claim(pool, sessionId, -1);
    await sql`
      update slots set wait_end_time = clock_timestamp() + interval '1 hour'
      where session_id = ${sessionId}`.execute(pool.database.kysely);
    expect((await calls.get(ctx, sessionId)).state).toBe(SessionState.FLOOD_WAIT);
    await calls.exportKey(ctx, sessionId);
  });

  test.each([
    [SessionState.INVALID, 'invalid'],
    [SessionState.NEEDS_LOGIN, 'needs_login'],
    [SessionState.FROZEN, 'frozen'],
    [SessionState.BANNED, 'banned'],
  ])('SESSION_UNUSABLE in state %i', async (condition, state) => {
    const ctx = callOf(newTenant());
    const { sessionId } = await calls.bringIn(ctx);
    await calls.invalidate(ctx, sessionId, { condition });
    expect(await refusal(calls.exportKey(ctx, sessionId))).toMatchObject({
      reason: ErrorReason.SESSION_UNUSABLE,
      metadata: { state },
    });
  });

  test('of two at once, one gets the key', async () => {
    const ctx = callOf(newTenant());
    const { sessionId } = await calls.bringIn(ctx);
    const outcomes = await collide(pool, 'slots', 2, () =>
      Promise.allSettled([calls.exportKey(ctx, sessionId), calls.exportKey(ctx, sessionId)]),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  test('a format that has no room for the session changes nothing', async () => {
    const ctx = callOf(newTenant());
    const { sessionId } = await calls.bringIn(ctx);
    const error = await refusal(calls.exportKey(ctx, sessionId, SessionFormat.PYROGRAM_STRING));
    expect(error.reason).toBe(ErrorReason.INVALID_FIELD);
    expect((await calls.get(ctx, sessionId)).state).toBe(SessionState.FREE);
    expect(await fieldsOf(calls.exportKey(ctx, 0n, 99 as SessionFormat))).toEqual(['session_id', 'format']);
  });
});
