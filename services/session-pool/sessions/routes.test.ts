import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { SessionState } from '#gen/telegate/session_pool/v1/session_pb.ts';
import type { CallContext } from '#lib/rpc/implement.ts';
import { fieldsOf, reasonOf, refusal, sessionCalls } from './test-calls.ts';
import {
  callOf,
  eventNames,
  lease,
  newTenant,
  QUARANTINE_MS,
  randomMaterial,
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

describe('another tenant', () => {
  test.each<[string, (ctx: CallContext, sessionId: bigint) => Promise<unknown>]>([
    ['GetSession', (ctx, sessionId) => calls.get(ctx, sessionId)],
    [
      'UpdateSession',
      (ctx, sessionId) => calls.update(ctx, { session: { sessionId }, updateMask: { paths: ['labels'] } }),
    ],
    ['ExportSession', (ctx, sessionId) => calls.exportKey(ctx, sessionId)],
    ['DeleteSession', (ctx, sessionId) => calls.remove(ctx, sessionId, true)],
    ['InvalidateSession', (ctx, sessionId) => calls.invalidate(ctx, sessionId)],
    ['RestoreSession', (ctx, sessionId) => calls.restore(ctx, sessionId)],
  ])('%s answers NOT_FOUND and changes nothing', async (_, call) => {
    const owner = callOf(newTenant());
    const session = await calls.bringIn(owner, { labels: { team: 'a' } });
    const stranger = callOf(newTenant());
    const foreign = await refusal(call(stranger, session.sessionId));
    expect(foreign).toMatchObject({
      reason: ErrorReason.NOT_FOUND,
      metadata: { resource: 'session', name: String(session.sessionId) },
    });
    expect((await refusal(call(stranger, 2n ** 40n))).message).toBe(
      foreign.message.replace(String(session.sessionId), String(2n ** 40n)),
    );
    expect(await calls.get(owner, session.sessionId)).toEqual(session);
    expect(await eventNames(pool, session.sessionId)).toEqual(['sessionAdded']);
  });

  test('sees none of the sessions, by list or by name', async () => {
    const { name } = await calls.bringIn(callOf(newTenant()), { name: 'hidden' });
    const stranger = callOf(newTenant());
    expect((await calls.list(stranger)).sessions).toEqual([]);
    expect(await reasonOf(calls.read(stranger, { name }))).toBe(ErrorReason.NOT_FOUND);
  });
});

describe('get', () => {
  test('by name, and by id before name', async () => {
    const ctx = callOf(newTenant());
    const one = await calls.bringIn(ctx, { name: 'one' });
    await calls.bringIn(ctx, { name: 'two' });
    expect(await calls.read(ctx, { name: 'one' })).toEqual(one);
    expect(await calls.read(ctx, { sessionId: one.sessionId, name: 'two' })).toEqual(one);
    expect(await reasonOf(calls.read(ctx, { name: 'three' }))).toBe(ErrorReason.NOT_FOUND);
    expect(await fieldsOf(calls.read(ctx, {}))).toEqual(['session_id']);
    expect(await fieldsOf(calls.read(ctx, { sessionId: -1n, name: '\n' }))).toEqual(['session_id', 'name']);
  });

  test('shows the lease without its token, the waits that go on, and when it is free', async () => {
    const ctx = callOf(newTenant());
    const { sessionId, name } = await calls.bringIn(ctx);
    const leaseId = await lease(pool, sessionId, { holder: 'worker-9', credentials: true });
    await sql`
      insert into flood_waits values
        (${sessionId}, 'messages.sendMessage', '', clock_timestamp() + interval '1 min'),
        (${sessionId}, 'messages.search', 'user:1', clock_timestamp() - interval '1 s')`.execute(
      pool.database.kysely,
    );
    const session = await calls.get(ctx, sessionId);
    expect(session).toMatchObject({
      state: SessionState.LEASED,
      lease: {
        leaseId,
        sessionId,
        sessionName: name,
        fencingToken: 0n,
        holder: 'worker-9',
        environment: 'telegram',
      },
      floodWaits: [{ sessionId, method: 'messages.sendMessage', peer: '' }],
    });
    expect(session.lease?.credentials).toBeUndefined();
    const leaseEnd = Number(session.lease!.expireTime!.seconds) * 1_000;
    expect(Number(session.availableTime!.seconds) * 1_000 - leaseEnd).toBe(QUARANTINE_MS);
    expect(session.lastUsedTime).toBeDefined();
  });
});

test('nothing of a key is in a table but sealed, nor in an event, a log line or an error', async () => {
  const ctx = callOf(newTenant());
  const material = randomMaterial({ userId: 4_242n });
  const bytes = telethonString(material);
  const request = { name: 'canary', material: bytes, requestId: newTenant() };
  const { sessionId } = await calls.bringIn(ctx, request);
  const errors = [
    await refusal(calls.bringIn(ctx, { ...request, requestId: '' })),
    await refusal(calls.bringIn(ctx, { ...request, name: 'other' })),
    await refusal(calls.bringIn(ctx, { material: Buffer.concat([bytes, Buffer.from('AAAA')]) })),
  ];
  await calls.exportKey(ctx, sessionId);
  await sql`update session_keys set ciphertext = wrapped_key where session_id = ${sessionId}`.execute(
    pool.database.kysely,
  );
  await calls.restore(ctx, sessionId);
  errors.push(await refusal(calls.exportKey(ctx, sessionId)));

  const { rows } = await sql<{ everything: string }>`
    select query_to_xml(format('select * from %I', table_name), true, true, '')::text as everything
    from information_schema.tables where table_schema = 'session_pool'`.execute(pool.database.kysely);
  const shown = [
    ...rows.map(({ everything }) => everything),
    ...pool.logged,
    ...errors.map((error) => `${String(error)} ${JSON.stringify(error)} ${error.stack ?? ''}`),
  ].join('\n');
  expect(shown).toContain('canary');
  const { authKey } = material;
  for (const part of [authKey.subarray(0, 24), authKey.subarray(-24)])
    for (const form of ['hex', 'base64', 'base64url'] as const)
      expect(shown).not.toContain(part.toString(form));
  expect(shown).not.toContain(Buffer.from(bytes).toString().slice(20, 60));
});
