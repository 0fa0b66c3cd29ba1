import { randomUUID } from 'node:crypto';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import type { ProxySchema } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import { ProxyState, type Proxy } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import * as requests from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { rotateTable } from '#lib/secrets/rotation.ts';
import type { CallContext } from '#lib/rpc/implement.ts';
import { addProxies, callOf, openTestRegistry, refusal, type TestRegistry } from '../test-registry.ts';
import { masked, readPasswords, sealedProxyPasswords } from './passwords.ts';
import { proxyRoutes } from './routes.ts';

let registry: TestRegistry;
beforeAll(async () => {
  registry = await openTestRegistry();
});
afterAll(() => registry.close());

type Init = MessageInitShape<typeof ProxySchema>;

async function add(ctx: CallContext, proxy: Init = {}, requestId = ''): Promise<Proxy> {
  const whole = { host: '198.41.0.4', port: 1080, ...proxy };
  const request = create(requests.CreateProxyRequestSchema, { proxy: whole, requestId });
  return (await proxyRoutes(registry).createProxy(request, ctx)).proxy as Proxy;
}

async function get(ctx: CallContext, proxyId: string): Promise<Proxy> {
  const request = create(requests.GetProxyRequestSchema, { proxyId });
  return (await proxyRoutes(registry).getProxy(request, ctx)).proxy as Proxy;
}

async function update(ctx: CallContext, proxy: Init, paths: string[]): Promise<Proxy> {
  const request = create(requests.UpdateProxyRequestSchema, { proxy, updateMask: { paths } });
  return (await proxyRoutes(registry).updateProxy(request, ctx)).proxy as Proxy;
}

function bringIn(ctx: CallContext, list: string, more: { requestId?: string; country?: string } = {}) {
  const request = create(requests.ImportProxiesRequestSchema, { list, ...more });
  return proxyRoutes(registry).importProxies(request, ctx) as Promise<requests.ImportProxiesResponse>;
}

const user = () => callOf(randomUUID());

async function passwordOf(proxyId: string): Promise<string | undefined> {
  return (await readPasswords(registry.database.kysely, registry.masterKeys, [proxyId])).get(proxyId);
}

