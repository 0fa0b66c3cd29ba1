import { randomBytes } from 'node:crypto';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { queryObjects } from 'node:v8';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { FloodWaitKind, RefusalKind } from '#gen/telegate/local_telegram/v1/faults_pb.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { environmentOf, linkTo, makeSession } from '../../../tests/support/driver.ts';
import {
  cachedEntities,
  dialledPorts,
  plainClient,
  plainDefaults,
  type StringSession,
} from '../../../tests/support/gramjs.ts';
import { startControl, type TestControl } from '../../../tests/support/local-telegram-control.ts';
import { errorOf, startTestTelegram, type TestTelegram } from '../../../tests/support/local-telegram.ts';
import { liveSockets } from './census.ts';
import { Api } from './client.ts';
import type { TelegramEnvironment } from './environment.ts';
import { TelegramUnreachable } from './errors.ts';
import type { Link } from './link.ts';
import { authKeyOf, HEADER } from './mtproto/message-cipher.ts';
import { MtprotoSession } from './mtproto/session.ts';
import { packMessage, unpackMessage } from '../../local-telegram/crypto/message.ts';

/* What the library does wrong, played with the library itself, and beside it what the driver does. */

let server: TestTelegram;
let served: TestControl;
let telegram: TelegramEnvironment;

beforeAll(async () => {
  server = await startTestTelegram();
  served = await startControl(server.telegram);
  telegram = environmentOf(server.telegram);
});

afterEach(() => served.control.deleteAllFaults({}));

afterAll(async () => {
  await served.close();
  await server.close();
});

const limits = { deadlineMs: 5_000 };
const config = () => new Api.help.GetConfig();
const pending = Symbol('pending');
const floods = {
  FLOOD_WAIT_42: FloodWaitKind.FLOOD,
  FLOOD_PREMIUM_WAIT_42: FloodWaitKind.PREMIUM,
  SLOWMODE_WAIT_42: FloodWaitKind.SLOW_MODE,
} as const;

/** What became of it, or `pending` after so long. */
function after(ms: number, work: Promise<unknown>): Promise<unknown> {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const timer = setTimeout(() => resolve(pending), ms);
  work.then(resolve, resolve);
  return promise.finally(() => clearTimeout(timer));
}

function account() {
  const made = server.account({ firstName: 'Ann' });
  const { key } = server.telegram.makeAuthorizedKey(made);
  return { made, key, scope: { accountIds: [String(made.id)] } };
}

async function linked(key: Buffer): Promise<Link> {
  const link = await linkTo(telegram, { authKey: key });
  onTestFinished(() => link.close());
  return link;
}

async function silentPort(): Promise<number> {
  const open: Socket[] = [];
  const listening = createServer((socket) => void open.push(socket.resume()));
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    listening.close();
  });
  return (listening.address() as AddressInfo).port;
}

function connectionsOf(key: Buffer): number {
  const id = authKeyOf(key).id.toString('hex');
  return [...server.telegram.connections].filter((connection) => connection.uses(id)).length;
}

describe('where it dials', () => {
  test('the library: port 80 whatever the session says, and no port above 32767 in a stored session', async () => {
    expect(await dialledPorts(randomBytes(256), 40_443)).toEqual([80]);
    const client = await server.client(server.account());
    const session = client.session as StringSession;
    session.setDC(2, '127.0.0.1', 40_443);
    expect(() => session.save()).toThrow('out of range');
  });

  test('the driver: where the environment says, above 32767 too', async () => {
    expect(telegram.dataCenters.get(2)!.port).toBe(server.telegram.dataCenters[0]!.port);
    const link = await linked(account().key);
    expect((await link.invoke(config(), limits)).thisDc).toBe(2);
  });
});

describe('waits', () => {
  async function makeWait(scope: { accountIds: string[] }, kind: FloodWaitKind, seconds: bigint) {
    const fault = { case: 'floodWait' as const, value: { wait: { seconds }, kind } };
    await served.control.createFault({ spec: { scope: scope as never, count: 1, fault } });
  }

  test('the library sleeps them inside the call', async () => {
    const { key, scope } = account();
    const client = await server.resumed(key);
    client.floodSleepThreshold = plainDefaults().floodSleepThreshold;
    await client.invoke(config());
    await makeWait(scope, FloodWaitKind.FLOOD, 1n);
    expect(await after(700, client.invoke(config()))).toBe(pending);
  });

  test.each(Object.entries(floods))(
    '%s: the library says FLOOD; the driver what Telegram said',
    async (text, kind) => {
      const { key, scope } = account();
      const client = await server.resumed(key);
      await client.invoke(config());
      await makeWait(scope, kind, 42n);
      expect(await errorOf(client.invoke(config()))).toBe('FLOOD');
      await client.destroy();

      const other = account();
      const link = await linked(other.key);
      await link.invoke(config(), limits);
      await makeWait(other.scope, kind, 42n);
      expect(await after(500, link.invoke(config(), limits))).toMatchObject({ code: 420, text });
    },
  );
});

