import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { SessionState, type Session } from '#gen/telegate/session_pool/v1/session_pb.ts';
import { fieldsOf, reasonOf, sessionCalls } from './test-calls.ts';
import { callOf, lease, newTenant, openTestPool, type TestPool } from './test-pool.ts';

let pool: TestPool;
let calls: ReturnType<typeof sessionCalls>;

beforeAll(async () => {
  pool = await openTestPool();
  calls = sessionCalls(pool);
});

afterAll(() => pool.close());

type ListRequest = NonNullable<Parameters<typeof calls.list>[1]>;

describe('list', () => {
  test('pages through 250 sessions, each seen once, in the order of their ids', async () => {
    const ctx = callOf(newTenant());
    for (let from = 0; from < 250; from += 25)
      await Promise.all(
        Array.from({ length: 25 }, (_, n) =>
          calls.bringIn(ctx, { name: `s${from + n}`, labels: { parity: n % 2 === 0 ? 'even' : 'odd' } }),
        ),
      );
    const walk = async (request: ListRequest) => {
      const pages: Session[][] = [];
      for (let pageToken = ''; ;) {
        const page = await calls.list(ctx, { ...request, pageToken });
        pages.push(page.sessions);
        pageToken = page.nextPageToken;
        if (pageToken === '') return pages;
      }
    };
    const sizes = (pages: Session[][]) => pages.map(({ length }) => length);
    const all = await walk({});
    expect(sizes(all)).toEqual([100, 100, 50]);
    const ids = all.flat().map(({ sessionId }) => sessionId);
    expect(new Set(ids).size).toBe(250);
    expect(ids).toEqual(ids.toSorted((a, b) => Number(a - b)));
    expect(sizes(await walk({ pageSize: 125 }))).toEqual([125, 125]);
    expect(sizes(await walk({ pageSize: 1_000 }))).toEqual([250]);
    expect(sizes(await walk({ labels: { parity: 'odd' }, pageSize: 60 }))).toEqual([60, 60]);
    expect(sizes(await walk({ namePrefix: 's1', pageSize: 200 }))).toEqual([111]);

    const { nextPageToken } = await calls.list(ctx, { pageSize: 10 });
    expect((await calls.list(ctx, { pageSize: 20, pageToken: nextPageToken })).sessions[0]?.sessionId).toBe(
      ids[10],
    );
    for (const request of [
      { pageToken: `${nextPageToken.slice(0, 10)}A${nextPageToken.slice(11)}` },
      { pageToken: nextPageToken, namePrefix: 's1' },
      { pageToken: nextPageToken, labels: { parity: 'odd' } },
      { pageToken: nextPageToken, state: SessionState.FREE },
    ])
      expect(await fieldsOf(calls.list(ctx, request))).toEqual(['page_token']);
    expect(await fieldsOf(calls.list(callOf(newTenant()), { pageToken: nextPageToken }))).toEqual([
      'page_token',
    ]);
  });

  test('by state, labels and the beginning of the name, taken as it is', async () => {
    const ctx = callOf(newTenant());
    const named = new Map<bigint, string>();
    const bring = async (name: string, labels: Record<string, string>) => {
      const { sessionId } = await calls.bringIn(ctx, { name, labels });
      named.set(sessionId, name);
      return sessionId;
    };
    await bring('a%1', { team: 'x', tier: '1' });
    const leased = await bring('a_2', { team: 'x', tier: '2' });
    const banned = await bring('A%3', { team: 'y' });
    await lease(pool, leased);
    await calls.invalidate(ctx, banned, { condition: SessionState.BANNED });
    const names = async (request: ListRequest) =>
      (await calls.list(ctx, request)).sessions.map(({ sessionId }) => named.get(sessionId));
    expect(await names({ namePrefix: 'a' })).toEqual(['a%1', 'a_2']);
    expect(await names({ namePrefix: 'a%' })).toEqual(['a%1']);
    expect(await names({ labels: { team: 'x' } })).toEqual(['a%1', 'a_2']);
    expect(await names({ labels: { team: 'x', tier: '2' } })).toEqual(['a_2']);
    expect(await names({ labels: { tier: '' } })).toEqual([]);
    expect(await names({ state: SessionState.FREE })).toEqual(['a%1']);
    expect(await names({ state: SessionState.LEASED })).toEqual(['a_2']);
    expect(await names({ state: SessionState.BANNED, labels: { team: 'y' } })).toEqual(['A%3']);
    expect(await names({ state: SessionState.CLOSING })).toEqual([]);
  });

  test('a page ends early rather than being too large to send', async () => {
    const ctx = callOf(newTenant());
    const labels = Object.fromEntries(
      Array.from({ length: 32 }, (_, n) => [`${n}`.padEnd(63, 'k'), 'v'.repeat(128)]),
    );
    const session = await calls.bringIn(ctx, { labels });
    await sql`
      insert into sessions (tenant_id, name, environment, labels, data_center, source, fingerprint)
      select tenant_id, 'copy ' || n, environment, labels, data_center, source, decode(md5(n::text || name), 'hex')
      from sessions, generate_series(1, 999) as n where session_id = ${session.sessionId}`.execute(
      pool.database.kysely,
    );
    await sql`
      insert into slots (session_id, tenant_id) select session_id, tenant_id from sessions
      where tenant_id = ${ctx.principal.tenantId}::uuid and session_id <> ${session.sessionId}`.execute(
      pool.database.kysely,
    );
    const page = await calls.list(ctx, { pageSize: 1_000 });
    expect(page.sessions.length).toBeGreaterThan(50);
    expect(page.sessions.length).toBeLessThan(1_000);
    const next = await calls.list(ctx, { pageSize: 1_000, pageToken: page.nextPageToken });
    expect(next.sessions[0]!.sessionId).toBe(page.sessions.at(-1)!.sessionId + 1n);
  });

  test('faults', async () => {
    const request = {
      state: 99 as SessionState,
      labels: { 'no good': '' },
      namePrefix: '\u0000',
      pageSize: 1_001,
      pageToken: 'x',
    };
    expect(await fieldsOf(calls.list(callOf(newTenant()), request))).toEqual([
      'state',
      'labels["no good"]',
      'name_prefix',
      'page_size',
      'page_token',
    ]);
  });
});

