import { randomBytes } from 'node:crypto';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { FaultMoment } from '#gen/telegate/local_telegram/v1/faults_pb.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { application, environmentOf, linkTo, quiet } from '../../../tests/support/driver.ts';
import { startControl, type TestControl } from '../../../tests/support/local-telegram-control.ts';
import { startTestTelegram, type TestTelegram } from '../../../tests/support/local-telegram.ts';
import { startSocks5, type Socks5Fault, type Socks5Server } from '../../../tests/support/socks5.ts';
import { liveSockets } from './census.ts';
import { Api, provePassword } from './client.ts';
import { DialAborted, DialRefused, DialTimeout, direct, ProxyRefused, type Socks5Egress } from './egress.ts';
import type { TelegramEnvironment } from './environment.ts';
import { TelegramRefused } from './errors.ts';
import { CallAborted, CallTimedOut, KeyExchangeFailed, LinkClosed, type Link } from './link.ts';
import { LoginConnection, type LoginKey } from './login-connection.ts';

let server: TestTelegram;
let served: TestControl;
let telegram: TelegramEnvironment;

beforeAll(async () => {
  server = await startTestTelegram();
  served = await startControl(server.telegram);
  telegram = environmentOf(server.telegram);
});

afterEach(async () => {
  await served.control.deleteAllFaults({});
  await vi.waitFor(() => expectNone());
});

afterAll(async () => {
  await served.close();
  await server.close();
});

function expectNone(): void {
  if (liveSockets() > 0) throw new Error(`${liveSockets()} sockets are left`);
}

const limits = { deadlineMs: 5_000 };
const config = () => new Api.help.GetConfig();

async function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => new Error('it succeeded'),
    (error: unknown) => error,
  );
}

async function resumed(): Promise<{ link: Link; scope: { accountIds: string[] } }> {
  const account = server.account();
  const { key } = server.telegram.makeAuthorizedKey(account);
  const link = await linkTo(telegram, { authKey: key });
  onTestFinished(() => link.close());
  await link.invoke(config(), limits);
  return { link, scope: { accountIds: [String(account.id)] } };
}

/** A data centre that does with each socket what the test says. */
async function strange(meet: (socket: Socket) => void): Promise<TelegramEnvironment> {
  const open = new Set<Socket>();
  const listening = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined);
    meet(socket);
  });
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    listening.close();
  });
  const { port } = listening.address() as AddressInfo;
  return { ...telegram, dataCenters: new Map([[2, { host: '127.0.0.1', port }]]) };
}

const silent = () => strange((socket) => socket.resume());

