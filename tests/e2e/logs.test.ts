import { randomUUIDv7 } from 'node:crypto';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { IdentityService } from '#gen/telegate/account_auth/v1/identity_service_pb.ts';
import { MessagingService } from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import { operatorScopes, type Principal } from '#lib/auth/principal.ts';
import { connect, type Client } from '#lib/rpc/client.ts';
import { logKinds } from '#lib/telemetry/log-kinds.ts';
import { startLoginProcesses, type LoginProcesses } from '../support/login-processes.ts';
import { startOtlpReceiver, type OtlpReceiver } from '../support/otlp.ts';
import { startServiceProcess, type ServiceProcess } from '../support/service-process.ts';

type Line = Record<string, unknown>;

const secrets = {
  password: 'canary pw 7f21 of a user',
  wrongPassword: 'canary wrong 7f22',
  cloudPassword: 'canary cloud 7f23',
  wrongCode: 'canary7f24',
  text: 'canary text 7f25 of a message',
  email: 'canary7f26@example.org',
};
let collector: OtlpReceiver;
let mesh: LoginProcesses;
let messaging: ServiceProcess;
let identity: Client<typeof IdentityService>;
let messages: Client<typeof MessagingService>;
let code = '';
let key = Buffer.alloc(0);
let apiKey = '';
let phone = '';
let session = '';
let tokens = { accessToken: '', refreshToken: '' };

const processes = (): readonly ServiceProcess[] => [
  ...mesh.replicas,
  ...mesh.pool.replicas,
  mesh.registry,
  messaging,
];
const lines = (kind: string, event: string): Line[] =>
  processes().flatMap(({ log }) => log.filter((line) => line['kind'] === kind && line['event'] === event));

beforeAll(async () => {
  collector = await startOtlpReceiver();
  mesh = await startLoginProcesses({ env: collector.env });
  messaging = await startServiceProcess('messaging', {
    ...mesh.pool.environment,
    SESSION_POOL_ADDRESS: mesh.pool.replicas[0]!.address,
    LOCAL_TELEGRAM_ADDRESS: mesh.control.address,
  });
  identity = connect(IdentityService, { address: mesh.replicas[0]!.address });
  await everythingOnce();
}, 90_000);
afterAll(async () => {
  identity.close();
  messages.close();
  await messaging.stop();
  await mesh.stop();
  await collector.close();
});

/** A user, a key, an account and a message; each also refused once. */
async function everythingOnce(): Promise<void> {
  const { email, password } = secrets;
  const { user } = await identity.register({ email, password });
  await expect(identity.login({ email, password: secrets.wrongPassword })).rejects.toBeDefined();
  ({ tokens } = (await identity.login({ email, password })) as { tokens: typeof tokens });
  const own = connect(IdentityService, { address: mesh.replicas[0]!.address, token: tokens.accessToken });
  apiKey = (await own.createApiKey({ name: 'k', scopes: ['message:send'] })).secret;
  own.close();

  const { tenantId } = user!;
  const principal: Principal = {
    tenantId,
    homeTenantId: tenantId,
    subject: 'key:test',
    role: 'user',
    scopes: operatorScopes,
  };
  const accounts = mesh.client(tenantId);
  ({ phone } = mesh.telegram.account({ password: secrets.cloudPassword }));
  const { login } = await accounts.startLogin({ phone });
  const { loginId } = login!;
  const sent = mesh.telegram.telegram.logins.code(phone)!;
  code = sent.code;
  key = Buffer.from(mesh.telegram.telegram.key(sent.keyId)!.key);
  await expect(accounts.submitCode({ loginId, code: secrets.wrongCode })).rejects.toBeDefined();
  await accounts.submitCode({ loginId, code });
  const { account } = await accounts.submitPassword({ loginId, password: secrets.cloudPassword });
  session = String(account!.sessionId);

  const to = mesh.telegram.account({ username: 'canary_peer' });
  messages = connect(MessagingService, {
    address: messaging.address,
    token: () => mesh.tokenOf(principal),
  });
  const actor = { actor: { case: 'accountId', value: account!.accountId } } as const;
  const request = { actor, peer: `@${to.username}`, text: secrets.text };
  await messages.sendMessage({ ...request, requestId: randomUUIDv7() });
  await expect(messages.sendMessage({ ...request, requestId: '' })).rejects.toBeDefined();
}

