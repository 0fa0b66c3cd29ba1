import { randomUUID } from 'node:crypto';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { ProxyState, type Proxy } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import * as requests from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { startTestTelegram, type TestTelegram } from '../../../tests/support/local-telegram.ts';
import { startSocks5, type Socks5Fault, type Socks5Server } from '../../../tests/support/socks5.ts';
import { proxyRoutes } from '../proxies/routes.ts';
import { callOf, openTestRegistry, readOutbox, refusal, type TestRegistry } from '../test-registry.ts';
import { createChecker, type CheckSettings } from './checker.ts';
import { checkRoutes } from './routes.ts';
import { claimDue, recordFinding } from './store.ts';
import { startSweep, type Sweep } from './sweep.ts';

let registry: TestRegistry;
let telegram: TestTelegram;
let socks5: Socks5Server;
let settings: CheckSettings;
beforeAll(async () => {
  registry = await openTestRegistry({ privateAddresses: 'loopback' });
  telegram = await startTestTelegram();
});
beforeEach(async () => {
  socks5 = await startSocks5({ username: 'user', password: 'secret' });
  const { host, port } = telegram.telegram.dataCenters[1]!;
  settings = { dataCenter: { host, port }, timeoutMs: 5_000, slowAfterMs: 4_000, everyMs: 300_000 };
});
afterEach(async () => {
  await socks5.close();
  await sql`delete from proxies`.execute(registry.database.kysely);
  await sql`delete from outbox`.execute(registry.database.kysely);
});
afterAll(async () => {
  await telegram.close();
  await registry.close();
});

const ctx = callOf(randomUUID());

async function add(proxy: { port?: number; password?: string } = {}): Promise<string> {
  const whole = { host: '127.0.0.1', port: socks5.port, username: 'user', password: 'secret', ...proxy };
  const request = create(requests.CreateProxyRequestSchema, { proxy: whole });
  return ((await proxyRoutes(registry).createProxy(request, ctx)).proxy as Proxy).proxyId;
}

async function check(proxyId: string, changes: Partial<CheckSettings> = {}): Promise<Proxy> {
  const checker = createChecker(registry, { ...settings, ...changes });
  const request = create(requests.CheckProxyRequestSchema, { proxyId });
  return (await checkRoutes(registry, checker).checkProxy(request, ctx)).proxy as Proxy;
}

async function events(): Promise<(string | undefined)[]> {
  return (await readOutbox(registry)).map(({ payload }) => payload.case);
}

function resPq(nonce: Buffer): Buffer {
  const body = Buffer.concat([Buffer.of(0x63, 0x24, 0x16, 0x05), nonce, Buffer.alloc(44)]);
  const head = Buffer.alloc(24);
  head.writeUInt32LE(20 + body.length, 0);
  head.writeUInt32LE(body.length, 20);
  return Buffer.concat([head, body]);
}

