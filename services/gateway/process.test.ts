import { once } from 'node:events';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { createAuthenticator } from '#lib/auth/authenticate.ts';
import { meshKeys } from '#lib/auth/mesh-token.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { implement, type AccessTable, type CallContext, type Handlers } from '#lib/rpc/implement.ts';
import { serve, type RpcServer } from '#lib/rpc/server.ts';
import { failure, reasonOf, untilAborted } from '../../tests/support/edge.ts';
import { makeMeshEnvironment, type MeshEnvironment } from '../../tests/support/mesh-environment.ts';
import { startServiceProcess, type ServiceProcess } from '../../tests/support/service-process.ts';

/** The gateway's own process, before a pool that is made of two calls. */
let environment: MeshEnvironment;
let pool: RpcServer;
let gateway: ServiceProcess;
let url: string;
let answerStatus: PromiseWithResolvers<void>;
let watching = 0;

beforeAll(async () => {
  environment = await makeMeshEnvironment({});
  const keys = meshKeys([Buffer.from(environment.environment['TELEGATE_MESH_KEY']!, 'base64')]);
  const operatorKey = 'nobody calls with this one';
  pool = await serve({
    host: '127.0.0.1',
    port: 0,
    implementations: [poolOfTwoCalls()],
    authenticate: createAuthenticator({ meshKeys: keys, operatorKey, clock: systemClock }),
    reflection: 'off',
    log: pino({ level: 'silent' }),
  });
});
afterAll(async () => {
  await pool.drain(0);
  await environment.database.drop();
});
beforeEach(async () => {
  answerStatus = Promise.withResolvers();
  gateway = await startServiceProcess('gateway', {
    ...environment.environment,
    SESSION_POOL_ADDRESS: `127.0.0.1:${pool.port}`,
    SHUTDOWN_GRACE: '3s',
  });
  url = `http://${gateway.address}`;
  return () => gateway.stop('SIGKILL');
});

function poolOfTwoCalls() {
  const names = SessionPoolService.methods.map(({ localName }) => localName);
  const handlers = {
    ...Object.fromEntries(names.map((name) => [name, () => Promise.reject(new Error('not served'))])),
    async getPoolStatus() {
      await answerStatus.promise;
      return { status: { total: 7 } };
    },
    async watchPool(_: object, out: { send(message: object): Promise<void> }, ctx: CallContext) {
      watching += 1;
      await out.send({ status: { total: 7 } });
      await untilAborted(ctx);
      watching -= 1;
    },
  } as unknown as Handlers<typeof SessionPoolService>;
  const access = Object.fromEntries(names.map((name) => [name, 'pool:read']));
  return implement(
    SessionPoolService,
    handlers,
    access as unknown as AccessTable<typeof SessionPoolService>,
    {
      longLived: ['watchPool'],
    },
  );
}

function clientOver(transport: typeof createGrpcTransport | typeof createConnectTransport) {
  return createClient(
    SessionPoolService,
    transport({
      baseUrl: url,
      httpVersion: '2',
      interceptors: [
        (next) => (request) => {
          request.header.set('x-api-key', environment.operatorKey);
          return next(request);
        },
      ],
    }),
  );
}

/** Resolves when its first message has come; `end` is how it ends. */
async function watch(client: ReturnType<typeof clientOver>) {
  const stream = client.watchPool({})[Symbol.asyncIterator]();
  await stream.next();
  return { end: failure(stream.next()) };
}

test('SIGTERM: not ready, streams told, calls finished, then gone', async () => {
  const streams = await Promise.all(
    [createGrpcTransport, createConnectTransport].map((transport) => watch(clientOver(transport))),
  );
  const call = clientOver(createGrpcTransport).getPoolStatus({});
  const overHttp1 = fetch(`${url}/telegate.session_pool.v1.SessionPoolService/GetPoolStatus`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': environment.operatorKey },
    body: '{}',
  });
  await expect.poll(() => pool.open).toMatchObject({ unary: 2, streams: 2 });
  expect((await fetch(`${gateway.admin}/readyz`)).status).toBe(200);
  const exit = once(gateway.child, 'exit');
  gateway.child.kill('SIGTERM');
  for (const { end } of streams) expect(reasonOf(await end)).toBe('GOING_AWAY');
  expect((await fetch(`${gateway.admin}/readyz`)).status).toBe(503);
  await expect(fetch(url)).rejects.toThrow(/./);
  await expect.poll(() => watching).toBe(0);
  answerStatus.resolve();
  expect(await call).toMatchObject({ status: { total: 7 } });
  expect(await (await overHttp1).json()).toMatchObject({ status: { total: 7 } });
  expect(await exit).toEqual([0, null]);
});

test('what does not finish in the grace is cut off', async () => {
  const call = clientOver(createGrpcTransport).getPoolStatus({});
  call.catch(() => undefined);
  await expect.poll(() => pool.open.unary).toBe(1);
  const exit = once(gateway.child, 'exit');
  const from = performance.now();
  gateway.child.kill('SIGTERM');
  await expect(call).rejects.toThrow(/./);
  expect(await exit).toEqual([0, null]);
  expect(performance.now() - from).toBeLessThan(7_000);
  answerStatus.resolve();
});

test('one service that is away is said by its name, and the others work', async () => {
  answerStatus.resolve();
  const call = (path: string) =>
    fetch(`${url}/telegate.${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': environment.operatorKey },
      body: '{}',
    });
  const away = await call('proxy_registry.v1.ProxyRegistryService/ListProxies');
  expect([away.status, away.headers.get('retry-after')]).toEqual([503, '1']);
  expect(await away.json()).toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('ProxyRegistryService'),
    details: [
      { debug: { reason: 'DEPENDENCY_UNAVAILABLE', metadata: { dependency: 'ProxyRegistryService' } } },
      { type: 'google.rpc.RetryInfo', debug: { retryDelay: '1s' } },
    ],
  });
  expect((await call('session_pool.v1.SessionPoolService/GetPoolStatus')).status).toBe(200);
});
