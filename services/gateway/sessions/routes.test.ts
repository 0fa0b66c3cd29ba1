import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { documentValidator, type ValidateAnswer } from '../../../tests/support/openapi.ts';
import { startGatewayMesh, type GatewayMesh, type TestTenant } from '../../../tests/support/gateway.ts';

let mesh: GatewayMesh;
let validate: ValidateAnswer;

beforeAll(async () => {
  mesh = await startGatewayMesh();
  validate = await documentValidator(mesh.url);
});
afterAll(() => mesh?.stop());

interface Called {
  status: number;
  body: unknown;
  headers: Headers;
}

/** One request as such a client makes it; its answer must be one that the document describes. */
async function call(
  target: string,
  { key, url = mesh.url, ...init }: RequestInit & { key?: string; url?: string } = {},
): Promise<Called> {
  const [method, path] = target.split(' ') as [string, string];
  const response = await fetch(url + path, {
    method,
    ...init,
    headers: { ...(key === undefined ? {} : { 'X-API-Key': key }), ...(init.headers as object) },
  });
  const body: unknown = await response.json();
  validate(method, path.split('?')[0]!, response.status, body);
  expect(response.headers.get('trace-id')).toMatch(/^[0-9a-f]{32}$/);
  return { status: response.status, body, headers: response.headers };
}

async function leases(tenant: TestTenant): Promise<{ sessionId: bigint; leaseId: string; holder: string }[]> {
  return (await tenant.client.listLeases({})).leases;
}

const CALLS = [
  'GET /status',
  'GET /session',
  'POST /release?session_id=42',
  'POST /invalidate?session_id=42',
  'POST /sync',
];

describe('the key', () => {
  test.each(CALLS)('%s: none is 401, a wrong one 403', async (target) => {
    expect(await call(target)).toMatchObject({ status: 401, body: { detail: expect.any(String) } });
    expect(await call(target, { key: '' })).toMatchObject({ status: 401 });
    expect(await call(target, { key: 'wrong' })).toMatchObject({
      status: 403,
      body: { detail: expect.any(String) },
    });
    const bearer = { headers: { authorization: 'Bearer x' } };
    expect(await call(target, bearer)).toMatchObject({ status: 401 });
  });

  test('pool:lease is enough to use the pool, pool:admin is needed to invalidate and to sync', async () => {
    const tenant = await mesh.tenant(1);
    const { key } = tenant.key(['pool:lease']);
    expect(await call('GET /status', { key })).toMatchObject({ status: 200, body: { total: 1 } });
    expect(await call('GET /session', { key })).toMatchObject({ status: 200 });
    expect(await call(`POST /release?session_id=${tenant.sessionIds[0]}`, { key })).toMatchObject({
      status: 200,
    });
    expect(await call('POST /invalidate?session_id=42', { key })).toMatchObject({ status: 403 });
    expect(await call('POST /invalidate?session_id=-1', { key })).toMatchObject({ status: 403 });
    expect(await call('POST /sync', { key })).toMatchObject({ status: 403 });
    const { key: nothing } = tenant.key([]);
    for (const target of CALLS) expect(await call(target, { key: nothing })).toMatchObject({ status: 403 });
  });
});

describe('GET /status', () => {
  test('counts, and the next end of a wait in UTC', async () => {
    const tenant = await mesh.tenant(10);
    const { key } = tenant.key();
    expect((await call('GET /status', { key })).body).toEqual({
      total: 10,
      free: 10,
      in_use: 0,
      in_floodwait: 0,
      next_available: null,
    });
    await call('GET /session', { key });
    await call('GET /session', { key });
    await wait(tenant, 3, '1000 s');
    const { body } = await call('GET /status', { key });
    expect(body).toMatchObject({ total: 10, free: 7, in_use: 2, in_floodwait: 1 });
    const { next_available: next } = body as { next_available: string };
    expect(next).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
    const [row] = await mesh.query('select wait_end_time from slots where session_id = $1', [
      tenant.sessionIds[3],
    ]);
    const ahead = Date.parse(`${next.replace(' ', 'T')}Z`) - (row!['wait_end_time'] as Date).getTime();
    expect(ahead).toBeGreaterThanOrEqual(0);
    expect(ahead).toBeLessThan(1_000);
  });

  test('what is out of the pool counts only in total', async () => {
    const tenant = await mesh.tenant(3);
    const { key } = tenant.key();
    await call(`POST /invalidate?session_id=${tenant.sessionIds[0]}`, { key });
    await mesh.query(
      `update slots set quarantine_end_time = clock_timestamp() + interval '1 h' where session_id = $1`,
      [tenant.sessionIds[1]],
    );
    const { body } = await call('GET /status', { key });
    expect(body).toEqual({ total: 3, free: 1, in_use: 0, in_floodwait: 0, next_available: null });
  });
});

