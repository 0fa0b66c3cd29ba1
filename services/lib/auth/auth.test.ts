import { randomBytes } from 'node:crypto';
import { SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { createFakeClock } from '#lib/lifecycle/clock-fake.ts';
import { createAuthenticator, DEFAULT_OPERATOR_TENANT, type Authenticated } from './authenticate.ts';
import { createMeshTokenSource, createMeshTokenVerifier, meshKeys, signMeshToken } from './mesh-token.ts';
import { scopes, servicePrincipal, type Principal, type Scope } from './principal.ts';
import { EDGE_SERVICE, hasScope, requireAccess } from './scopes.ts';

const caller: Principal = {
  tenantId: 'tenant-a',
  subject: 'user:ann',
  role: 'user',
  scopes: new Set<Scope>(['pool:read', 'pool:lease']),
  homeTenantId: 'tenant-a',
};
const oldKey = randomBytes(32);
const newKey = randomBytes(32);
const keys = meshKeys([oldKey]);
const OPERATOR_KEY = 'operator-key-of-the-tests';

function authenticator(
  clock = createFakeClock(),
): (metadata: Record<string, string>) => Promise<Authenticated> {
  const authenticate = createAuthenticator({ meshKeys: keys, operatorKey: OPERATOR_KEY, clock });
  return async (metadata) => authenticate({ get: (name) => metadata[name] });
}

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

const invalid = { reason: ErrorReason.CREDENTIALS_INVALID };

describe('mesh tokens', () => {
  test('carry the caller, and the service that carries it', async () => {
    const clock = createFakeClock();
    const token = await signMeshToken(keys, { caller, service: 'messaging', ttlMs: 60_000, clock });
    const { principal } = await authenticator(clock)(bearer(token));
    expect(principal).toEqual({ ...caller, via: 'messaging' });
  });

  test('are refused when they have expired, when they come from the future, and a cached one too', async () => {
    const clock = createFakeClock();
    const authenticate = authenticator(clock);
    const token = await signMeshToken(keys, { caller, service: 's', ttlMs: 60_000, clock });
    await expect(authenticate(bearer(token))).resolves.toBeDefined();
    await clock.advance(59_000);
    await expect(authenticate(bearer(token))).resolves.toBeDefined();
    await clock.advance(7_000);
    await expect(authenticate(bearer(token))).rejects.toMatchObject(invalid);
    await expect(authenticator(createFakeClock({ now: 0 }))(bearer(token))).rejects.toMatchObject(invalid);
  });

  test('live five minutes at most, whoever signs them', async () => {
    const clock = createFakeClock();
    const authenticate = authenticator(clock);
    const token = await signMeshToken(keys, { caller, service: 's', ttlMs: 3_600_000, clock });
    await clock.advance(5 * 60_000 + 6_000);
    await expect(authenticate(bearer(token))).rejects.toMatchObject(invalid);
    const long = await forge({ exp: 3_600 });
    await expect(authenticator()(bearer(long))).rejects.toMatchObject(invalid);
  });

  test.each([
    ['another key', { key: randomBytes(32) }],
    ['another algorithm', { alg: 'HS512' }],
    ['no key id', { kid: undefined }],
    ['another audience', { audience: 'somebody-else' }],
    ['an issuer outside the mesh', { issuer: 'https://example.org' }],
    ['a role that is none', { claims: { role: 'root' } }],
    ['no tenant', { claims: { tenant: undefined } }],
  ])('are refused with %s', async (_name, change) => {
    await expect(authenticator()(bearer(await forge({})))).resolves.toBeDefined();
    await expect(authenticator()(bearer(await forge(change)))).rejects.toMatchObject(invalid);
  });

  test('give the scope mesh to services alone', async () => {
    const clock = createFakeClock();
    const greedy = { ...caller, scopes: new Set(scopes) };
    const token = await signMeshToken(keys, { caller: greedy, service: 's', ttlMs: 60_000, clock });
    const { principal } = await authenticator(clock)(bearer(token));
    expect(principal.scopes.has('mesh')).toBe(false);
    const forged = await forge({ claims: { scope: 'mesh pool:read', role: 'user' } });
    expect((await authenticator()(bearer(forged))).principal.scopes).toEqual(new Set(['pool:read']));
    const service = servicePrincipal('messaging', 'tenant-a');
    const own = await signMeshToken(keys, { caller: service, service: 'messaging', ttlMs: 60_000, clock });
    expect((await authenticator(clock)(bearer(own))).principal.scopes.has('mesh')).toBe(true);
  });

  test('are accepted from every key of the ring and signed with the first', async () => {
    const clock = createFakeClock();
    const both = createMeshTokenVerifier(meshKeys([newKey, oldKey]), clock);
    const options = { caller, service: 's', ttlMs: 60_000, clock };
    await expect(both.verify(await signMeshToken(keys, options))).resolves.toBeDefined();
    const newest = await signMeshToken(meshKeys([newKey, oldKey]), options);
    await expect(both.verify(newest)).resolves.toBeDefined();
    await expect(createMeshTokenVerifier(keys, clock).verify(newest)).rejects.toMatchObject(invalid);
  });

  test('that were verified before are answered without a promise', async () => {
    const clock = createFakeClock();
    const verifier = createMeshTokenVerifier(keys, clock);
    const token = await signMeshToken(keys, { caller, service: 's', ttlMs: 60_000, clock });
    const first = await verifier.verify(token);
    expect(verifier.verify(token)).toBe(first);
  });

  test('are made once a caller until they are about to expire', async () => {
    const clock = createFakeClock();
    const tokenFor = createMeshTokenSource(keys, 'messaging', clock);
    const first = await tokenFor(caller);
    expect(await tokenFor({ ...caller })).toBe(first);
    expect(await tokenFor({ ...caller, tenantId: 'tenant-b' })).not.toBe(first);
    await clock.advance(91_000);
    expect(await tokenFor(caller)).not.toBe(first);
  });

  test('need keys of 32 bytes', () => {
    expect(() => meshKeys([])).toThrow('at least one');
    expect(() => meshKeys([randomBytes(31)])).toThrow('at least 32 bytes');
  });
});

describe('the operator', () => {
  test('has every scope but mesh, in the tenant of the deployment', async () => {
    const { principal } = await authenticator()({ 'x-api-key': OPERATOR_KEY });
    expect(principal).toMatchObject({ role: 'operator', tenantId: DEFAULT_OPERATOR_TENANT });
    expect([...principal.scopes].toSorted()).toEqual(scopes.filter((scope) => scope !== 'mesh').toSorted());
  });

  test.each(['', 'operator-key-of-the-test', `${OPERATOR_KEY}x`, 'x'.repeat(10_000)])(
    'is nobody with the key %.30s',
    async (apiKey) => {
      await expect(authenticator()({ 'x-api-key': apiKey })).rejects.toMatchObject(invalid);
    },
  );
});

test('a call without credentials, or with text that is none, is told what to send', async () => {
  await expect(authenticator()({})).rejects.toMatchObject({ reason: ErrorReason.CREDENTIALS_MISSING });
  for (const authorization of [
    'Basic abc',
    'Bearer',
    'Bearer a b',
    'Bearer not-a-token',
    `Bearer ${'x'.repeat(9_000)}`,
  ]) {
    await expect(authenticator()({ authorization })).rejects.toMatchObject(invalid);
  }
});

test('credentials of other kinds go to whoever knows them', async () => {
  const clock = createFakeClock();
  const authenticate = createAuthenticator({
    meshKeys: keys,
    operatorKey: OPERATOR_KEY,
    clock,
    others: ({ get }) => ({ principal: { ...caller, subject: get('x-api-key') ?? get('authorization')! } }),
  });
  const subjectOf = async (metadata: Record<string, string>): Promise<string> =>
    (await authenticate({ get: (name) => metadata[name] })).principal.subject;
  expect(await subjectOf({ 'x-api-key': 'tg_1' })).toBe('tg_1');
  expect(await subjectOf(bearer('eyJhbGciOiJFZERTQSJ9.e30.x'))).toBe('Bearer eyJhbGciOiJFZERTQSJ9.e30.x');
  const token = await signMeshToken(keys, { caller, service: 's', ttlMs: 60_000, clock });
  expect(await subjectOf(bearer(token))).toBe('user:ann');
});

test('mesh is asked of who calls, not of whom the call is for', () => {
  expect(hasScope(caller, 'mesh')).toBe(false);
  expect(hasScope({ ...caller, via: 'messaging' }, 'mesh')).toBe(true);
  expect(hasScope({ ...caller, via: EDGE_SERVICE }, 'mesh')).toBe(false);
  expect(hasScope(servicePrincipal('relay', 't'), 'mesh')).toBe(true);
  expect(hasScope({ ...caller, scopes: new Set(scopes) }, 'mesh')).toBe(false);
});

test('access is refused with what is missing', () => {
  expect(() => requireAccess(caller, 'pool:admin')).toThrow(
    expect.objectContaining({ metadata: { scope: 'pool:admin' } }),
  );
  expect(() => requireAccess(caller, 'operator')).toThrow(
    expect.objectContaining({ metadata: { role: 'operator' } }),
  );
  for (const access of ['public', 'authenticated', 'pool:lease'] as const) requireAccess(caller, access);
});

interface Forgery {
  key?: Uint8Array;
  alg?: string;
  kid?: string | undefined;
  audience?: string;
  issuer?: string;
  exp?: number;
  claims?: Record<string, unknown>;
}

/** A token that is right but for what is changed. */
function forge(change: Forgery): Promise<string> {
  const { alg = 'HS256', audience = 'telegate-mesh', issuer = 'telegate:s', exp = 60 } = change;
  const kid = 'kid' in change ? change.kid : keys.signing.kid;
  const now = Math.floor(createFakeClock().now() / 1_000);
  const claims = { tenant: 't', home: 't', role: 'user', scope: 'pool:read', ...change.claims };
  return new SignJWT(claims)
    .setProtectedHeader({ alg, kid })
    .setSubject('user:ann')
    .setIssuer(issuer)
    .setAudience(audience)
    .setIssuedAt(now)
    .setExpirationTime(now + exp)
    .sign(change.key ?? (alg === 'HS256' ? oldKey : Buffer.concat([oldKey, oldKey])));
}