describe('a data centre', () => {
  test('that is silent: the exchange ends by its time, and so does a call', async () => {
    const nowhere = await silent();
    const started = performance.now();
    expect(await failure(linkTo(nowhere, { connectTimeoutMs: 200 }))).toBeInstanceOf(DialTimeout);
    const link = await linkTo(nowhere, { authKey: randomBytes(256) });
    expect(await failure(link.invoke(config(), { deadlineMs: 100 }))).toMatchObject({
      name: 'CallTimedOut',
      sent: true,
    });
    expect(await failure(link.ping({ deadlineMs: 50 }))).toBeInstanceOf(CallTimedOut);
    expect(performance.now() - started).toBeLessThan(3_000);
    expect(link.pending).toBe(0);
    await link.close();
  });

  test('that refuses, and one that is not there', async () => {
    const gone = { ...telegram, dataCenters: new Map([[2, { host: '127.0.0.1', port: 1 }]]) };
    expect(await failure(linkTo(gone))).toMatchObject({ name: 'DialRefused', systemCode: 'ECONNREFUSED' });
    await expect(linkTo(telegram, { dataCenter: 9 })).rejects.toThrow('has no data centre 9');
  });

  test('that drops the connection in the middle of an answer', async () => {
    const { link, scope } = await resumed();
    await served.control.createFault({
      spec: { scope, count: 1, fault: { case: 'drop', value: { moment: FaultMoment.MID_ANSWER } } },
    });
    expect(await failure(link.invoke(config(), limits))).toMatchObject({ name: 'LinkClosed', sent: true });
    expect(await link.closed).toEqual({ reason: 'lost', blame: 'data-center' });
    expect(await failure(link.invoke(config(), limits))).toMatchObject({ name: 'LinkClosed', sent: false });
  });

  test('that sends garbage, to a call and to an exchange', async () => {
    const garbage = await strange((socket) =>
      socket.once('data', () => socket.write(Buffer.alloc(64, 0xff))),
    );
    expect(await failure(linkTo(garbage))).toMatchObject({ end: { reason: 'protocol' } });
    const link = await linkTo(garbage, { authKey: randomBytes(256) });
    expect(await failure(link.invoke(config(), limits))).toMatchObject({ end: { reason: 'protocol' } });
    await link.closed;
  });

  test('that sends arbitrary bytes: a typed end within the time, always', async () => {
    let bytes: Buffer = Buffer.alloc(0);
    const any = await strange((socket) => socket.once('data', () => socket.end(bytes)));
    const packet = fc.uint8Array({ minLength: 1, maxLength: 200 }).map((body) => {
      const head = Buffer.alloc(4);
      head.writeUInt32LE(body.length);
      return Buffer.concat([head, body]);
    });
    const stream = fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((all) => Buffer.from(all)),
      fc.array(packet, { maxLength: 4 }).map((all) => Buffer.concat(all)),
    );
    await fc.assert(
      fc.asyncProperty(stream, async (sent) => {
        bytes = sent;
        const error = await failure(linkTo(any, { connectTimeoutMs: 1_000 }));
        expect([LinkClosed, KeyExchangeFailed]).toContain((error as Error).constructor);
        const link = await linkTo(any, { authKey: randomBytes(256) });
        expect(await failure(link.invoke(config(), limits))).toBeInstanceOf(LinkClosed);
        await link.closed;
      }),
      { numRuns: 60 },
    );
  });

  test('that has another RSA key than Telegram', async () => {
    const other = { ...telegram, publicKeys: new Map([[1n, [...telegram.publicKeys.values()][0]!]]) };
    const error = await failure(linkTo(other));
    expect(error).toBeInstanceOf(KeyExchangeFailed);
    expect(error).toMatchObject({ why: 'unknown-rsa-key' });
  });

  test('that does not know the key', async () => {
    const link = await linkTo(telegram, { authKey: randomBytes(256) });
    expect(await failure(link.invoke(config(), limits))).toBeInstanceOf(LinkClosed);
    expect(await link.closed).toEqual({ reason: 'key-unknown' });
  });

  test.each([-3_600_000, 3_600_000])('whose clock is off by %i ms', async (offset) => {
    const clock = { ...systemClock, now: () => Date.now() + offset };
    const fresh = await linkTo(telegram, { clock });
    expect((await fresh.invoke(config(), limits)).thisDc).toBe(2);
    const authKey = fresh.authKey;
    await fresh.close();
    const link = await linkTo(telegram, { clock, authKey });
    const calls = Array.from({ length: 20 }, () => link.invoke(config(), limits));
    expect(await Promise.all(calls)).toHaveLength(20);
    await link.close();
  });
});

test('a thousand calls pending at a disconnect all settle at once, and so do those that are given up', async () => {
  const { link } = await resumed();
  const [connection] = server.telegram.connections;
  connection!.fallSilent();
  const giveUp = new AbortController();
  const calls = Array.from({ length: 1_000 }, (_, i) =>
    failure(link.invoke(config(), i % 10 === 0 ? { ...limits, signal: giveUp.signal } : limits)),
  );
  await vi.waitFor(() => expect(link.pending).toBe(1_000));
  giveUp.abort();
  await vi.waitFor(() => expect(link.pending).toBe(900));
  connection!.reset(0);
  const errors = await Promise.all(calls);
  expect(errors.filter((error) => error instanceof CallAborted)).toHaveLength(100);
  expect(errors.filter((error) => error instanceof LinkClosed)).toHaveLength(900);
  expect(link.pending).toBe(0);
});

test('giving up while dialling and while a key is made leaves no socket', async () => {
  const nowhere = await silent();
  const giveUp = new AbortController();
  const opening = failure(linkTo(nowhere, { signal: giveUp.signal }));
  await vi.waitFor(() => expect(liveSockets()).toBe(1));
  giveUp.abort();
  expect(await opening).toBeInstanceOf(DialAborted);
  expect(liveSockets()).toBe(0);
});