test('each call is a line with its trace, by whoever answered it', async () => {
  const call = await vi.waitFor(() => {
    const found = lines('request', 'call').find(({ method }) => String(method).endsWith('/SubmitPassword'));
    expect(found).toBeDefined();
    return found!;
  });
  expect(call).toMatchObject({ service: 'account-auth', rpc_code: 'OK', subject: 'key:test' });
  const inTrace = processes().flatMap(({ log }) =>
    log
      .filter((line) => line['trace_id'] === call['trace_id'])
      .map(({ service, kind }) => [service, kind].join()),
  );
  expect(new Set(inTrace)).toEqual(
    new Set([
      'account-auth,request',
      'account-auth,auth',
      'account-auth,business',
      'proxy-registry,request',
      'session-pool,request',
      'session-pool,business',
    ]),
  );
});

test('logins and keys are of the kind auth, done or refused', async () => {
  await vi.waitFor(() => expect(lines('auth', 'account_password_submitted')).toHaveLength(1));
  expect(lines('auth', 'user_login')).toMatchObject([
    { level: 'warn', outcome: 'refused', reason: 'CREDENTIALS_INVALID' },
    { level: 'info', outcome: 'done', user_id: expect.any(String), tenant_id: expect.any(String) },
  ]);
  expect(lines('auth', 'api_key_created')).toMatchObject([{ outcome: 'done', key_id: expect.any(String) }]);
  expect(lines('auth', 'account_code_submitted').map(({ outcome }) => outcome)).toEqual(['refused', 'done']);
  expect(lines('auth', 'account_password_submitted')).toMatchObject([
    { outcome: 'done', state: 'AUTHORISED' },
  ]);
  expect(lines('auth', 'access_refused').length).toBeGreaterThan(0);
});

test('what goes out is of the kind send: by whom, to whom, which', async () => {
  await vi.waitFor(() => expect(lines('send', 'message_sent')).toHaveLength(2));
  const [done, refused] = lines('send', 'message_sent');
  expect(done).toMatchObject({
    level: 'info',
    outcome: 'done',
    account_id: expect.any(String),
    peer: expect.stringMatching(/^user:\d+$/),
    message_id: expect.stringMatching(/^\d+$/),
    trace_id: expect.any(String),
  });
  expect(refused).toMatchObject({ outcome: 'refused', reason: 'INVALID_FIELD' });
});

test('each published event is of the kind business, in the trace of what made it happen', async () => {
  await vi.waitFor(() => expect(lines('business', 'lease_acquired').length).toBeGreaterThan(0));
  const [sent] = lines('send', 'message_sent');
  expect(lines('business', 'lease_acquired')).toContainEqual(
    expect.objectContaining({
      entity_id: session,
      trace_id: sent!['trace_id'],
      event_id: expect.any(String),
    }),
  );
  expect(lines('business', 'session_added')).toMatchObject([{ entity_id: session, sequence: 1 }]);
});

test('the list of kinds is closed', () => {
  const kinds = new Set(processes().flatMap(({ log }) => log.map(({ kind }) => kind)));
  expect([...kinds].filter((kind) => !logKinds.includes(kind as never))).toEqual([]);
  expect(lines('process', 'serving')).toHaveLength(4);
});

test('lines leave as OTLP too, with the trace of their call', async () => {
  const [line] = lines('auth', 'account_password_submitted');
  await vi.waitFor(() =>
    expect(collector.lines()).toContainEqual({
      service: 'account-auth',
      traceId: line!['trace_id'],
      spanId: line!['span_id'],
      severity: 'INFO',
      body: line!['message'],
      attributes: expect.objectContaining({ kind: 'auth', event: 'account_password_submitted' }),
    }),
  );
  const served = collector.lines().find(({ attributes }) => attributes['event'] === 'serving');
  expect(served).toMatchObject({ severity: 'INFO', attributes: { kind: 'process' } });
});

test('no key, password, code, address or text is in any of it', () => {
  const seen = [...processes().map(({ log }) => JSON.stringify(log)), collector.raw()].join('\n');
  expect(seen).toContain(session);
  const planted = {
    ...secrets,
    ...tokens,
    apiKey,
    phone,
    code: `"${code}"`,
    keyAsHex: key.toString('hex').slice(16, 80),
    keyAsBase64: key.toString('base64').slice(8, 64),
  };
  const found = Object.entries(planted).filter(([, secret]) => seen.includes(secret));
  expect(found.map(([name]) => name)).toEqual([]);
});
