import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { RefusalKind } from '#gen/telegate/local_telegram/v1/faults_pb.ts';
import { createFakeClock } from '#lib/lifecycle/clock-fake.ts';
import { createLogger } from '#lib/telemetry/log.ts';
import { environmentOf, makeSession, type SessionSetup } from '../../../tests/support/driver.ts';
import { startControl, type TestControl } from '../../../tests/support/local-telegram-control.ts';
import { startTestTelegram, type TestTelegram } from '../../../tests/support/local-telegram.ts';
import { startSocks5 } from '../../../tests/support/socks5.ts';
import { liveSockets } from './census.ts';
import { Api, wireLong } from './client.ts';
import type { TelegramEnvironment } from './environment.ts';
import { FloodWait, LeaseLost, NeedsLogin } from './errors.ts';
import { PingWheel } from './ping-wheel.ts';

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
const self = () => new Api.users.GetUsers({ id: [new Api.InputUserSelf()] });

function begin(options: SessionSetup['options'] = {}) {
  if (liveSockets() > 0) throw new Error('an earlier test left a socket');
  const account = server.account({ firstName: 'Ann' });
  const { key } = server.telegram.makeAuthorizedKey(account);
  const made = makeSession({ telegram, dataCenter: account.dataCenter, authKey: key, options });
  onTestFinished(() => made.session.close());
  return { ...made, account, key, scope: { accountIds: [String(account.id)] } };
}

async function nameOf(session: ReturnType<typeof begin>['session']): Promise<string | undefined> {
  const [user] = await session.call(self(), limits);
  return (user as Api.User).firstName;
}

const connections = () => [...server.telegram.connections].length;

test('connects, answers, and leaves nothing behind', async () => {
  const { session, states } = begin();
  expect(await nameOf(session)).toBe('Ann');
  await session.close();
  expect(states).toEqual(['connected', 'closed']);
  expect(liveSockets()).toBe(0);
  await expect(session.call(self(), limits)).rejects.toMatchObject({ name: 'GoingAway' });
});

test('a connection that is cut comes again by itself, one at a time', async () => {
  const { session, states } = begin();
  await nameOf(session);
  for (const connection of server.telegram.connections) connection.reset(0);
  await vi.waitFor(() => expect(states).toContain('waiting'));
  await vi.waitFor(() => expect(session.state).toBe('connected'), { timeout: 5_000 });
  expect(await nameOf(session)).toBe('Ann');
  expect(liveSockets()).toBe(1);
  expect(connections()).toBe(1);
});

test('a lost lease closes the socket at once and refuses what comes later', async () => {
  const { session, guard } = begin();
  await nameOf(session);
  const pending = session.call(new Api.help.GetConfig(), limits).catch((error: unknown) => error);
  guard.lose();
  expect(await pending).toBeInstanceOf(LeaseLost);
  await vi.waitFor(() => expect(liveSockets()).toBe(0));
  await expect(session.call(self(), limits)).rejects.toBeInstanceOf(LeaseLost);
});

test('a key that Telegram does not know is believed the second time, and then nothing is dialled', async () => {
  const made = makeSession({ telegram, dataCenter: 2, authKey: Buffer.alloc(256, 7) });
  onTestFinished(() => made.session.close());
  await vi.waitFor(() => expect(made.conditions).toEqual(['needs_login']));
  await vi.waitFor(() => expect(made.session.state).toBe('closed'));
  await expect(made.session.call(self(), limits)).rejects.toBeInstanceOf(NeedsLogin);
  expect(liveSockets()).toBe(0);
});

test('a flood wait is told, and the next call does not reach the wire', async () => {
  const { session, reports, scope } = begin();
  await nameOf(session);
  const { control } = served;
  await control.createFault({
    spec: { scope, count: 1, fault: { case: 'floodWait', value: { wait: { seconds: 42n } } } },
  });
  await expect(session.call(self(), limits)).rejects.toBeInstanceOf(FloodWait);
  expect(reports).toEqual([expect.objectContaining({ seconds: 42 })]);
  await expect(session.call(self(), limits)).rejects.toBeInstanceOf(FloodWait);
});

test('a data centre that refuses: degraded, and callers are told when to come again', async () => {
  const { control } = served;
  const { session, states } = begin();
  await nameOf(session);
  await control.createFault({
    spec: { fault: { case: 'refuseConnections', value: { kind: RefusalKind.RESET } } },
  });
  for (const connection of server.telegram.connections) connection.reset(0);
  await vi.waitFor(() => expect(session.state).toBe('degraded'), { timeout: 20_000 });
  const error = await session.call(self(), limits).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ retryAfterMs: expect.any(Number) });
  expect(states.at(-1)).toBe('degraded');
}, 30_000);