describe('calls that get no answer', () => {
  test('the library: pending for ever after disconnect; the driver settles them', async () => {
    const { key } = account();
    const client = await server.resumed(key);
    await client.invoke(config());
    for (const connection of server.telegram.connections) connection.fallSilent();
    const call = client.invoke(config());
    await client.disconnect();
    expect(await after(500, call)).toBe(pending);

    const link = await linked(account().key);
    await link.invoke(config(), limits);
    for (const connection of server.telegram.connections) connection.fallSilent();
    const ours = after(500, link.invoke(config(), limits));
    await link.close();
    expect(await ours).toMatchObject({ name: 'LinkClosed', end: { reason: 'closed' } });
  });

  test('the library: connecting to a silent server never ends; the driver gives up in its time', async () => {
    const port = await silentPort();
    const dataCenters = [{ id: 2, host: '127.0.0.1', port }];
    const client = plainClient({ ...server.target, dataCenters });
    expect(await after(700, client.connect())).toBe(pending);
    await client.destroy();

    const silent = { ...telegram, dataCenters: new Map([[2, { host: '127.0.0.1', port }]]) };
    const opening = linkTo(silent, { connectTimeoutMs: 200 });
    expect(await after(700, opening)).toMatchObject({ name: 'DialTimeout' });
    expect(liveSockets()).toBe(0);
  });
});

describe('a second connection on one key', () => {
  test('the library: destroyed while it waits to come again, it comes again', async () => {
    const alone = await startTestTelegram();
    onTestFinished(() => alone.close());
    const { connections } = alone.telegram;
    const client = await alone.client(alone.account());
    await client.invoke(config());
    for (const connection of connections) connection.reset(0);
    await vi.waitFor(() => expect(client['_sender']!.isReconnecting).toBe(true), { timeout: 3_000 });
    await client.destroy();
    expect(connections.size).toBe(0);
    await vi.waitFor(() => expect(connections.size).toBe(1), { timeout: 4_000 });
    await client['_sender']!.disconnect();
  }, 10_000);

  test('the driver: closed while it waits to come again, it does not', async () => {
    const { made, key } = account();
    const { session } = makeSession({ telegram, dataCenter: made.dataCenter, authKey: key });
    await session.call(config(), limits);
    for (const connection of server.telegram.connections) connection.reset(0);
    await vi.waitFor(() => expect(session.state).toBe('waiting'));
    await session.close();
    expect(session.state).toBe('closed');
    // Longer than the wait that was cut short.
    await after(700, new Promise(() => undefined));
    expect(liveSockets()).toBe(0);
    expect(connectionsOf(key)).toBe(0);
  });

  test('the library: links to other data centres outlive it; the driver closes its own', async () => {
    const client = await server.client(server.account());
    const elsewhere = await client.getSender(4);
    await client.disconnect();
    expect(elsewhere.isConnected()).toBe(true);
    await elsewhere.disconnect();

    const { made, key, scope } = account();
    const { session } = makeSession({ telegram, dataCenter: made.dataCenter, authKey: key });
    await session.call(config(), limits);
    const fault = { case: 'rpcError' as const, value: { code: 303, text: 'FILE_MIGRATE_4' } };
    await served.control.createFault({ spec: { scope: scope as never, count: 1, fault } });
    await session.call(config(), limits);
    expect(liveSockets()).toBe(2);
    await session.close();
    expect(liveSockets()).toBe(0);
  });
});

