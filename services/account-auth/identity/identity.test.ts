import { randomUUIDv7 } from 'node:crypto';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Role } from '#gen/telegate/account_auth/v1/identity_pb.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { operatorScopes, servicePrincipal } from '#lib/auth/principal.ts';
import { startIdentityMesh, type IdentityMesh } from '../../../tests/support/account-auth.ts';

let mesh: IdentityMesh;
beforeAll(async () => {
  mesh = await startIdentityMesh({ replicas: 2 });
}, 60_000);
afterAll(() => mesh.stop());

const invalid = { reason: ErrorReason.CREDENTIALS_INVALID };
const newEmail = (): string => `${randomUUIDv7()}@example.org`;
const PASSWORD = 'a rather good password';

describe('registering', () => {
  test('makes a tenant, whose owner the user is', async () => {
    const ann = await mesh.user();
    const { user, subject, scopes, role, tenantId } = await ann.client.getMe({});
    expect(user).toMatchObject({ email: ann.email, owner: true, role: Role.USER, userId: ann.userId });
    expect({ subject, role, tenantId }).toEqual({
      subject: `user:${ann.userId}`,
      role: Role.USER,
      tenantId: ann.tenantId,
    });
    expect(new Set(scopes)).toEqual(operatorScopes);
  });

  test('takes an address once, whatever its letter case', async () => {
    const email = newEmail();
    await mesh.client().register({ email, password: PASSWORD });
    await expect(
      mesh.client().register({ email: email.toUpperCase(), password: PASSWORD }),
    ).rejects.toMatchObject({ reason: ErrorReason.ALREADY_EXISTS });
  });

  test('is safe to repeat with a request_id, and only for who knows the password', async () => {
    const request = { email: newEmail(), password: PASSWORD, requestId: 'one' };
    const calls = Array.from({ length: 5 }, (_, index) =>
      mesh.client({ replica: index % 2 }).register(request),
    );
    const answers = await Promise.all(calls);
    expect(new Set(answers.map(({ user }) => user!.userId)).size).toBe(1);
    await expect(
      mesh.client().register({ ...request, password: 'another good password' }),
    ).rejects.toMatchObject({ reason: ErrorReason.ALREADY_EXISTS });
    await expect(mesh.client().register({ ...request, tenantName: 'x' })).rejects.toMatchObject({
      reason: ErrorReason.REQUEST_ID_REUSED,
    });
  });

  test.each([
    ['', PASSWORD, 'email'],
    ['no address', PASSWORD, 'email'],
    ['a@b@c.org', PASSWORD, 'email'],
    [`${'x'.repeat(250)}@example.org`, PASSWORD, 'email'],
    ['ann@example.org', 'too short', 'password'],
    ['ann@example.org', 'x'.repeat(257), 'password'],
    ['ann@example.org', 'Password123', 'password'],
    ['ann@example.org', 'abababababab', 'password'],
    ['ann@example.org', '1234567890', 'password'],
    ['ann@example.org', 'Ann@example.org', 'password'],
    ['longish.name@example.org', 'longish.name2026', 'password'],
  ])('refuses %.20s with the password %.20s', async (email, password, field) => {
    await expect(mesh.client().register({ email, password })).rejects.toMatchObject({
      reason: ErrorReason.INVALID_FIELD,
      fieldViolations: [{ field }],
    });
  });

  test('by invitation joins the tenant, once', async () => {
    const owner = await mesh.user();
    const { secret, invitation } = await owner.client.createInvitation({});
    expect(invitation!.tenantId).toBe(owner.tenantId);
    const tries = [newEmail(), newEmail(), newEmail()].map((email) =>
      mesh.client().register({ email, password: PASSWORD, invitation: secret }),
    );
    const outcomes = await Promise.allSettled(tries);
    const [joined, ...more] = outcomes.filter(({ status }) => status === 'fulfilled');
    expect(more).toEqual([]);
    expect(joined).toMatchObject({ value: { user: { tenantId: owner.tenantId, owner: false } } });
  });

  test('by invitation keeps to the address it is for, and does not use it up otherwise', async () => {
    const owner = await mesh.user();
    const email = newEmail();
    const { secret } = await owner.client.createInvitation({ email, ttl: durationFromMs(60_000) });
    const stranger = { email: newEmail(), password: PASSWORD, invitation: secret };
    await expect(mesh.client().register(stranger)).rejects.toMatchObject({ reason: ErrorReason.NOT_FOUND });
    const { user } = await mesh.client().register({ ...stranger, email });
    expect(user!.tenantId).toBe(owner.tenantId);
  });

  test('an invitation is made by an owner alone', async () => {
    const owner = await mesh.user();
    const { secret } = await owner.client.createInvitation({});
    const email = newEmail();
    await mesh.client().register({ email, password: PASSWORD, invitation: secret });
    const { tokens } = await mesh.client().login({ email, password: PASSWORD });
    const guest = mesh.client({ token: tokens!.accessToken });
    await expect(guest.createInvitation({})).rejects.toMatchObject({ reason: ErrorReason.SCOPE_MISSING });
  });
});