describe('a proxy', () => {
  test('is created, read, and its password is sealed and never answered', async () => {
    const ctx = user();
    const proxy = await add(ctx, {
      username: 'me',
      password: 'canary-4711',
      name: 'home',
      labels: { pool: 'a' },
      country: 'de',
      capacity: 3,
    });
    expect(proxy).toMatchObject({
      host: '198.41.0.4',
      pinnedAddress: '198.41.0.4',
      username: 'me',
      password: '',
      country: 'DE',
      capacity: 3,
      state: ProxyState.UNCHECKED,
      assignedCount: 0,
    });
    expect(await get(ctx, proxy.proxyId)).toEqual(proxy);
    expect(await passwordOf(proxy.proxyId)).toBe('canary-4711');
    const { rows } = await sql<{ dump: string }>`
      select coalesce(string_agg(t::text, ''), '') as dump from (
        select p::text as t from proxies p union all select p::text from proxy_passwords p
        union all select encode(ciphertext, 'escape') from proxy_passwords
        union all select a::text from audit a) as everything`.execute(registry.database.kysely);
    expect(rows[0]!.dump).toContain('198.41.0.4');
    expect(rows[0]!.dump).not.toContain('canary-4711');
  });

  test("does not open with another proxy's row", async () => {
    const ctx = user();
    const one = await add(ctx, { username: 'one', password: 'first' });
    const two = await add(ctx, { username: 'two', password: 'second' });
    await sql`
      update proxy_passwords set wrapped_key = other.wrapped_key, ciphertext = other.ciphertext
      from proxy_passwords as other
      where proxy_passwords.proxy_id = ${one.proxyId}::uuid and other.proxy_id = ${two.proxyId}::uuid
    `.execute(registry.database.kysely);
    await expect(passwordOf(one.proxyId)).rejects.toThrow(/does not open/);
    // It can be written anew.
    await update(ctx, { proxyId: one.proxyId, name: 'n' }, ['name']);
    await update(ctx, { proxyId: one.proxyId, password: 'third' }, ['password']);
    expect(await passwordOf(one.proxyId)).toBe('third');
  });

  test('is there once a host, port and user name, a tenant', async () => {
    const ctx = user();
    await add(ctx, { username: 'u' });
    expect((await refusal(add(ctx, { username: 'u', password: 'x' }))).reason).toBe(
      ErrorReason.ALREADY_EXISTS,
    );
    await add(ctx, { username: 'v' });
    await add(user(), { username: 'u' });
    registry.names.set('proxy.example', ['198.41.0.5']);
    await add(ctx, { host: 'Proxy.Example.' });
    expect((await refusal(add(ctx, { host: 'proxy.example' }))).reason).toBe(ErrorReason.ALREADY_EXISTS);
    await add(ctx, { host: '2A00:1450:4001:0:0::1' });
    expect((await refusal(add(ctx, { host: '[2a00:1450:4001::1]' }))).reason).toBe(
      ErrorReason.ALREADY_EXISTS,
    );
  });

  test('of a repeated request is created once, at the same time too', async () => {
    const ctx = user();
    const answers = await Promise.all(Array.from({ length: 6 }, () => add(ctx, { username: 'r' }, 'once')));
    expect(new Set(answers.map(({ proxyId }) => proxyId)).size).toBe(1);
    const other = await refusal(add(ctx, { username: 's' }, 'once'));
    expect(other.reason).toBe(ErrorReason.REQUEST_ID_REUSED);
    expect((await add(user(), { username: 'r' }, 'once')).proxyId).not.toBe(answers[0]!.proxyId);
  });

  test.each([
    ['127.0.0.1'],
    ['10.1.2.3'],
    ['192.168.0.1'],
    ['169.254.169.254'],
    ['100.64.0.1'],
    ['224.0.0.1'],
    ['0.0.0.0'],
    ['::1'],
    ['::ffff:127.0.0.1'],
    ['::ffff:a00:1'],
    ['64:ff9b::a9fe:a9fe'],
    ['fd00:ec2::254'],
    ['fe80::1'],
    ['fe80::1%eth0'],
    ['127.1'],
    ['2130706433'],
    ['0x7f000001'],
    ['localhost'],
    ['inside.example'],
    ['mixed.example'],
    ['nowhere.example'],
    [''],
    ['a b'],
  ])('at %s is refused', async (host) => {
    registry.names.set('localhost', ['127.0.0.1']);
    registry.names.set('inside.example', ['10.0.0.1']);
    registry.names.set('mixed.example', ['198.41.0.4', '::ffff:169.254.169.254']);
    const error = await refusal(add(user(), { host }));
    expect(error.fieldViolations).toEqual([
      expect.objectContaining({ field: 'proxy.host', description: expect.any(String) }),
    ]);
  });

  test('of this machine is taken where that is allowed, and of no group ever', async () => {
    const here = proxyRoutes(registry.with({ privateAddresses: 'loopback' }));
    const at = (host: string) =>
      here.createProxy(create(requests.CreateProxyRequestSchema, { proxy: { host, port: 1 } }), user());
    await at('127.0.0.1');
    await at('::ffff:127.0.0.1');
    expect((await refusal(at('10.0.0.1'))).reason).toBe(ErrorReason.INVALID_FIELD);
    const anywhere = proxyRoutes(registry.with({ privateAddresses: 'all' }));
    const everywhere = (host: string) =>
      anywhere.createProxy(create(requests.CreateProxyRequestSchema, { proxy: { host, port: 1 } }), user());
    await everywhere('10.0.0.1');
    for (const host of ['224.0.0.1', '0.0.0.0', 'ff02::1', '255.255.255.255', '::'])
      expect((await refusal(everywhere(host))).reason).toBe(ErrorReason.INVALID_FIELD);
  });

  test('tells all faults at once', async () => {
    const error = await refusal(
      add(user(), {
        host: '',
        port: 70_000,
        password: 'p',
        country: 'Germany',
        capacity: -1,
        name: 'x'.repeat(129),
      }),
    );
    expect(error.fieldViolations!.map(({ field }) => field).toSorted()).toEqual([
      'proxy.capacity',
      'proxy.country',
      'proxy.host',
      'proxy.name',
      'proxy.port',
      'proxy.username',
    ]);
    expect(error.message).not.toContain('canary');
  });

  test('is one too many', async () => {
    const few = proxyRoutes(registry.with({ proxyLimit: 2 }));
    const ctx = user();
    const at = (port: number) =>
      few.createProxy(
        create(requests.CreateProxyRequestSchema, { proxy: { host: '198.41.0.4', port } }),
        ctx,
      );
    await at(1);
    await at(2);
    expect((await refusal(at(3))).reason).toBe(ErrorReason.QUOTA_EXCEEDED);
    expect((await refusal(at(2))).reason).toBe(ErrorReason.ALREADY_EXISTS);
  });
});