describe('update', () => {
  const mask = { paths: ['labels'] };

  test('replaces all labels; the etag guards, and changes only with them', async () => {
    const ctx = callOf(newTenant());
    const before = await calls.bringIn(ctx, { labels: { a: '1', b: '2' } });
    const { sessionId, etag } = before;
    await lease(pool, sessionId);
    const after = await calls.update(ctx, {
      session: { sessionId, labels: { c: '3' }, etag },
      updateMask: mask,
    });
    expect(after.labels).toEqual({ c: '3' });
    expect(after.etag).not.toBe(etag);
    expect(after.lease).toBeDefined();
    const stale = calls.update(ctx, { session: { sessionId, labels: {}, etag }, updateMask: mask });
    expect(await reasonOf(stale)).toBe(ErrorReason.ETAG_MISMATCH);
    const same = await calls.update(ctx, { session: { sessionId, labels: { c: '3' } }, updateMask: mask });
    expect(same.etag).toBe(after.etag);
    expect(pool.woken.queues).toContain(ctx.principal.tenantId);
  });

  test('of two with one etag, one is made', async () => {
    const ctx = callOf(newTenant());
    const { sessionId, etag } = await calls.bringIn(ctx);
    const outcomes = await Promise.allSettled(
      ['1', '2', '3'].map((a) =>
        calls.update(ctx, { session: { sessionId, labels: { a }, etag }, updateMask: mask }),
      ),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  test('faults', async () => {
    const ctx = callOf(newTenant());
    expect(await fieldsOf(calls.update(ctx, {}))).toEqual(['session.session_id', 'update_mask']);
    const session = {
      sessionId: 1n,
      name: 'new',
      labels: Object.fromEntries(Array.from({ length: 33 }, (_, n) => [n, ''])),
    };
    const call = calls.update(ctx, { session, updateMask: { paths: ['name', 'labels'] } });
    expect(await fieldsOf(call)).toEqual(['update_mask', 'session.labels']);
  });
});