describe('logging in', () => {
  test('says the same of a wrong password and of a user that is not there', async () => {
    const ann = await mesh.user();
    const wrong = await mesh
      .client()
      .login({ email: ann.email, password: 'not her password' })
      .catch((error: Error) => error);
    const nobody = await mesh
      .client()
      .login({ email: newEmail(), password: 'not her password' })
      .catch((error: Error) => error);
    expect(wrong).toMatchObject(invalid);
    expect(nobody).toMatchObject({ ...invalid, message: (wrong as Error).message });
  });

  test('gives a pair that works on every replica', async () => {
    const ann = await mesh.user();
    const other = mesh.client({ replica: 1, token: ann.accessToken });
    expect((await other.getMe({})).user!.userId).toBe(ann.userId);
    const { tokens } = await mesh.client({ replica: 1 }).refreshTokens({ refreshToken: ann.refreshToken });
    expect((await mesh.client({ token: tokens!.accessToken }).getMe({})).user!.userId).toBe(ann.userId);
  });

  test('changing the password ends the other logins and needs the old one', async () => {
    const ann = await mesh.user();
    const { tokens } = await mesh.client().login(ann);
    const newPassword = 'quite another password';
    await expect(
      ann.client.changePassword({ currentPassword: 'a wrong password', newPassword }),
    ).rejects.toMatchObject(invalid);
    await ann.client.changePassword({ currentPassword: ann.password, newPassword });
    await expect(mesh.client().refreshTokens({ refreshToken: tokens!.refreshToken })).rejects.toMatchObject(
      invalid,
    );
    await mesh.client().refreshTokens({ refreshToken: ann.refreshToken });
    await expect(mesh.client().login(ann)).rejects.toMatchObject(invalid);
    await mesh.client().login({ email: ann.email, password: newPassword });
  });
});