test('a repeat is known by its password too, and the password is not kept', async () => {
  const ctx = user();
  const first = await add(ctx, { username: 'u', password: 'one' }, 'kept');
  expect(await add(ctx, { username: 'u', password: 'one' }, 'kept')).toEqual(first);
  const other = await refusal(add(ctx, { username: 'u', password: 'two' }, 'kept'));
  expect(other.reason).toBe(ErrorReason.REQUEST_ID_REUSED);
  const newest = { current: 2, keys: new Map([[2, Buffer.alloc(32, 2)], ...registry.masterKeys.keys]) };
  expect(masked(newest, 'one')).toBe(masked(registry.masterKeys, 'one'));
  expect(masked(registry.masterKeys, 'one')).not.toBe(masked(registry.masterKeys, 'two'));
});

describe('an update', () => {
  test('changes what the mask names, and the etag', async () => {
    const ctx = user();
    const proxy = await add(ctx, { username: 'u', password: 'p', name: 'old', labels: { a: '1' } });
    const { proxyId } = proxy;
    const after = await update(ctx, { proxyId, etag: proxy.etag, name: 'new', labels: { b: '2' } }, ['name']);
    expect(after).toMatchObject({ name: 'new', labels: { a: '1' }, host: '198.41.0.4' });
    expect(after.etag).not.toBe(proxy.etag);
    expect(await passwordOf(proxyId)).toBe('p');
    const stale = await refusal(update(ctx, { proxyId, etag: proxy.etag, name: 'x' }, ['name']));
    expect(stale.reason).toBe(ErrorReason.ETAG_MISMATCH);
    expect((await update(ctx, { proxyId, name: 'new' }, ['name'])).etag).toBe(after.etag);
  });

  test('of what is dialled makes it unchecked, of the rest does not', async () => {
    const ctx = user();
    const { proxyId } = await add(ctx, { username: 'u', password: 'p' });
    const markUp = () =>
      sql`update proxy_status set state = 2, failures = 3 where proxy_id = ${proxyId}::uuid`.execute(
        registry.database.kysely,
      );
    for (const [change, state] of [
      [{ name: 'n' }, ProxyState.UP],
      [{ capacity: 7 }, ProxyState.UP],
      [{ password: 'p' }, ProxyState.UP],
      [{ password: 'q' }, ProxyState.UNCHECKED],
      [{ port: 1081 }, ProxyState.UNCHECKED],
      [{ host: '198.41.0.9' }, ProxyState.UNCHECKED],
      [{ username: '' }, ProxyState.UNCHECKED],
    ] as const) {
      await markUp();
      expect(await update(ctx, { proxyId, ...change }, Object.keys(change))).toMatchObject({ state });
    }
    expect(await passwordOf(proxyId)).toBeUndefined();
    const lonely = await refusal(update(ctx, { proxyId, password: 'x' }, ['password']));
    expect(lonely.fieldViolations![0]!.field).toBe('proxy.username');
  });

  test('resolves a name when it is written, and at no other time', async () => {
    const ctx = user();
    registry.names.set('moves.example', ['198.41.0.7']);
    const { proxyId } = await add(ctx, { host: 'moves.example' });
    registry.names.set('moves.example', ['198.41.0.8']);
    expect((await update(ctx, { proxyId, port: 1081 }, ['port'])).pinnedAddress).toBe('198.41.0.7');
    expect((await update(ctx, { proxyId, host: 'moves.example' }, ['host'])).pinnedAddress).toBe(
      '198.41.0.8',
    );
    registry.names.set('moves.example', ['127.0.0.1']);
    await refusal(update(ctx, { proxyId, host: 'moves.example' }, ['host']));
    expect((await get(ctx, proxyId)).pinnedAddress).toBe('198.41.0.8');
  });

  test('does not make two of one', async () => {
    const ctx = user();
    await add(ctx, { username: 'a' });
    const { proxyId } = await add(ctx, { username: 'b' });
    const error = await refusal(update(ctx, { proxyId, username: 'a' }, ['username']));
    expect(error.reason).toBe(ErrorReason.ALREADY_EXISTS);
  });

  test.each([[[]], [['state']], [['name', 'proxy_id']]])('with the mask %j is refused', async (paths) => {
    const ctx = user();
    const { proxyId } = await add(ctx);
    expect((await refusal(update(ctx, { proxyId }, paths))).fieldViolations![0]!.field).toBe('update_mask');
  });

  test("of another tenant's proxy asks for no name", async () => {
    const { proxyId } = await add(user());
    registry.lookedUp.length = 0;
    const error = await refusal(update(user(), { proxyId, host: 'theirs.example' }, ['host']));
    expect(error.reason).toBe(ErrorReason.NOT_FOUND);
    expect(registry.lookedUp).toEqual([]);
  });
});