describe('a proxy', () => {
  let proxy: Socks5Server;
  let egress: Socks5Egress;

  beforeAll(async () => {
    proxy = await startSocks5({ username: 'user', password: 'word' });
    const { host, port } = proxy;
    egress = { kind: 'socks5', proxyId: 'p', host, port, username: 'user', password: 'word' };
  });
  afterEach(() => {
    proxy.fault = undefined;
  });
  afterAll(() => proxy.close());

  test('that works carries an exchange and calls', async () => {
    const link = await linkTo(telegram, { egress });
    expect((await link.invoke(config(), limits)).thisDc).toBe(2);
    const { port } = server.telegram.dataCenters[0]!;
    expect(proxy.visits.at(-1)).toEqual({
      username: 'user',
      destination: `127.0.0.1:${port}`,
      outcome: 'connected',
    });
    await link.close();
  });

  test.each<[Socks5Fault, object]>([
    ['hang-after-connect', { name: 'DialTimeout', blame: 'proxy' }],
    ['hang-before-reply', { name: 'DialTimeout', blame: 'proxy' }],
    ['refuse', { name: 'ProxyRefused', refusal: 'not-allowed', blame: 'proxy' }],
    ['unreachable', { name: 'DialRefused', blame: 'data-center', systemCode: 'EHOSTUNREACH' }],
    ['reset', { name: 'DialRefused', blame: 'proxy' }],
    ['garbage', { name: 'ProxyRefused', refusal: 'not-socks5', blame: 'proxy' }],
    ['black-hole', { name: 'DialTimeout', blame: 'proxy' }],
  ])('%s', async (fault, expected) => {
    proxy.fault = fault;
    const started = performance.now();
    expect(await failure(linkTo(telegram, { egress, connectTimeoutMs: 300 }))).toMatchObject(expected);
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  test('that dies in the middle of the stream', async () => {
    const link = await linkTo(telegram, { egress });
    await link.invoke(config(), limits);
    proxy.cut();
    expect(await link.closed).toEqual({ reason: 'lost', blame: 'proxy' });
  });

  test('that wants other credentials, or some; nothing of them is in the error', async () => {
    const wrong = await failure(linkTo(telegram, { egress: { ...egress, password: 'canary-word' } }));
    expect(wrong).toBeInstanceOf(ProxyRefused);
    expect(wrong).toMatchObject({ refusal: 'credentials' });
    expect(JSON.stringify(wrong) + String(wrong)).not.toContain('canary');
    const { host, port } = proxy;
    const none: Socks5Egress = { kind: 'socks5', proxyId: 'p', host, port };
    expect(await failure(linkTo(telegram, { egress: none }))).toMatchObject({
      refusal: 'authentication-required',
    });
  });

  test('that is not there', async () => {
    const error = await failure(linkTo(telegram, { egress: { ...egress, port: 1 } }));
    expect(error).toBeInstanceOf(DialRefused);
    expect(error).toMatchObject({ blame: 'proxy' });
  });
});

test('a login that Telegram moves goes on at the other data centre, under a key made there', async () => {
  const account = server.account({ dataCenter: 4, password: 'secret' });
  const keys: LoginKey[] = [];
  const login = new LoginConnection({
    telegram,
    egress: direct,
    application,
    clock: systemClock,
    log: quiet,
    keyMade: (key) => {
      keys.push(key);
      return Promise.resolve();
    },
  });
  onTestFinished(() => login.close());
  const { phone: phoneNumber } = account;
  const settings = new Api.CodeSettings({});
  const send = new Api.auth.SendCode({ phoneNumber, apiId: 1, apiHash: 'local', settings });
  const { phoneCodeHash } = (await login.call(send, limits)) as Api.auth.SentCode;
  expect(login.dataCenter).toBe(4);
  expect(keys.map(({ dataCenter }) => dataCenter)).toEqual([2, 4]);
  expect(liveSockets()).toBe(1);
  const phoneCode = server.telegram.logins.code(phoneNumber)!.code;
  const signIn = new Api.auth.SignIn({ phoneNumber, phoneCodeHash, phoneCode });
  const refused = await failure(login.call(signIn, limits));
  expect(refused).toBeInstanceOf(TelegramRefused);
  expect(refused).toMatchObject({ verdict: { kind: 'login', step: 'needs_password' } });
  // Another process may go on with the key.
  await login.close();
  const resumedLogin = new LoginConnection({
    telegram,
    egress: direct,
    application,
    clock: systemClock,
    log: quiet,
    key: keys[1]!,
    keyMade: () => Promise.reject(new Error('no key is to be made')),
  });
  onTestFinished(() => resumedLogin.close());
  const asked = await resumedLogin.call(new Api.account.GetPassword(), limits);
  const password = await provePassword(asked, 'secret');
  const signedIn = await resumedLogin.call(new Api.auth.CheckPassword({ password }), limits);
  expect(signedIn.className).toBe('auth.Authorization');
  await resumedLogin.close();
});