describe('API keys', () => {
  test('stand for their tenant and scopes, are shown once and listed without their secret', async () => {
    const ann = await mesh.user();
    const { apiKey, secret } = await ann.client.createApiKey({
      name: 'worker',
      scopes: ['pool:lease', 'pool:read'],
    });
    expect(secret).toMatch(/^tgk_[\w-]{43}$/);
    expect(secret.startsWith(apiKey!.prefix)).toBe(true);
    const me = await mesh.client({ apiKey: secret, replica: 1 }).getMe({});
    expect(me).toMatchObject({
      tenantId: ann.tenantId,
      subject: `key:${apiKey!.keyId}`,
      role: Role.USER,
      scopes: ['pool:read', 'pool:lease'],
    });
    const { apiKeys } = await ann.client.listApiKeys({});
    expect(apiKeys).toMatchObject([{ keyId: apiKey!.keyId, creatorId: ann.userId }]);
    expect(
      JSON.stringify(apiKeys, (_, value: unknown) => (typeof value === 'bigint' ? '' : value)),
    ).not.toContain(secret);
  });

  test('are made once a request_id, and the repeat has no secret', async () => {
    const ann = await mesh.user();
    const request = { name: 'once', scopes: ['pool:read'], requestId: 'r' };
    const answers = await Promise.all([1, 2, 3].map(() => ann.client.createApiKey(request)));
    expect(new Set(answers.map(({ apiKey }) => apiKey!.keyId)).size).toBe(1);
    expect(answers.filter(({ secret }) => secret !== '')).toHaveLength(1);
  });

  test('are made by users and the operator, never by keys, and never beyond their maker', async () => {
    const ann = await mesh.user();
    const { secret } = await ann.client.createApiKey({ name: 'k', scopes: ['account:write'] });
    const missing = { reason: ErrorReason.SCOPE_MISSING };
    const byKey = mesh.client({ apiKey: secret });
    await expect(byKey.createApiKey({ name: 'more', scopes: ['account:write'] })).rejects.toMatchObject(
      missing,
    );
    await expect(byKey.listApiKeys({})).rejects.toMatchObject(missing);
    const notGiven = { reason: ErrorReason.INVALID_FIELD, fieldViolations: [{ field: 'scopes[0]' }] };
    await expect(ann.client.createApiKey({ name: 'x', scopes: ['mesh'] })).rejects.toMatchObject(notGiven);
    const operator = mesh.client({ apiKey: mesh.operatorKey });
    expect((await operator.createApiKey({ name: 'o', scopes: ['pool:read'] })).apiKey!.creatorId).toBe('');
    const few = {
      ...servicePrincipal('x', ann.tenantId),
      role: 'user' as const,
      subject: `user:${ann.userId}`,
    };
    const token = await mesh.tokenOf({ ...few, scopes: new Set(['pool:read'] as const) });
    await expect(
      mesh.client({ token }).createApiKey({ name: 'x', scopes: ['pool:admin'] }),
    ).rejects.toMatchObject({ ...missing, metadata: { scope: 'pool:admin' } });
  });

  test('are listed by pages', async () => {
    const ann = await mesh.user();
    for (const name of ['a', 'b', 'c']) await ann.client.createApiKey({ name, scopes: ['pool:read'] });
    const first = await ann.client.listApiKeys({ pageSize: 2 });
    const second = await ann.client.listApiKeys({ pageSize: 2, pageToken: first.nextPageToken });
    expect([...first.apiKeys, ...second.apiKeys].map(({ name }) => name)).toEqual(['a', 'b', 'c']);
    expect(second.nextPageToken).toBe('');
  });

  test('are verified for the mesh alone', async () => {
    const ann = await mesh.user();
    const { secret, apiKey } = await ann.client.createApiKey({ name: 'k', scopes: ['pool:read'] });
    await expect(ann.client.verifyApiKey({ secret })).rejects.toMatchObject({
      reason: ErrorReason.SCOPE_MISSING,
    });
    const service = mesh.client({ token: await mesh.tokenOf(servicePrincipal('tests', '')) });
    expect((await service.verifyApiKey({ secret })).apiKey!.keyId).toBe(apiKey!.keyId);
    await ann.client.revokeApiKey({ keyId: apiKey!.keyId });
    const again = await ann.client.revokeApiKey({ keyId: apiKey!.keyId });
    expect(again.apiKey!.revokeTime).toBeDefined();
    await expect(service.verifyApiKey({ secret })).rejects.toMatchObject({ reason: ErrorReason.NOT_FOUND });
  });
});

test('the first operator is made once, and its password told once', async () => {
  const told = mesh.replicas.map((replica) => replica.stderr()).join('');
  const [, email = '', password = ''] = /operator is (\S+), password (\S+)/.exec(told) ?? [];
  expect(told.match(/password/gi)).toHaveLength(2);
  expect(JSON.stringify(mesh.replicas.map(({ log }) => log))).not.toContain(password);
  const { user, tokens } = await mesh.client().login({ email, password });
  expect(user!.role).toBe(Role.OPERATOR);
  const ann = await mesh.user();
  const operator = mesh.client({ token: tokens!.accessToken });
  const { secret } = await operator.createInvitation({}, { metadata: { 'x-tenant-id': ann.tenantId } });
  const { user: joined } = await mesh
    .client()
    .register({ email: newEmail(), password: PASSWORD, invitation: secret });
  expect(joined!.tenantId).toBe(ann.tenantId);
});
