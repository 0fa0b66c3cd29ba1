import { randomUUIDv7 } from 'node:crypto';
import { Client as Postgres } from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { LoginState } from '#gen/telegate/account_auth/v1/account_pb.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { startTelemetry, type Telemetry } from '#lib/telemetry/sdk.ts';
import { startLoginProcesses, type LoginProcesses } from '../support/login-processes.ts';
import { startOtlpReceiver, type OtlpReceiver } from '../support/otlp.ts';
import { silent } from '../support/pool.ts';
import { startSocks5, type Socks5Server } from '../support/socks5.ts';

const [SERVER, CLIENT] = [2, 3];
const SERVICE = 'telegate.account_auth.v1.AccountAuthService';

let collector: OtlpReceiver;
let telemetry: Telemetry;
let mesh: LoginProcesses;
let socks: Socks5Server;

beforeAll(async () => {
  collector = await startOtlpReceiver();
  for (const [name, value] of Object.entries(collector.env)) vi.stubEnv(name, value);
  telemetry = startTelemetry({ service: 'client', version: '0', env: process.env, log: silent });
  [mesh, socks] = await Promise.all([
    startLoginProcesses({ replicas: 2, env: collector.env }),
    startSocks5({ username: 'user', password: 'canary-proxy-password' }),
  ]);
}, 90_000);
afterAll(async () => {
  await mesh.stop();
  await socks.close();
  await telemetry.shutdown();
  vi.unstubAllEnvs();
  await collector.close();
});

const codeOf = (phone: string): string => mesh.telegram.telegram.logins.code(phone)!.code;

async function withProxy(): Promise<{ tenantId: string; proxyId: string }> {
  const tenantId = randomUUIDv7();
  const { proxy } = await mesh.proxies(tenantId).createProxy({
    proxy: { host: socks.host, port: socks.port, username: 'user', password: 'canary-proxy-password' },
  });
  return { tenantId, proxyId: proxy!.proxyId };
}

describe('through a proxy', () => {
  test('every connection goes that way, and the account keeps the proxy', async () => {
    const { tenantId, proxyId } = await withProxy();
    const { phone } = mesh.telegram.account({ dataCenter: 4 });
    const direct = () => mesh.telegram.telegram.log.counters.connectionsOpened;
    const [socketsBefore, visitsBefore] = [direct(), socks.visits.length];
    const client = mesh.client(tenantId);
    const { login } = await client.startLogin({ phone, proxyId });
    const { account } = await client.submitCode({ loginId: login!.loginId, code: codeOf(phone) });
    // What came to Telegram came by the proxy: nobody else was there.
    expect(direct() - socketsBefore).toBe(socks.visits.length - visitsBefore);
    const { assignments } = await mesh.proxies(tenantId).listAssignments({ accountId: account!.accountId });
    expect(assignments).toMatchObject([{ proxyId, sessionId: account!.sessionId }]);
  });

  test('when it dies on the way nothing goes on without it, and the login waits', async () => {
    const { tenantId, proxyId } = await withProxy();
    const { phone } = mesh.telegram.account();
    const client = mesh.client(tenantId);
    const { login } = await client.startLogin({ phone, proxyId });
    const { loginId } = login!;
    socks.fault = 'reset';
    const sockets = mesh.telegram.telegram.log.counters.connectionsOpened;
    const error: unknown = await client
      .submitCode({ loginId, code: codeOf(phone) })
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      reason: ErrorReason.TELEGRAM_UNREACHABLE,
      metadata: { proxy_id: proxyId },
    });
    expect(mesh.telegram.telegram.log.counters.connectionsOpened).toBe(sockets);
    socks.fault = undefined;
    await vi.waitFor(
      async () => {
        const { login: done } = await client.submitCode({ loginId, code: codeOf(phone) });
        expect(done!.state).toBe(LoginState.AUTHORISED);
      },
      { timeout: 20_000, interval: 500 },
    );
  });

  test('one that is not there is NOT_FOUND', async () => {
    const { phone } = mesh.telegram.account();
    await expect(
      mesh.client(randomUUIDv7()).startLogin({ phone, proxyId: randomUUIDv7() }),
    ).rejects.toMatchObject({ reason: ErrorReason.NOT_FOUND });
  });
});

test('killed between the code and the password, another process goes on', async () => {
  const tenantId = randomUUIDv7();
  const { phone } = mesh.telegram.account({ password: 'canary password' });
  const { login } = await mesh.client(tenantId).startLogin({ phone, labels: { team: 'red' } });
  const { loginId } = login!;
  await mesh.client(tenantId).submitCode({ loginId, code: codeOf(phone) });
  await mesh.replicas[0]!.stop('SIGKILL');
  const survivor = mesh.client(tenantId, { replica: 1 });
  expect((await survivor.getLogin({ loginId })).login).toMatchObject({
    state: LoginState.PASSWORD_NEEDED,
  });
  const { account } = await survivor.submitPassword({ loginId, password: 'canary password' });
  expect(account).toMatchObject({ phone, labels: { team: 'red' } });
  const metrics = await (await fetch(`${mesh.replicas[1]!.admin}/metrics`)).text();
  expect(metrics).toMatch(/telegate_account_logins\S*\{[^}]*state="authorised"[^}]*\} 1/);
});