/** Telegram asked the session to wait. */
async function wait(tenant: TestTenant, index: number, time: string): Promise<void> {
  await mesh.query(
    `update slots set wait_end_time = clock_timestamp() + $2::interval where session_id = $1`,
    [tenant.sessionIds[index], time],
  );
}

describe('GET /session', () => {
  test('a free session, used at once; then none is free, with the seconds until one is', async () => {
    const tenant = await mesh.tenant(1);
    const { key, subject } = tenant.key();
    const taken = await call('GET /session', { key });
    expect(taken).toMatchObject({
      status: 200,
      body: { session_id: Number(tenant.sessionIds[0]), session_name: 'session1' },
    });
    const [lease] = await leases(tenant);
    expect(taken.headers.get('x-lease-id')).toBe(lease!.leaseId);
    expect(taken.headers.get('x-lease-ttl')).toBe('1800');
    expect(lease!.holder).toBe(`http:${subject.replace('key:', '')}`);
    const none = await call('GET /session', { key });
    expect(none).toMatchObject({
      status: 503,
      body: { detail: { error: 'no_free_session', in_floodwait: 0, next_release_in: expect.any(Number) } },
    });
    const { next_release_in: seconds } = (none.body as { detail: { next_release_in: number } }).detail;
    expect(seconds).toBeGreaterThan(1_790);
    expect(seconds).toBeLessThanOrEqual(1_800);
    expect(none.headers.get('retry-after')).toBe(String(seconds));
  });

  test('three wait for an hour; nothing has an end', async () => {
    const tenant = await mesh.tenant(4);
    const { key } = tenant.key();
    for (const index of [0, 1, 2]) await wait(tenant, index, '3600 s');
    await call(`POST /invalidate?session_id=${tenant.sessionIds[3]}`, { key });
    const waiting = await call('GET /session', { key });
    expect(waiting).toMatchObject({
      status: 503,
      body: { detail: { error: 'no_free_session', in_floodwait: 3 } },
    });
    const { detail } = waiting.body as { detail: { next_release_in: number } };
    expect([3_599, 3_600]).toContain(detail.next_release_in);
    for (const sessionId of tenant.sessionIds)
      await call(`POST /invalidate?session_id=${sessionId}`, { key });
    expect((await call('GET /session', { key })).body).toEqual({
      detail: { error: 'no_free_session', in_floodwait: 0, next_release_in: null },
    });
  });

  test('only sessions that have a file', async () => {
    const tenant = await mesh.tenant(2);
    const { key } = tenant.key();
    await mesh.query('update sessions set has_file = false where session_id = $1', [tenant.sessionIds[0]]);
    expect((await call('GET /session', { key })).body).toMatchObject({
      session_id: Number(tenant.sessionIds[1]),
    });
    expect(await call('GET /session', { key })).toMatchObject({ status: 503 });
  });

  test('many at once get different sessions', async () => {
    const tenant = await mesh.tenant(10);
    const { key } = tenant.key();
    const taken = await Promise.all(Array.from({ length: 20 }, () => call('GET /session', { key })));
    const ids = taken.flatMap(({ status, body }) =>
      status === 200 ? [(body as { session_id: number }).session_id] : [],
    );
    expect(new Set(ids).size).toBe(10);
    expect(ids).toHaveLength(10);
  });

  test('at the end of its time it is free; with the setting, kept back', async () => {
    const free = await mesh.tenant(1);
    const short = await mesh.addGateway({ leaseTtlMs: 5_000 });
    const { key } = free.key();
    expect((await call('GET /session', { key, url: short.url })).headers.get('x-lease-ttl')).toBe('5');
    const kept = await mesh.tenant(1);
    const { key: keptKey } = kept.key();
    const keeping = await mesh.addGateway({ leaseTtlMs: 5_000, quarantineMs: 3_600_000 });
    await call('GET /session', { key: keptKey, url: keeping.url });
    await vi.waitFor(
      async () => expect((await call('GET /status', { key })).body).toMatchObject({ free: 1, in_use: 0 }),
      { timeout: 15_000, interval: 200 },
    );
    await vi.waitFor(
      async () =>
        expect((await call('GET /status', { key: keptKey })).body).toMatchObject({ free: 0, in_use: 0 }),
      { timeout: 15_000, interval: 200 },
    );
  });

  test('asked again with the same Idempotency-Key, the same session; with another, another', async () => {
    const tenant = await mesh.tenant(2);
    const { key } = tenant.key();
    const ask = async (name: string) => call('GET /session', { key, headers: { 'Idempotency-Key': name } });
    const first = await ask('one');
    const again = await ask('one');
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('x-lease-id')).toBe(first.headers.get('x-lease-id'));
    expect((await ask('two')).body).not.toEqual(first.body);
    expect(await ask('x'.repeat(300))).toMatchObject({
      status: 422,
      body: { detail: [{ type: 'string_too_long' }] },
    });
  });

  test('a pool that is away is a 503 that these clients understand', async () => {
    const tenant = await mesh.tenant(1);
    const { key } = tenant.key();
    const { url } = await mesh.addGateway({ poolAddress: '127.0.0.1:1' });
    const none = await call('GET /session', { key, url });
    expect(none).toMatchObject({
      status: 503,
      body: { detail: { error: 'session_pool_unavailable', in_floodwait: 0, next_release_in: 1 } },
    });
    const others = await Promise.all(
      CALLS.filter((target) => target !== 'GET /session').map((target) => call(target, { key, url })),
    );
    expect(others.map(({ status }) => status)).toEqual([503, 503, 503, 500]);
    expect(others[0]!.headers.get('retry-after')).toBe('1');
    expect(others[0]!.body).toEqual({ detail: expect.stringContaining('SessionPoolService') });
  });
});