test('a file that lies elsewhere is fetched there, under a key of its own', async () => {
  const { session, scope } = begin();
  const { control } = served;
  await nameOf(session);
  await control.createFault({
    spec: {
      scope: { ...scope, methods: ['users.getUsers'] },
      count: 1,
      fault: { case: 'rpcError', value: { code: 303, text: 'FILE_MIGRATE_4' } },
    },
  });
  expect(await nameOf(session)).toBe('Ann');
  expect(session.dataCenter).toBe(2);
  expect(liveSockets()).toBe(2);
  await session.close();
  expect(liveSockets()).toBe(0);
});

test('an account that Telegram moves goes on where it is sent, each new key kept first', async () => {
  const kept: { dataCenter: number; authKey: Buffer }[] = [];
  const { session, scope } = begin({
    keyMoved: (dataCenter, authKey) => {
      kept.push({ dataCenter, authKey });
      return Promise.resolve();
    },
  });
  await nameOf(session);
  await served.control.createFault({
    spec: { scope, count: 1, fault: { case: 'rpcError', value: { code: 303, text: 'USER_MIGRATE_4' } } },
  });
  expect(await nameOf(session)).toBe('Ann');
  // The account lives in 2 in truth: 4 sends it back, by the same rules.
  expect(kept.map(({ dataCenter }) => dataCenter)).toEqual([4, 2]);
  expect(kept.map(({ authKey }) => authKey.length)).toEqual([256, 256]);
  expect(session.dataCenter).toBe(2);
  expect(liveSockets()).toBe(1);
});

test('another way out: the socket on the old one is gone before the new one is dialled', async () => {
  const proxy = await startSocks5({ username: 'user', password: 'word' });
  onTestFinished(() => proxy.close());
  const { session } = begin();
  await nameOf(session);
  session.useEgress({
    kind: 'socks5',
    proxyId: 'p1',
    host: proxy.host,
    port: proxy.port,
    username: 'user',
    password: 'word',
  });
  expect(await nameOf(session)).toBe('Ann');
  expect(proxy.visits).toMatchObject([{ username: 'user', outcome: 'connected' }]);
  expect(liveSockets()).toBe(1);
  await session.close();
  await vi.waitFor(() => expect(proxy.open).toBe(0));
});

test('a silent path is found by the ping of a minute and left', async () => {
  const clock = createFakeClock({ now: Date.now() });
  const { session, states } = begin({ clock });
  await vi.waitFor(() => expect(session.state).toBe('connected'));
  const [silent] = server.telegram.connections;
  silent!.fallSilent();
  await clock.advance(60_000);
  expect(session.state).toBe('connected');
  await clock.advance(15_000);
  await vi.waitFor(() => expect(states.at(-1)).not.toBe('connected'));
  await vi.waitFor(() => expect(liveSockets()).toBe(0));
});

test('nothing secret is logged, whatever goes wrong', async () => {
  const lines: string[] = [];
  const log = createLogger({
    service: 'driver',
    level: 'trace',
    destination: { write: (line) => void lines.push(line) },
  });
  const proxy = await startSocks5({ username: 'user', password: 'canary-password' });
  onTestFinished(() => proxy.close());
  const { host, port } = proxy;
  const { session, account, key, scope } = begin({
    log,
    egress: { kind: 'socks5', proxyId: 'p1', host, port, username: 'user', password: 'canary-password' },
  });
  await nameOf(session);
  const peer = new Api.InputPeerSelf();
  const text = new Api.messages.SendMessage({ peer, message: 'canary-text', randomId: wireLong(5n) });
  await session.call(text, limits);
  await served.control.createFault({
    spec: {
      scope,
      count: 1,
      fault: { case: 'rpcError', value: { code: 400, text: 'CHAT_WRITE_FORBIDDEN' } },
    },
  });
  const refused = await session.call(text, limits).catch((error: unknown) => error);
  for (const connection of server.telegram.connections) connection.writeGarbage(64);
  await vi.waitFor(() => expect(session.state).not.toBe('connected'));
  await vi.waitFor(() => expect(session.state).toBe('connected'), { timeout: 5_000 });
  proxy.fault = 'hang-after-connect';
  proxy.cut();
  await vi.waitFor(() => expect(lines.join('')).toContain('DialTimeout'), { timeout: 10_000 });
  const said = `${lines.join('')}${inspect(refused, { depth: 10 })}`;
  const secrets = ['canary', account.phone, key.toString('hex'), key.toString('base64').slice(0, 40)];
  for (const secret of secrets) expect(said).not.toContain(secret);
}, 20_000);

test('a ping a minute, and no timer of its own, for each of many sessions', async () => {
  const clock = createFakeClock({ now: Date.now() });
  const pings = new PingWheel(clock);
  let count = 0;
  for (let i = 0; i < 120; i += 1) pings.add({ pingNow: () => void (count += 1) });
  expect(clock.pendingTimers).toBe(1);
  await clock.advance(1_000);
  expect(count).toBe(2);
  await clock.advance(59_000);
  expect(count).toBe(120);
});