describe('a proxy that is looked at', () => {
  test('is up when a data centre answers through it', async () => {
    const proxyId = await add();
    const proxy = await check(proxyId);
    expect(proxy).toMatchObject({ state: ProxyState.UP, stateReason: '', exitAddress: '' });
    expect(durationMs(proxy.latency!)).toBeGreaterThan(0);
    expect(proxy.checkTime).toBeDefined();
    const { host, port } = settings.dataCenter;
    expect(socks5.visits).toEqual([
      { username: 'user', destination: `${host}:${port}`, outcome: 'connected' },
    ]);
    await vi.waitFor(() => expect(socks5.open).toBe(0));
    const [event] = await readOutbox(registry);
    expect(event).toMatchObject({
      entityId: proxyId,
      tenantId: ctx.principal.tenantId,
      sequence: 1n,
      payload: { case: 'proxyUp', value: { proxyId } },
    });
  });

  test.each([
    ['198.41.0.77', '198.41.0.77'],
    ['10.0.0.7', ''],
  ])('that says it connects from %s comes out with %j', async (boundAddress, exitAddress) => {
    await socks5.close();
    socks5 = await startSocks5({ username: 'user', password: 'secret', boundAddress });
    expect(await check(await add())).toMatchObject({ state: ProxyState.UP, exitAddress });
  });

  test('is slow when it takes long', async () => {
    const proxy = await check(await add(), { slowAfterMs: 0.001 });
    expect(proxy).toMatchObject({
      state: ProxyState.SLOW,
      stateReason: expect.stringContaining('counts as slow'),
    });
    expect(await events()).toEqual(['proxyUp']);
  });

  test.each<[Socks5Fault, RegExp]>([
    ['hang-after-connect', /did not answer within 300 ms/],
    ['hang-before-reply', /did not answer within 300 ms/],
    ['black-hole', /data centre did not answer within 300 ms/],
    ['refuse', /rules do not allow/],
    ['unreachable', /data centre can not be reached/],
    ['reset', /can not be reached|closed/],
    ['garbage', /does not speak SOCKS5/],
  ])('is down when it does this: %s', async (fault, reason) => {
    socks5.fault = fault;
    const proxyId = await add();
    const proxy = await check(proxyId, { timeoutMs: 300 });
    expect(proxy).toMatchObject({ state: ProxyState.DOWN, stateReason: expect.stringMatching(reason) });
    expect(proxy.latency).toBeUndefined();
    expect(proxy.stateReason).not.toContain('secret');
    const [event] = await readOutbox(registry);
    expect(event!.payload).toMatchObject({
      case: 'proxyDown',
      value: { proxyId, reason: proxy.stateReason },
    });
  });

  test('is down when its password is wrong, or nobody listens', async () => {
    expect((await check(await add({ password: 'other' }))).stateReason).toMatch(/user name and password/);
    expect(await check(await add({ port: 1 }))).toMatchObject({ state: ProxyState.DOWN });
  });

  test('is down when it leads to something else', async () => {
    const strangers = await Promise.all(
      [
        (chunk: Buffer) => Buffer.concat([Buffer.from([40, 0, 0, 0]), Buffer.alloc(40), chunk]),
        () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
        // An answer to another question.
        () => resPq(Buffer.alloc(16, 7)),
        // An echo: what it says has the nonce in it.
        (chunk: Buffer) => chunk.subarray(4),
      ].map(
        (answer) =>
          new Promise<Server>((resolve) => {
            const server = createServer((socket) => {
              socket.on('data', (chunk: Buffer) => socket.write(answer(chunk)));
              socket.on('error', () => undefined);
            });
            server.listen(0, '127.0.0.1', () => resolve(server));
          }),
      ),
    );
    for (const server of strangers) {
      const { port } = server.address() as AddressInfo;
      const proxyId = await add();
      const proxy = await check(proxyId, { dataCenter: { host: '127.0.0.1', port }, timeoutMs: 2_000 });
      expect(proxy).toMatchObject({
        state: ProxyState.DOWN,
        stateReason: expect.stringMatching(/no data centre/),
      });
      await sql`delete from proxies`.execute(registry.database.kysely);
      server.close();
    }
  });

  test('tells of coming and going, and of nothing between', async () => {
    const proxyId = await add();
    await check(proxyId);
    await check(proxyId);
    await check(proxyId, { slowAfterMs: 0.001 });
    socks5.fault = 'refuse';
    await check(proxyId);
    await check(proxyId);
    socks5.fault = undefined;
    await check(proxyId);
    expect(await events()).toEqual(['proxyUp', 'proxyDown', 'proxyUp']);
    expect((await readOutbox(registry)).map(({ sequence }) => sequence)).toEqual([1n, 2n, 3n]);
  });

  test('that changed meanwhile is not judged by what it was', async () => {
    const proxyId = await add();
    const [target] = await claimDue(registry, 1, 1_000);
    expect(target!.proxy_id).toBe(proxyId);
    const request = create(requests.UpdateProxyRequestSchema, {
      proxy: { proxyId, port: 9 },
      updateMask: { paths: ['port'] },
    });
    await proxyRoutes(registry).updateProxy(request, ctx);
    await recordFinding(
      registry,
      target!,
      { state: ProxyState.UP, reason: '', latencyMs: 1, exitAddress: '' },
      1_000,
    );
    const { rows } = await sql`select state, check_time from proxy_status`.execute(registry.database.kysely);
    expect(rows).toEqual([{ state: ProxyState.UNCHECKED, check_time: null }]);
    expect(await events()).toEqual([]);
  });

  test('by several callers at once is looked at once', async () => {
    await add();
    const [target] = await claimDue(registry, 1, 1_000);
    const checker = createChecker(registry, settings);
    await Promise.all(Array.from({ length: 5 }, () => checker.check(target!)));
    expect(socks5.visits).toHaveLength(1);
  });

  test("and is another tenant's is not there", async () => {
    const proxyId = await add();
    const request = create(requests.CheckProxyRequestSchema, { proxyId });
    const error = await refusal(
      checkRoutes(registry, createChecker(registry, settings)).checkProxy(request, callOf(randomUUID())),
    );
    expect(error.reason).toBe(ErrorReason.NOT_FOUND);
    expect(socks5.visits).toEqual([]);
  });
});

