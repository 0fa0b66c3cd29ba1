import { randomUUIDv7 } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { AccountState, AccountStatus } from '#gen/telegate/account_auth/v1/account_pb.ts';
import { AccountAuthService } from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { SessionState } from '#gen/telegate/session_pool/v1/session_pb.ts';
import { operatorScopes, type Scope } from '#lib/auth/principal.ts';
import { connect } from '#lib/rpc/client.ts';
import {
  startLoginProcesses,
  type AccountAuthClient,
  type LoginProcesses,
} from '../support/login-processes.ts';
import { rewindAccount } from '../support/rewind-account.ts';
import { startSocks5, type Socks5Server } from '../support/socks5.ts';
import { telethonString } from '../support/session-pool.ts';

let mesh: LoginProcesses;
let socks: Socks5Server;
let theirs: {
  tenantId: string;
  accountId: string;
  phone: string;
  sessionId: bigint;
  loginId: string;
  client: AccountAuthClient;
};

beforeAll(async () => {
  [mesh, socks] = await Promise.all([
    startLoginProcesses({ replicas: 2, env: { HEALTH_SWEEP_PER_MINUTE: '60' } }),
    startSocks5({ username: 'user', password: 'secret' }),
  ]);
  const tenantId = randomUUIDv7();
  const account = await loggedIn(tenantId);
  const { login } = await mesh.client(tenantId).startLogin({ phone: mesh.telegram.account().phone });
  theirs = { tenantId, ...account, loginId: login!.loginId, client: mesh.client(tenantId) };
}, 90_000);
afterAll(async () => {
  await mesh.stop();
  await socks.close();
});

async function loggedIn(tenantId: string, proxyId = '') {
  const { phone } = mesh.telegram.account();
  const client = mesh.client(tenantId);
  const { login } = await client.startLogin({ phone, proxyId, labels: { team: 'red' } });
  const { code } = mesh.telegram.telegram.logins.code(phone)!;
  const { account } = await client.submitCode({ loginId: login!.loginId, code });
  return { accountId: account!.accountId, phone, sessionId: account!.sessionId };
}

const byId = (value: string) => ({ key: { case: 'accountId', value } }) as const;

test('an account’s life: logged in, checked through its proxy, paused, logged out, deleted', async () => {
  const tenantId = randomUUIDv7();
  const { proxy } = await mesh.proxies(tenantId).createProxy({
    proxy: { host: socks.host, port: socks.port, username: 'user', password: 'secret' },
  });
  const { accountId, phone, sessionId } = await loggedIn(tenantId, proxy!.proxyId);
  const client = mesh.client(tenantId, { replica: 1 });
  const pool = mesh.pool.client(tenantId);

  const sockets = () => mesh.telegram.telegram.log.counters.connectionsOpened;
  const [before, visits] = [sockets(), socks.visits.length];
  const { account, latency } = await client.checkAccount({ accountId });
  expect(account).toMatchObject({ phone, state: AccountState.AUTHORISED, labels: { team: 'red' } });
  expect(latency).toBeDefined();
  // What came to Telegram came by the proxy.
  expect(sockets() - before).toBe(1);
  expect(socks.visits.length - visits).toBe(1);

  const update = { accountId, status: AccountStatus.PAUSED, labels: { team: 'blue' } };
  await client.updateAccount({ account: update, updateMask: { paths: ['status', 'labels'] } });
  await expect(pool.acquireLease({})).rejects.toMatchObject({ reason: ErrorReason.NO_FREE_SESSION });
  expect((await pool.getSession({ sessionId })).session).toMatchObject({
    state: SessionState.PAUSED,
    labels: { team: 'blue' },
  });
  await client.checkAccount({ accountId });
  const { account: out } = await client.logOutAccount({ accountId });
  expect(out).toMatchObject({ state: AccountState.NEEDS_LOGIN, sessionId: 0n, status: AccountStatus.PAUSED });
  await vi.waitFor(
    () => expect(pool.getSession({ sessionId })).rejects.toMatchObject({ reason: ErrorReason.NOT_FOUND }),
    { timeout: 10_000 },
  );
  await client.deleteAccount({ accountId });
  expect((await client.listAccounts({})).accounts).toEqual([]);
}, 30_000);

test('what becomes of a session at the pool is seen in the account, on any replica', async () => {
  const tenantId = randomUUIDv7();
  const { accountId, sessionId } = await loggedIn(tenantId);
  const client = mesh.client(tenantId, { replica: 1 });
  const condition = SessionState.BANNED;
  await mesh.pool.client(tenantId).invalidateSession({ sessionId, condition, reason: 'USER_DEACTIVATED' });
  await vi.waitFor(async () => {
    const { accounts } = await client.listAccounts({ state: AccountState.BANNED });
    expect(accounts).toMatchObject([{ accountId, stateReason: 'USER_DEACTIVATED' }]);
  });
  const name = 'imported';
  const { session } = await mesh.pool.client(tenantId).importSession({ name, material: telethonString() });
  await vi.waitFor(async () => {
    const key = { case: 'sessionId', value: session!.sessionId } as const;
    expect((await client.getAccount({ key })).account).toMatchObject({ name, phone: '' });
  });
});