describe('POST /release', () => {
  const body = new URLSearchParams({ session_id: '' });

  test('frees it, by query or form; again, and for ids that nobody knows, the same answer', async () => {
    const tenant = await mesh.tenant(1);
    const { key } = tenant.key();
    const id = Number(tenant.sessionIds[0]);
    body.set('session_id', String(id));
    await call('GET /session', { key });
    const released = { status: 200, body: { status: 'released', session_id: id } };
    expect(await call(`POST /release?session_id=${id}`, { key })).toMatchObject(released);
    expect(await leases(tenant)).toEqual([]);
    expect(await call(`POST /release?session_id=${id}`, { key })).toMatchObject(released);
    await call('GET /session', { key });
    expect(await call('POST /release', { key, body })).toMatchObject(released);
    expect(await leases(tenant)).toEqual([]);
    await call('GET /session', { key });
    const multipart = new FormData();
    multipart.set('session_id', String(id));
    expect(await call('POST /release', { key, body: multipart })).toMatchObject(released);
    expect(await leases(tenant)).toEqual([]);
    for (const unknown of [0, -3, 987_654_321])
      expect((await call(`POST /release?session_id=${unknown}`, { key })).body).toEqual({
        status: 'released',
        session_id: unknown,
      });
    await vi.waitFor(() =>
      expect(mesh.logLines.filter(({ event }) => event === 'release_freed_nothing').length).toBeGreaterThan(
        3,
      ),
    );
  });

  test('frees nothing that another key took, or that was not taken over HTTP', async () => {
    const tenant = await mesh.tenant(2);
    const [one, two] = [tenant.key(), tenant.key()];
    const { session_id: id } = (await call('GET /session', { key: one.key })).body as { session_id: number };
    await tenant.client.acquireLease({
      ttl: durationFromMs(60_000),
      holder: `http:${two.subject.replace('key:', '')}`,
    });
    expect(await leases(tenant)).toHaveLength(2);
    for (const sessionId of tenant.sessionIds)
      await call(`POST /release?session_id=${sessionId}`, { key: two.key });
    expect(await leases(tenant)).toHaveLength(2);
    await call(`POST /release?session_id=${id}`, { key: one.key });
    expect(await leases(tenant)).toHaveLength(1);
  });

  test('with X-Lease-Id it frees that lease and no later one, through any gateway', async () => {
    const tenant = await mesh.tenant(1);
    const { key } = tenant.key();
    const other = await mesh.addGateway();
    const first = await call('GET /session', { key });
    const target = `POST /release?session_id=${tenant.sessionIds[0]}`;
    const lease = (taken: Called) => ({ 'X-Lease-Id': taken.headers.get('x-lease-id')! });
    await call(target, { key, headers: lease(first), url: other.url });
    expect(await leases(tenant)).toEqual([]);
    const second = await call('GET /session', { key });
    expect(await call(target, { key, headers: lease(first) })).toMatchObject({ status: 200 });
    expect(await call(target, { key, headers: { 'X-Lease-Id': 'nonsense' } })).toMatchObject({ status: 200 });
    expect(await leases(tenant)).toHaveLength(1);
    await call(target, { key, headers: lease(second) });
    expect(await leases(tenant)).toEqual([]);
  });
});