describe('a list', () => {
  test('comes in pages, by what is asked for', async () => {
    const ctx = user();
    const { tenantId } = ctx.principal;
    const ids = await addProxies(registry, tenantId, 5, { labels: { a: '1' }, country: 'DE' });
    await addProxies(registry, tenantId, 2, { state: 4 });
    await addProxies(registry, randomUUID(), 2);
    const list = (request: MessageInitShape<typeof requests.ListProxiesRequestSchema>) =>
      proxyRoutes(registry).listProxies(
        create(requests.ListProxiesRequestSchema, request),
        ctx,
      ) as Promise<requests.ListProxiesResponse>;
    const filter = { labels: { a: '1' }, country: 'de', state: ProxyState.UP };
    const first = await list({ ...filter, pageSize: 3 });
    expect(first.proxies.map(({ proxyId }) => proxyId)).toEqual(ids.slice(0, 3));
    const second = await list({ ...filter, pageSize: 3, pageToken: first.nextPageToken });
    expect(second.proxies.map(({ proxyId }) => proxyId)).toEqual(ids.slice(3));
    expect(second.nextPageToken).toBe('');
    await refusal(list({ pageSize: 3, pageToken: first.nextPageToken }));
    expect((await list({})).proxies).toHaveLength(7);
    await sql`update proxy_status set assigned_count = 10 where proxy_id = ${ids[0]}::uuid`.execute(
      registry.database.kysely,
    );
    expect((await list({ withRoomOnly: true })).proxies).toHaveLength(6);
  });
});