test('the sweep checks accounts by itself, and metrics count them', async () => {
  const tenantId = randomUUIDv7();
  const { accountId } = await loggedIn(tenantId);
  const client = mesh.client(tenantId);
  const checked = async () => (await client.getAccount(byId(accountId))).account!.checkTime!.seconds;
  // As if it had logged in long ago.
  const before = await rewindAccount(mesh.pool.database.url, accountId);
  await vi.waitFor(async () => expect(Number(await checked())).toBeGreaterThan(before), {
    timeout: 20_000,
    interval: 250,
  });
  const metrics = await (await fetch(`${mesh.replicas[0]!.admin}/metrics`)).text();
  expect(metrics).toMatch(/telegate_accounts\{[^}]*telegate_state="authorised"[^}]*\} [1-9]/);
}, 30_000);

/** One row a method: how a stranger would reach for what is not theirs, and what they may see of it. */
const reaches: Record<
  keyof typeof AccountAuthService.method,
  (stranger: AccountAuthClient) => Promise<unknown>
> = {
  resendCode: (stranger) => stranger.resendCode({ loginId: theirs.loginId }),
  submitCode: (stranger) => stranger.submitCode({ loginId: theirs.loginId, code: '12345' }),
  submitPassword: (stranger) => stranger.submitPassword({ loginId: theirs.loginId, password: 'x' }),
  cancelLogin: (stranger) => stranger.cancelLogin({ loginId: theirs.loginId }),
  getLogin: (stranger) => stranger.getLogin({ loginId: theirs.loginId }),
  getAccount: (stranger) => stranger.getAccount(byId(theirs.accountId)),
  updateAccount: (stranger) =>
    stranger.updateAccount({
      account: { accountId: theirs.accountId, name: 'mine', labels: { mine: 'now' } },
      updateMask: { paths: ['name', 'labels'] },
    }),
  deleteAccount: (stranger) => stranger.deleteAccount({ accountId: theirs.accountId, force: true }),
  logOutAccount: (stranger) => stranger.logOutAccount({ accountId: theirs.accountId, force: true }),
  checkAccount: (stranger) => stranger.checkAccount({ accountId: theirs.accountId }),
  // These name nothing of another's.
  listAccounts: async (stranger) => {
    const { accounts } = await stranger.listAccounts({ phone: theirs.phone });
    return accounts.length === 0 ? 'nothing' : accounts;
  },
  createAccount: async (stranger) => {
    const { account } = await stranger.createAccount({ account: { name: 'x', phone: theirs.phone } });
    return account!.accountId === theirs.accountId ? account : 'nothing';
  },
  startLogin: async (stranger) => {
    const { phone } = mesh.telegram.account();
    const { login } = await stranger.startLogin({ phone });
    return login!.accountId === '' ? 'nothing' : login;
  },
  startQrLogin: async (stranger) => {
    for await (const { login } of stranger.startQrLogin({}))
      return login!.accountId === '' ? 'nothing' : login;
  },
};

describe('between tenants', () => {
  test.each(Object.keys(AccountAuthService.method) as (keyof typeof reaches)[])(
    '%s: what belongs to another tenant is not there',
    async (method) => {
      const { client, accountId, loginId } = theirs;
      const before = (await client.getAccount(byId(accountId))).account!;
      const outcome = await reaches[method](mesh.client(randomUUIDv7())).catch((error: unknown) => error);
      expect(outcome === 'nothing' ? { reason: ErrorReason.NOT_FOUND } : outcome).toMatchObject({
        reason: ErrorReason.NOT_FOUND,
      });
      const { etag, name, state, sessionId } = (await client.getAccount(byId(accountId))).account!;
      expect({ etag, name, state, sessionId }).toMatchObject({
        etag: before.etag,
        name: before.name,
        state: before.state,
        sessionId: before.sessionId,
      });
      expect((await client.getLogin({ loginId })).login!.endReason).toBe('');
    },
  );

  test('an operator may cross', async () => {
    const operator = connect(AccountAuthService, {
      address: mesh.replicas[0]!.address,
      apiKey: mesh.pool.operatorKey,
    });
    const crossing = { metadata: { 'x-tenant-id': theirs.tenantId } };
    const { account } = await operator.getAccount(byId(theirs.accountId), crossing);
    expect(account!.phone).toBe(theirs.phone);
    const update = {
      account: { accountId: theirs.accountId, labels: { seen: 'yes' } },
      updateMask: { paths: ['labels'] },
    };
    expect((await operator.updateAccount(update, crossing)).account!.labels).toEqual({ seen: 'yes' });
    operator.close();
  });
});

test.each<[string, Scope, (client: AccountAuthClient) => Promise<unknown>]>([
  ['createAccount', 'account:write', (client) => client.createAccount({})],
  ['updateAccount', 'account:write', (client) => client.updateAccount({})],
  ['deleteAccount', 'account:write', (client) => client.deleteAccount({})],
  ['logOutAccount', 'account:write', (client) => client.logOutAccount({})],
  ['getAccount', 'account:read', (client) => client.getAccount({})],
  ['listAccounts', 'account:read', (client) => client.listAccounts({})],
  ['checkAccount', 'account:read', (client) => client.checkAccount({})],
])('%s asks for %s', async (_method, scope, call) => {
  const scopes = [...operatorScopes].filter((one) => one !== scope);
  await expect(call(mesh.client(randomUUIDv7(), { scopes }))).rejects.toMatchObject({
    reason: ErrorReason.SCOPE_MISSING,
    metadata: { scope },
  });
});