describe('the sweep', () => {
  let sweeps: Sweep[] = [];
  afterEach(async () => {
    await Promise.all(sweeps.map((one) => one.stop()));
    sweeps = [];
  });
  function sweep(changes: Partial<CheckSettings> = {}, concurrency = 4): Sweep {
    const started = startSweep(registry, createChecker(registry, { ...settings, ...changes }), {
      concurrency,
    });
    sweeps.push(started);
    return started;
  }
  async function dueIn(): Promise<number[]> {
    const { rows } = await sql<{ seconds: number }>`
      select extract(epoch from next_check_time - check_time)::float8 as seconds from proxy_status
      where check_time is not null`.execute(registry.database.kysely);
    return rows.map(({ seconds }) => seconds);
  }

  test('of several replicas looks at each proxy once, and again when its time has come', async () => {
    const list = Array.from({ length: 30 }, (_, index) => `127.0.0.1:${socks5.port}:user${index}:x`).join(
      '\n',
    );
    await proxyRoutes(registry).importProxies(create(requests.ImportProxiesRequestSchema, { list }), ctx);
    const most: number[] = [];
    const watch = setInterval(() => most.push(socks5.open), 1);
    sweep();
    sweep();
    sweep();
    await expect.poll(async () => (await dueIn()).length).toBe(30);
    clearInterval(watch);
    expect((await readOutbox(registry)).map(({ payload }) => payload.case)).toEqual(
      Array.from({ length: 30 }, () => 'proxyDown'),
    );
    expect(Math.max(...most)).toBeLessThanOrEqual(12);
    // 10 s at first, with jitter.
    for (const seconds of await dueIn()) expect(Math.abs(seconds - 10)).toBeLessThan(1.5);
    await sql`update proxy_status set next_check_time = clock_timestamp()`.execute(registry.database.kysely);
    for (const one of sweeps) one.wake();
    await expect.poll(async () => (await dueIn()).every((seconds) => Math.abs(seconds - 20) < 3)).toBe(true);
  });

  test('looks at a proxy that works as often as it is told', async () => {
    await add();
    sweep();
    await expect.poll(() => events()).toEqual(['proxyUp']);
    expect(Math.abs((await dueIn())[0]! - 300)).toBeLessThan(31);
  });

  test('hears of one that went, and of one that came back', async () => {
    await add();
    const running = sweep({ everyMs: 50, timeoutMs: 1_000 });
    await expect.poll(() => events()).toEqual(['proxyUp']);
    socks5.fault = 'reset';
    const poke = setInterval(() => running.wake(), 20);
    await expect.poll(() => events()).toEqual(['proxyUp', 'proxyDown']);
    socks5.fault = undefined;
    await expect.poll(() => events()).toEqual(['proxyUp', 'proxyDown', 'proxyUp']);
    clearInterval(poke);
  });

  test('takes over what a replica that died had claimed', async () => {
    const proxyId = await add();
    expect(await claimDue(registry, 10, 200)).toHaveLength(1);
    expect(await claimDue(registry, 10, 200)).toEqual([]);
    await expect.poll(async () => (await claimDue(registry, 10, 200))[0]?.proxy_id).toBe(proxyId);
  });
});
