import { randomBytes, randomUUIDv7 } from 'node:crypto';
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose';
import { Client as PostgresClient } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { IdentityService } from '#gen/telegate/account_auth/v1/identity_service_pb.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { servicePrincipal } from '#lib/auth/principal.ts';
import {
  startIdentityMesh,
  type IdentityClient,
  type IdentityMesh,
  type TestUser,
} from '../support/account-auth.ts';
import { startServiceProcess, type ServiceProcess } from '../support/service-process.ts';
import { startOtlpReceiver, type OtlpReceiver } from '../support/otlp.ts';

let collector: OtlpReceiver;
let mesh: IdentityMesh;
let pool: ServiceProcess;
let gateway: ServiceProcess;
let postgres: PostgresClient;

beforeAll(async () => {
  collector = await startOtlpReceiver();
  mesh = await startIdentityMesh({ env: { ...collector.env, LOG_LEVEL: 'trace' } });
  pool = await startServiceProcess('session-pool', mesh.environment);
  gateway = await startServiceProcess('gateway', {
    ...mesh.environment,
    SESSION_POOL_ADDRESS: pool.address,
  });
  postgres = new PostgresClient({ connectionString: mesh.database.url });
  await postgres.connect();
}, 60_000);
afterAll(async () => {
  await postgres.end();
  await Promise.all([pool.stop(), gateway.stop()]);
  await mesh.stop();
  await collector.close();
});

interface Answer {
  status: number;
  body: Record<string, any>; // oxlint-disable-line typescript/no-explicit-any
}