describe('an import', () => {
  test('adds what is good, counts what is there, names lines at fault without their text', async () => {
    const ctx = user();
    registry.names.set('named.example', ['198.41.0.20']);
    await add(ctx, { host: '198.41.0.11', port: 1 });
    const answer = await bringIn(
      ctx,
      [
        '# mine',
        '198.41.0.10:1080',
        '',
        '198.41.0.10:1080:user:canary:with:colons',
        'socks5://us%40er:canary%2F1@198.41.0.12:1080',
        'socks5h://named.example:9',
        '[2a00:1450:4001::5]:1080:u:p',
        '198.41.0.11:1',
        '198.41.0.10:1080:user:another',
        'http://198.41.0.1:80',
        '2a00:1450:4001::5:1080',
        '10.0.0.1:1080:u:canary',
        'nowhere.example:1080',
        'canary',
        '198.41.0.1:0',
        'socks5://u:%zz@198.41.0.1:1',
      ].join('\r\n'),
      { country: 'fr' },
    );
    expect(answer.proxyIds).toHaveLength(5);
    expect(answer.duplicateCount).toBe(2);
    expect(answer.faults.map(({ line }) => line)).toEqual([10, 11, 12, 13, 14, 15, 16]);
    expect(JSON.stringify(answer.faults)).not.toContain('canary');
    const added = await Promise.all(answer.proxyIds.map((proxyId) => get(ctx, proxyId)));
    expect(added.map(({ host, username, country }) => [host, username, country])).toEqual([
      ['198.41.0.10', '', 'FR'],
      ['198.41.0.10', 'user', 'FR'],
      ['198.41.0.12', 'us@er', 'FR'],
      ['named.example', '', 'FR'],
      ['2a00:1450:4001::5', 'u', 'FR'],
    ]);
    expect(await passwordOf(answer.proxyIds[1]!)).toBe('canary:with:colons');
    expect(await passwordOf(answer.proxyIds[2]!)).toBe('canary/1');
    expect(await passwordOf(answer.proxyIds[0]!)).toBeUndefined();
  });

  test('of thousands of lines is one piece of work, repeated or not', async () => {
    const ctx = user();
    const lines = Array.from(
      { length: 5_000 },
      (_, index) => `198.41.${index >> 8}.${index & 255}:1080:user${index}:password${index}`,
    ).join('\n');
    const answers = await Promise.all([
      bringIn(ctx, lines, { requestId: 'big' }),
      bringIn(ctx, lines, { requestId: 'big' }),
    ]);
    expect(answers[0].proxyIds).toHaveLength(5_000);
    expect(answers[1]).toEqual(answers[0]);
    expect(await bringIn(ctx, lines)).toMatchObject({ proxyIds: [], duplicateCount: 5_000 });
    expect(await passwordOf(answers[0].proxyIds[4_321]!)).toBe('password4321');
  });

  test.each([
    ['nothing', ' \n'],
    ['too many lines', '198.41.0.1:1\n'.repeat(10_001)],
    ['too many bytes', `${'x'.repeat(200)}\n`.repeat(9_999) + 'y'.repeat(200_000)],
  ])('of %s is refused', async (_, list) => {
    expect((await refusal(bringIn(user(), list))).fieldViolations![0]!.field).toBe('list');
  });
});

test("another tenant's proxy is not there", async () => {
  const { proxyId } = await add(user());
  const routes = proxyRoutes(registry);
  const stranger = user();
  const remove = create(requests.DeleteProxyRequestSchema, { proxyId, force: true });
  const errors = await Promise.all([
    refusal(get(stranger, proxyId)),
    refusal(update(stranger, { proxyId, name: 'mine' }, ['name'])),
    refusal(routes.deleteProxy(remove, stranger)),
  ]);
  for (const { reason } of errors) expect(reason).toBe(ErrorReason.NOT_FOUND);
});

test('every change is written down, and no password', async () => {
  const ctx = user();
  const { proxyId } = await add(ctx, { username: 'u', password: 'canary-99' });
  await update(ctx, { proxyId, password: 'canary-98' }, ['password']);
  await bringIn(ctx, '198.41.7.7:1:u:canary-97');
  await proxyRoutes(registry).deleteProxy(create(requests.DeleteProxyRequestSchema, { proxyId }), ctx);
  const { rows } = await sql<{ action: string; subject: string; entry: string }>`
    select action, subject, audit::text as entry from audit
    where tenant_id = ${ctx.principal.tenantId}::uuid order by audit_id`.execute(registry.database.kysely);
  expect(rows.map(({ action }) => action)).toEqual([
    'create_proxy',
    'update_proxy',
    'import_proxies',
    'delete_proxy',
  ]);
  for (const { entry, subject } of rows) {
    expect(subject).toBe('key:test');
    expect(entry).not.toContain('canary');
  }
});

test('passwords move to a new master key, and open by it alone', async () => {
  const { proxyId } = await add(user(), { username: 'u', password: 'kept' });
  const { kysely } = registry.database;
  const [first] = registry.masterKeys.keys.values();
  const both = {
    current: 2,
    keys: new Map([
      [2, Buffer.alloc(32, 2)],
      [1, first!],
    ]),
  };
  const rotation = await rotateTable(registry.database, both, sealedProxyPasswords);
  expect(rotation).toMatchObject({ failed: [] });
  expect([...rotation!.left.keys()]).toEqual([2]);
  const alone = { current: 2, keys: new Map([[2, Buffer.alloc(32, 2)]]) };
  expect((await readPasswords(kysely, alone, [proxyId])).get(proxyId)).toBe('kept');
  await rotateTable(registry.database, { ...both, current: 1 }, sealedProxyPasswords);
});