describe('session_id', () => {
  test.each(['/release', '/invalidate'])('missing or no integer is 422: %s', async (path) => {
    const { key } = (await mesh.tenant(0)).key();
    const missing = await call(`POST ${path}`, { key });
    expect(missing).toMatchObject({
      status: 422,
      body: { detail: [{ loc: ['query', 'session_id'], msg: expect.any(String), type: 'missing' }] },
    });
    for (const text of ['abc', '', '4.2', '0x10', '1e3', '٤٢'])
      expect(await call(`POST ${path}?session_id=${encodeURIComponent(text)}`, { key })).toMatchObject({
        status: 422,
        body: { detail: [{ loc: ['query', 'session_id'], type: 'int_parsing' }] },
      });
    const form = new URLSearchParams({ session_id: 'x' });
    expect(await call(`POST ${path}`, { key, body: form })).toMatchObject({
      status: 422,
      body: { detail: [{ loc: ['body', 'session_id'] }] },
    });
    expect(await call(`POST ${path}?session_id=${'9'.repeat(400)}`, { key })).toMatchObject({ status: 422 });
  });

  test('a number of any size comes back as it was', async () => {
    const { key } = (await mesh.tenant(0)).key();
    const response = await fetch(`${mesh.url}/release?session_id=9223372036854775807`, {
      method: 'POST',
      headers: { 'X-API-Key': key },
    });
    expect(await response.text()).toBe('{"status":"released","session_id":9223372036854775807}');
  });
});

describe('POST /invalidate', () => {
  test('out of the pool until it is restored, and its lease ends; again the same', async () => {
    const tenant = await mesh.tenant(1);
    const { key } = tenant.key();
    const [sessionId] = tenant.sessionIds;
    await call('GET /session', { key });
    const target = `POST /invalidate?session_id=${sessionId}`;
    const invalidated = { status: 200, body: { status: 'invalidated', session_id: Number(sessionId) } };
    expect(await call(target, { key })).toMatchObject(invalidated);
    expect(await call(target, { key })).toMatchObject(invalidated);
    expect(await leases(tenant)).toEqual([]);
    expect(await call('GET /session', { key })).toMatchObject({ status: 503 });
    await tenant.client.restoreSession({ sessionId });
    expect(await call('GET /session', { key })).toMatchObject({ status: 200 });
    expect(await call('POST /invalidate?session_id=987654321', { key })).toMatchObject({ status: 200 });
  });
});

describe('POST /sync', () => {
  test('without a folder: 500, with what to do', async () => {
    const { key } = (await mesh.tenant(0)).key();
    const answer = await call('POST /sync', { key });
    expect(answer).toMatchObject({ status: 500, body: { detail: expect.stringContaining('SESSIONS_DIR') } });
  });
});

describe('what a framework would answer', () => {
  test('unknown paths, other methods, a slash too many', async () => {
    const get = async (path: string, method = 'GET') => {
      const response = await fetch(mesh.url + path, { method, redirect: 'manual' });
      return {
        status: response.status,
        location: response.headers.get('location'),
        text: await response.text(),
      };
    };
    expect(await get('/nothing')).toMatchObject({ status: 404, text: '{"detail":"Not Found"}' });
    expect(await get('/status', 'POST')).toMatchObject({
      status: 405,
      text: '{"detail":"Method Not Allowed"}',
    });
    expect(await get('/release/?session_id=1', 'POST')).toMatchObject({
      status: 307,
      location: '/release?session_id=1',
    });
    expect(await get('//status')).toMatchObject({ status: 404 });
  });

  test('a form that is too large is refused', async () => {
    const { key } = (await mesh.tenant(0)).key();
    const response = await fetch(`${mesh.url}/release`, {
      method: 'POST',
      headers: { 'X-API-Key': key },
      body: new URLSearchParams({ session_id: '1'.repeat(100_000) }),
    });
    expect(response.status).toBe(413);
  });

  test('/docs is a page that runs nothing but itself', async () => {
    const response = await fetch(`${mesh.url}/docs`);
    const page = await response.text();
    expect(response.headers.get('content-type')).toContain('text/html');
    expect(response.headers.get('content-security-policy')).toMatch(/script-src 'sha256-[\w+/]+='/);
    expect(page).not.toMatch(/(src|href)="(https?:)?\/\//);
  });
});