test('a login is one trace from its caller to Telegram and to the pool', async () => {
  const tenantId = randomUUIDv7();
  const { phone } = mesh.telegram.account();
  const client = mesh.client(tenantId, { replica: 1 });
  const { login } = await client.startLogin({ phone });
  collector.clear();
  await client.submitCode({ loginId: login!.loginId, code: codeOf(phone) });
  const trace = await vi.waitFor(
    () => {
      const spans = collector.spans();
      const root = spans.find(({ name, kind }) => kind === CLIENT && name === `${SERVICE}/SubmitCode`);
      const found = spans.filter(({ traceId }) => root !== undefined && traceId === root.traceId);
      expect(found.some(({ name }) => name.endsWith('account_authorised') || name.includes('publish'))).toBe(
        true,
      );
      expect(found.some(({ name, kind }) => kind === SERVER && name.endsWith('/ImportSession'))).toBe(true);
      return found;
    },
    { timeout: 10_000 },
  );
  const byId = new Map(trace.map((span) => [span.spanId, span]));
  const orphans = trace.filter(({ parentSpanId }) => parentSpanId !== undefined && !byId.has(parentSpanId));
  expect(orphans).toEqual([]);
  expect(trace.filter(({ parentSpanId }) => parentSpanId === undefined)).toHaveLength(1);
  const signIn = trace.find(({ name }) => name === 'auth.signIn')!;
  expect(byId.get(signIn.parentSpanId!)).toMatchObject({ kind: SERVER, name: `${SERVICE}/SubmitCode` });
  expect(signIn.attributes).toMatchObject({ 'telegram.data_center': expect.anything() });
  const services = new Set(trace.map(({ service }) => service));
  expect([...services].toSorted()).toEqual(
    expect.arrayContaining(['account-auth', 'client', 'proxy-registry', 'session-pool']),
  );
});

test('no key, password or code is in the database, a log, a span or an event', async () => {
  const { tenantId, proxyId } = await withProxy();
  const password = 'canary-telegram-password';
  const { phone } = mesh.telegram.account({ password });
  const client = mesh.client(tenantId, { replica: 1 });
  const { login } = await client.startLogin({ phone, proxyId });
  const { loginId } = login!;
  const { telegram } = mesh.telegram;
  const code = telegram.logins.code(phone)!;
  const wrong = 'canary0code0of0nobody';
  await expect(client.submitCode({ loginId, code: wrong })).rejects.toBeDefined();
  const key = telegram.key(code.keyId)!.key;
  const dumps = [await dump()];
  await client.submitCode({ loginId, code: code.code });
  await expect(client.submitPassword({ loginId, password: 'canary-wrong-password' })).rejects.toBeDefined();
  dumps.push(await dump());
  await client.submitPassword({ loginId, password });
  dumps.push(await dump());
  await vi.waitFor(() => expect(collector.raw()).toContain('auth.checkPassword'), { timeout: 10_000 });
  const logs = [...mesh.replicas, mesh.registry, ...mesh.pool.replicas].map(({ log }) => JSON.stringify(log));
  const seen = [...dumps, ...logs, collector.raw()].join('\n');
  // That it would be found: what is no secret is.
  for (const harmless of [loginId, phone]) expect(seen).toContain(harmless);
  const secrets = {
    wrong,
    password,
    wrongPassword: 'canary-wrong-password',
    proxyPassword: 'canary-proxy-password',
    code: `"${code.code}"`,
    codeHash: code.hash,
    keyAsHex: key.toString('hex').slice(16, 80),
    keyAsBase64: key.toString('base64').slice(8, 64),
    codeHashAsHex: Buffer.from(code.hash).toString('hex'),
  };
  const found = Object.entries(secrets).filter(([, secret]) => seen.includes(secret));
  expect(found.map(([name]) => name)).toEqual([]);
});

/** Every row of every table, as text. */
async function dump(): Promise<string> {
  const postgres = new Postgres({ connectionString: mesh.pool.database.url });
  await postgres.connect();
  try {
    const { rows: tables } = await postgres.query<{ name: string }>(`
      select quote_ident(schemaname) || '.' || quote_ident(tablename) as name from pg_tables
      where schemaname not in ('pg_catalog', 'information_schema')`);
    const texts: string[] = [];
    for (const { name } of tables) {
      const { rows } = await postgres.query<{ text: string }>(`select t::text as text from ${name} t`);
      texts.push(name, ...rows.map(({ text }) => text));
    }
    return texts.join('\n');
  } finally {
    await postgres.end();
  }
}