test('a message that comes twice: the library does not look unless told to, the driver takes it once', async () => {
  expect(plainDefaults().securityChecks).toBe(false);

  const key = authKeyOf(randomBytes(256));
  const sent = Promise.withResolvers<Buffer>();
  const taken: Buffer[] = [];
  const session = new MtprotoSession(
    {
      clock: systemClock,
      write: sent.resolve,
      onObject: (body) => void taken.push(body),
      onForgotten: () => undefined,
      onProtocolFault: () => undefined,
    },
    { key, salt: 0n, offsetMs: 0 },
  );
  const call = session
    .call(Buffer.alloc(4), { isFirst: false, read: () => 0 }, limits)
    .catch(() => undefined);
  const asked = unpackMessage(await sent.promise, key.bytes, 'client')!;
  const plain = Buffer.alloc(HEADER + 8, 1);
  asked.copy(plain, 8, 8, 16);
  plain.writeBigInt64LE(1n + (BigInt(Math.floor(Date.now() / 1_000)) << 32n), 16);
  plain.writeUInt32LE(8, 28);
  const packet = packMessage(plain, { key: key.bytes, id: key.id }, 'server', randomBytes);
  session.receive(packet);
  session.receive(packet);
  expect(taken).toHaveLength(1);
  session.end({ reason: 'closed' });
  await call;
});

test('trying again: the library for ever, the driver until it is degraded', async () => {
  expect(plainDefaults().connectionRetries).toBe(Infinity);

  const refusal = { case: 'refuseConnections' as const, value: { kind: RefusalKind.RESET } };
  await served.control.createFault({ spec: { fault: refusal } });
  const { made, key } = account();
  const { session } = makeSession({ telegram, dataCenter: made.dataCenter, authKey: key });
  await vi.waitFor(() => expect(session.state).toBe('degraded'), { timeout: 10_000 });
  await expect(session.call(config(), limits)).rejects.toHaveProperty('retryAfterMs');
  await session.close();
}, 15_000);

test('a network that is gone: the library takes it for a login that is gone, the driver does not', async () => {
  const { key, scope } = account();
  const client = await server.resumed(key);
  const trouble = { case: 'rpcError' as const, value: { code: 500, text: 'INTERDC_2_CALL_ERROR' } };
  await served.control.createFault({ spec: { scope: scope as never, fault: trouble } });
  expect(await client.isUserAuthorized()).toBe(false);

  const other = account();
  const fault = { scope: other.scope as never, fault: trouble };
  await served.control.createFault({ spec: fault });
  const { session, conditions } = makeSession({ telegram, dataCenter: 2, authKey: other.key });
  onTestFinished(() => session.close());
  await expect(session.call(config(), limits)).rejects.toBeInstanceOf(TelegramUnreachable);
  expect(conditions).toEqual([]);
});

test('what it remembers of people: the library everybody it ever saw, the driver nobody', async () => {
  const names = Array.from({ length: 20 }, (_, i) => `remembered_${i}`);
  for (const username of names) server.account({ username });
  const client = await server.client(server.account());
  for (const username of names) await client.invoke(new Api.contacts.ResolveUsername({ username }));
  expect(cachedEntities(client)).toBeGreaterThanOrEqual(names.length);

  const link = await linked(account().key);
  const before = queryObjects(Api.User, { format: 'count' });
  for (const username of names) await link.invoke(new Api.contacts.ResolveUsername({ username }), limits);
  // The answer to the last call may still be on the stack.
  expect(queryObjects(Api.User, { format: 'count' })).toBeLessThanOrEqual(before + 1);
});

test('what it says on its own: the library speaks to the console, the driver never', async () => {
  const said = [vi.spyOn(console, 'log'), vi.spyOn(console, 'error'), vi.spyOn(console, 'warn')];
  for (const spy of said) spy.mockImplementation(() => undefined);
  onTestFinished(() => said.forEach((spy) => spy.mockRestore()));
  const spoken = (): number => said.reduce((sum, spy) => sum + spy.mock.calls.length, 0);
  const nowhere = [{ id: 2, host: '127.0.0.1', port: 1 }];
  const client = plainClient({ ...server.target, dataCenters: nowhere }, { logger: 'default' });
  await after(1_500, client.connect());
  await client.destroy();
  expect(spoken()).toBeGreaterThan(0);

  for (const spy of said) spy.mockClear();
  const gone = { ...telegram, dataCenters: new Map([[2, nowhere[0]!]]) };
  await expect(linkTo(gone)).rejects.toThrow('can not be reached');
  const link = await linked(account().key);
  await link.invoke(config(), limits);
  for (const connection of server.telegram.connections) connection.writeGarbage(64);
  await link.closed;
  expect(spoken()).toBe(0);
});