async function call(method: string, body: object, headers: Record<string, string> = {}): Promise<Answer> {
  const path = method.includes('/') ? method : `telegate.account_auth.v1.IdentityService/${method}`;
  const response = await fetch(`http://${gateway.address}/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  return {
    status: response.status,
    body: text.startsWith('{') ? (JSON.parse(text) as Answer['body']) : { text },
  };
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const STATUS = 'telegate.session_pool.v1.SessionPoolService/GetPoolStatus';

test('from nothing to a key that works, with curl alone; and out again', async () => {
  const email = `${randomUUIDv7()}@example.org`;
  const password = 'a rather good password';
  expect((await call('Register', { email, password })).status).toBe(200);
  expect((await call('Login', { email, password: 'a wrong password' })).status).toBe(401);
  const { tokens } = (await call('Login', { email, password })).body;
  const me = await call('GetMe', {}, bearer(tokens.accessToken));
  expect(me.body).toMatchObject({ user: { email, owner: true }, role: 'ROLE_USER' });
  const made = await call('CreateApiKey', { name: 'k', scopes: ['pool:read'] }, bearer(tokens.accessToken));
  expect((await call(STATUS, {}, { 'x-api-key': made.body['secret'] })).status).toBe(200);
  expect((await call(STATUS, {}, bearer(tokens.accessToken))).status).toBe(200);
  const next = await call('RefreshTokens', { refreshToken: tokens.refreshToken });
  expect(next.status).toBe(200);
  expect((await call('Logout', {}, bearer(next.body['tokens'].accessToken))).status).toBe(200);
  for (const { accessToken } of [tokens, next.body['tokens']])
    await expect
      .poll(async () => (await call(STATUS, {}, bearer(accessToken))).status, { timeout: 1_000 })
      .toBe(401);
  expect((await call('RefreshTokens', { refreshToken: next.body['tokens'].refreshToken })).status).toBe(401);
});

test('calls that need no credentials read none, and the others need some', async () => {
  const stale = { 'x-api-key': 'wrong', ...bearer('wrong') };
  expect((await call('GetJwks', {}, stale)).status).toBe(200);
  expect((await call('GetMe', {})).status).toBe(401);
  expect((await call('GetMe', {}, stale)).status).toBe(401);
});

test('keys are not verified for the outside, not even for the operator', async () => {
  const operator = { 'x-api-key': mesh.operatorKey };
  expect((await call('VerifyApiKey', { secret: 'x' }, operator)).status).toBe(404);
  const direct = mesh.client({ apiKey: mesh.operatorKey });
  await expect(direct.verifyApiKey({ secret: 'x' })).rejects.toMatchObject({
    reason: ErrorReason.SCOPE_MISSING,
  });
});

test('whoever is outside verifies tokens by the published keys', async () => {
  const ann = await mesh.user();
  const response = await fetch(`http://${gateway.address}/.well-known/jwks.json`);
  expect(response.headers.get('content-type')).toBe('application/jwk-set+json');
  expect(response.headers.get('cache-control')).toMatch(/^public, max-age=\d+$/);
  const jwks = (await response.json()) as JSONWebKeySet;
  expect(Object.keys(jwks.keys[0]!).toSorted()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x']);
  const { payload } = await jwtVerify(ann.accessToken, createLocalJWKSet(jwks), { audience: 'telegate' });
  expect(payload.sub).toBe(`user:${ann.userId}`);
});

describe('another tenant', () => {
  let theirs: TestUser;
  let keyId: string;
  beforeAll(async () => {
    theirs = await mesh.user();
    keyId = (await theirs.client.createApiKey({ name: 'theirs', scopes: ['pool:read'] })).apiKey!.keyId;
  });

  /** One row a method: how a stranger would reach for what is not theirs, and what they may see of it. */
  const reaches: Record<keyof typeof IdentityService.method, (stranger: IdentityClient) => Promise<unknown>> =
    {
      revokeApiKey: (stranger) => stranger.revokeApiKey({ keyId }),
      listApiKeys: async (stranger) => (await stranger.listApiKeys({})).apiKeys.length,
      getMe: async (stranger) => (await stranger.getMe({})).tenantId === theirs.tenantId,
      createApiKey: async (stranger) =>
        (await stranger.createApiKey({ name: 'x', scopes: ['pool:read'] })).apiKey!.tenantId ===
        theirs.tenantId,
      createInvitation: async (stranger) =>
        (await stranger.createInvitation({})).invitation!.tenantId === theirs.tenantId,
      changePassword: (stranger) =>
        stranger
          .changePassword({ currentPassword: theirs.password, newPassword: 'a new good password' })
          .catch(() => 0),
      logout: (stranger) => stranger.logout({ everywhere: true }).then(() => 0),
      // Public, or for the mesh, which acts for every tenant.
      register: () => Promise.resolve(0),
      login: () => Promise.resolve(0),
      refreshTokens: () => Promise.resolve(0),
      verifyApiKey: () => Promise.resolve(0),
      getJwks: () => Promise.resolve(0),
    };

  test.each(Object.keys(IdentityService.method) as (keyof typeof reaches)[])(
    '%s: what belongs to it is not there',
    async (method) => {
      const stranger = await mesh.user();
      const outcome = await reaches[method](stranger.client).catch((error: unknown) => error);
      expect([0, false, ErrorReason.NOT_FOUND]).toContain(
        outcome instanceof Error ? (outcome as Error & { reason: ErrorReason }).reason : outcome,
      );
      const { apiKeys } = await theirs.client.listApiKeys({});
      expect(apiKeys).toHaveLength(1);
      expect(apiKeys[0]!.revokeTime).toBeUndefined();
      await expect(mesh.client().login(theirs)).resolves.toBeDefined();
    },
  );

  test('may not be named by a user, and may by an operator, which is written down', async () => {
    const stranger = await mesh.user();
    const metadata = { 'x-tenant-id': theirs.tenantId };
    await expect(stranger.client.listApiKeys({}, { metadata })).rejects.toMatchObject({
      reason: ErrorReason.SCOPE_MISSING,
    });
    const operator = mesh.client({ apiKey: mesh.operatorKey });
    expect((await operator.listApiKeys({}, { metadata })).apiKeys).toHaveLength(1);
    expect(mesh.replicas[0]!.log).toContainEqual(
      expect.objectContaining({ action: 'tenant_crossed', tenant_id: theirs.tenantId }),
    );
  });
});

test('nothing secret is in logs, spans, events or the database', async () => {
  const secrets = new Map<string, string>();
  const email = `${randomUUIDv7()}@example.org`;
  const password = `canary ${randomBytes(18).toString('base64url')}`;
  const changed = `canary ${randomBytes(18).toString('base64url')}`;
  secrets.set('password', password).set('changed password', changed);
  await call('Register', { email, password, requestId: 'canary' });
  await call('Login', { email, password: `${password} wrong` });
  const { tokens } = (await call('Login', { email, password })).body;
  secrets.set('access token', tokens.accessToken).set('refresh token', tokens.refreshToken);
  const auth = bearer(tokens.accessToken);
  const invitation = (await call('CreateInvitation', {}, auth)).body;
  const key = (await call('CreateApiKey', { name: 'k', scopes: ['pool:read'], requestId: 'canary' }, auth))
    .body;
  secrets.set('invitation', invitation['secret']).set('key', key['secret']);
  await call(STATUS, {}, { 'x-api-key': key['secret'] });
  const service = mesh.client({ token: await mesh.tokenOf(servicePrincipal('tests', '')) });
  await service.verifyApiKey({ secret: key['secret'] });
  await call('ChangePassword', { currentPassword: password, newPassword: changed }, auth);
  await call('RefreshTokens', { refreshToken: `${tokens.refreshToken}x` });
  const next = (await call('RefreshTokens', { refreshToken: tokens.refreshToken })).body['tokens'];
  secrets.set('next refresh token', next.refreshToken).set('next access token', next.accessToken);
  await call('RevokeApiKey', { keyId: key['apiKey'].keyId }, auth);
  await call('Logout', { everywhere: true }, auth);
  await expect.poll(() => collector.raw(), { timeout: 5_000 }).toContain('Logout');

  const { rows: events } = await postgres.query('select count(*)::int from telegate_events.event');
  expect(events[0].count).toBeGreaterThan(0);
  const processes = [...mesh.replicas, pool, gateway];
  const places: Record<string, string> = {
    database: await dump(postgres),
    spans: collector.raw(),
    logs: processes.map(({ log, stderr }) => JSON.stringify(log) + stderr()).join('\n'),
  };
  expect(places['database']).toContain(email);
  expect(places['logs']).toContain('serving');
  for (const [place, text] of Object.entries(places))
    for (const [name, secret] of secrets)
      for (const spelling of [
        secret,
        Buffer.from(secret).toString('hex'),
        Buffer.from(secret).toString('base64'),
      ])
        expect(text.includes(spelling), `${name} in ${place}`).toBe(false);
});

/** Every row of every table, events included, as text. */
async function dump(client: PostgresClient): Promise<string> {
  const { rows: tables } = await client.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables
     where schemaname not in ('pg_catalog', 'information_schema')`,
  );
  const texts: string[] = [];
  for (const { name } of tables) {
    const { rows } = await client.query<{ text: string }>(`select row::text as text from ${name} as row`);
    texts.push(...rows.map(({ text }) => text));
  }
  return texts.join('\n');
}
