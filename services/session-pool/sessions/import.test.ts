import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { SessionFormat } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import { SessionSource, SessionState } from '#gen/telegate/session_pool/v1/session_pb.ts';
import type { DomainError } from '#lib/rpc/errors.ts';
import { parseMaterial, renderMaterial } from '#lib/telegram/material/detect.ts';
import { fieldsOf, reasonOf, refusal, sessionCalls } from './test-calls.ts';
import {
  callOf,
  collide,
  CONNECTIONS,
  eventNames,
  eventsOf,
  meshCallOf,
  newTenant,
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

describe('import', () => {
  test('puts a session into the pool, free at once', async () => {
    const tenant = newTenant();
    const ctx = callOf(tenant);
    const wokenBefore = pool.woken.relay;
    const accountId = '0193F2C4-1111-7000-8000-000000000001';
    const session = await calls.bringIn(ctx, {
      name: 'desk 1',
      material: telethonString(randomMaterial({ dataCenter: 4 })),
      labels: { team: 'support' },
      accountId,
    });
    expect(session).toMatchObject({
      name: 'desk 1',
      state: SessionState.FREE,
      environment: 'telegram',
      labels: { team: 'support' },
      accountId: accountId.toLowerCase(),
      dataCenter: 4,
      source: SessionSource.IMPORT,
      hasFile: false,
    });
    for (const absent of ['lease', 'availableTime', 'lastUsedTime'] as const)
      expect(session[absent]).toBeUndefined();
    expect(session.etag).not.toBe('');
    expect(await calls.get(ctx, session.sessionId)).toEqual(session);
    const [event] = await eventsOf(pool, session.sessionId);
    expect(event).toMatchObject({
      tenantId: tenant,
      sequence: 1n,
      payload: {
        case: 'sessionAdded',
        value: { sessionId: session.sessionId, name: 'desk 1', environment: 'telegram', source: 'import' },
      },
    });
    expect(pool.woken.relay).toBe(wokenBefore + 1);
    expect(pool.woken.queues).toContain(tenant);
  });

  test.each([
    ['gramjs-string', SessionFormat.GRAMJS_STRING],
    ['telethon-string', SessionFormat.TELETHON_STRING],
    ['telethon-file', SessionFormat.TELETHON_FILE],
    ['pyrogram-string', SessionFormat.PYROGRAM_STRING],
  ] as const)('takes a %s, said or found out, and gives the same key out again', async (name, format) => {
    for (const said of [format, SessionFormat.UNSPECIFIED]) {
      const ctx = callOf(newTenant());
      const material = randomMaterial({ userId: 777n });
      const bytes = renderMaterial(material, name);
      const { sessionId } = await calls.bringIn(ctx, { material: bytes, format: said });
      const { credentials } = await calls.exportKey(ctx, sessionId, format);
      const given = credentials?.material as Uint8Array;
      expect(parseMaterial(given).material.authKey.equals(material.authKey)).toBe(true);
      expect(credentials).toMatchObject({ format, dataCenter: 2 });
    }
  });

  test('SESSION_MALFORMED for what is no session, of the format said, and nothing of it is shown', async () => {
    const ctx = callOf(newTenant());
    const material = telethonString();
    const cut = material.subarray(0, 200);
    const refused = [
      await refusal(calls.bringIn(ctx, { material: cut })),
      await refusal(calls.bringIn(ctx, { material, format: SessionFormat.PYROGRAM_STRING })),
      await refusal(calls.bringIn(ctx, { material: Buffer.from('SQLite format 3\u0000 nonsense') })),
    ];
    for (const error of refused) {
      expect(error.reason).toBe(ErrorReason.SESSION_MALFORMED);
      expect(JSON.stringify(error) + error.message).not.toContain(Buffer.from(cut).toString().slice(20, 60));
    }
    expect((await calls.list(ctx)).sessions).toEqual([]);
  });

  test('SESSION_DUPLICATE names the own session, and not another tenant’s', async () => {
    const ctx = callOf(newTenant());
    const material = randomMaterial();
    await calls.bringIn(ctx, { name: 'mine', material: telethonString(material) });
    const gramjs = renderMaterial(material, 'gramjs-string');
    const own = await refusal(calls.bringIn(ctx, { name: 'again', material: gramjs }));
    expect(own).toMatchObject({ reason: ErrorReason.SESSION_DUPLICATE, metadata: { session_name: 'mine' } });
    const foreign = await refusal(calls.bringIn(callOf(newTenant()), { name: 'mine', material: gramjs }));
    expect(foreign).toMatchObject({ reason: ErrorReason.SESSION_DUPLICATE, metadata: {} });
    expect(foreign.message).not.toContain('mine');
  });

  test('SESSION_DUPLICATE also when the name is taken by yet another', async () => {
    const ctx = callOf(newTenant());
    await calls.bringIn(ctx, { name: 'one' });
    const material = telethonString();
    await calls.bringIn(ctx, { name: 'two', material });
    expect(await refusal(calls.bringIn(ctx, { name: 'one', material }))).toMatchObject({
      reason: ErrorReason.SESSION_DUPLICATE,
      metadata: { session_name: 'two' },
    });
  });

  test('ALREADY_EXISTS for a name of the tenant; another tenant may use it', async () => {
    const ctx = callOf(newTenant());
    await calls.bringIn(ctx, { name: 'desk' });
    expect(await refusal(calls.bringIn(ctx, { name: 'desk' }))).toMatchObject({
      reason: ErrorReason.ALREADY_EXISTS,
      metadata: { resource: 'session', name: 'desk' },
    });
    await calls.bringIn(callOf(newTenant()), { name: 'desk' });
  });

  test('only a service of the mesh says that a session came by login', async () => {
    const tenant = newTenant();
    expect(await refusal(calls.bringIn(callOf(tenant), { source: SessionSource.LOGIN }))).toMatchObject({
      reason: ErrorReason.SCOPE_MISSING,
      metadata: { scope: 'mesh' },
    });
    const session = await calls.bringIn(meshCallOf(tenant), { source: SessionSource.LOGIN });
    expect(session.source).toBe(SessionSource.LOGIN);
    expect((await calls.get(callOf(tenant), session.sessionId)).name).toBe(session.name);
  });

  test('all faults of a request are told at once', async () => {
    const call = calls.bringIn(callOf(newTenant()), {
      name: 'a/b',
      material: new Uint8Array(),
      format: 99 as SessionFormat,
      labels: { Bad: 'x' },
      environment: 'e'.repeat(65),
      accountId: 'me',
      requestId: 'r'.repeat(129),
      source: SessionSource.SYNC,
    });
    expect(await fieldsOf(call)).toEqual([
      'name',
      'material',
      'format',
      'labels["Bad"]',
      'environment',
      'account_id',
      'request_id',
      'source',
    ]);
    expect(
      await fieldsOf(calls.bringIn(callOf(newTenant()), { material: new Uint8Array(1024 * 1024 + 1) })),
    ).toEqual(['material']);
  });
});

describe('import with a request id', () => {
  const body = () => ({
    name: `desk ${newTenant()}`,
    material: telethonString(),
    labels: { a: '1', b: '2' },
    requestId: newTenant(),
  });

  test('a repeat gets the first answer, even after the session is gone', async () => {
    const ctx = callOf(newTenant());
    const request = body();
    const first = await calls.bringIn(ctx, request);
    expect(await calls.bringIn(ctx, { ...request, labels: { b: '2', a: '1' } })).toEqual(first);
    await calls.remove(ctx, first.sessionId);
    expect(await calls.bringIn(ctx, request)).toEqual(first);
    expect(await eventNames(pool, first.sessionId)).toEqual(['sessionAdded', 'sessionRemoved']);
  });

  test('REQUEST_ID_REUSED for another body; another caller may use the id', async () => {
    const tenant = newTenant();
    const request = body();
    await calls.bringIn(callOf(tenant), request);
    expect(await reasonOf(calls.bringIn(callOf(tenant), { ...request, name: 'other' }))).toBe(
      ErrorReason.REQUEST_ID_REUSED,
    );
    await calls.bringIn(callOf(tenant, { subject: 'key:other' }), {
      ...body(),
      requestId: request.requestId,
    });
  });

  test('ten at once make one session', async () => {
    const ctx = callOf(newTenant());
    const request = body();
    const sessions = await collide(pool, 'sessions', CONNECTIONS, () =>
      Promise.all(Array.from({ length: 10 }, () => calls.bringIn(ctx, request))),
    );
    expect(new Set(sessions.map(({ sessionId }) => sessionId)).size).toBe(1);
    expect((await calls.list(ctx)).sessions).toHaveLength(1);
    expect(await eventNames(pool, sessions[0]!.sessionId)).toEqual(['sessionAdded']);
  });

  test('of two bodies at once with one id, one is refused', async () => {
    const ctx = callOf(newTenant());
    const { requestId } = body();
    const outcomes = await collide(pool, 'replays', 2, () =>
      Promise.allSettled([
        calls.bringIn(ctx, { ...body(), requestId }),
        calls.bringIn(ctx, { ...body(), requestId }),
      ]),
    );
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(refused.map(({ reason }) => (reason as DomainError).reason)).toEqual([
      ErrorReason.REQUEST_ID_REUSED,
    ]);
    expect((await calls.list(ctx)).sessions).toHaveLength(1);
  });

  test('of two without one, the second is told of the first', async () => {
    const ctx = callOf(newTenant());
    const request = { ...body(), requestId: '' };
    const outcomes = await collide(pool, 'sessions', 2, () =>
      Promise.allSettled([calls.bringIn(ctx, request), calls.bringIn(ctx, request)]),
    );
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  });

  test('the kept answer holds no key', async () => {
    const ctx = callOf(newTenant());
    const request = body();
    await calls.bringIn(ctx, request);
    const { rows } = await sql<{ answer: Buffer }>`
      select answer from replays where request_id = ${request.requestId}`.execute(pool.database.kysely);
    expect(rows).toHaveLength(1);
    expect(rows[0]!.answer.length).toBeLessThan(300);
  });
});
