import { createHmac, generateKeyPairSync, randomBytes, randomUUIDv7, type KeyObject } from 'node:crypto';
import { SignJWT, UnsecuredJWT, type JWK, type JWTPayload } from 'jose';
import { beforeEach, describe, expect, test } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { createFakeClock, type FakeClock } from '#lib/lifecycle/clock-fake.ts';
import { DependencyUnavailable, Unauthenticated } from '#lib/rpc/errors.ts';
import { ACCESS_TTL_MS, signAccessToken } from './access-token.ts';
import type { KeyGrant } from './api-key.ts';
import type { Authenticated } from './authenticate.ts';
import { createKeyCache, type KeyCache } from './key-cache.ts';
import { scopes } from './principal.ts';
import { createPublicKeys } from './public-keys.ts';
import { createRevocations, REMEMBERED_MS, type Revocations } from './revocations.ts';
import { createTokenCache, type TokenCache } from './token-cache.ts';

const invalid = { reason: ErrorReason.CREDENTIALS_INVALID };
const away = { reason: ErrorReason.DEPENDENCY_UNAVAILABLE };

let clock: FakeClock;
let revocations: Revocations;
beforeEach(() => {
  clock = createFakeClock();
  revocations = createRevocations(clock);
});

/** What it throws at once is a refusal too. */
const settled = async (find: () => Authenticated | Promise<Authenticated>): Promise<Authenticated> => find();

describe('access tokens', () => {
  interface SigningKey {
    kid: string;
    privateKey: KeyObject;
    jwk: JWK;
  }
  let published: SigningKey[];
  let fetched: number;
  let isAway: boolean;
  let tokens: TokenCache;
  const loginId = randomUUIDv7();
  const grant = {
    userId: randomUUIDv7(),
    tenantId: randomUUIDv7(),
    role: 'user' as const,
    scopes: ['pool:read'] as const,
    loginId,
  };

  function newKey(): SigningKey {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    return { kid: randomBytes(6).toString('hex'), privateKey, jwk: publicKey.export({ format: 'jwk' }) };
  }

  beforeEach(() => {
    published = [newKey()];
    fetched = 0;
    isAway = false;
    const findKey = createPublicKeys(() => {
      fetched += 1;
      if (isAway) return Promise.reject(new DependencyUnavailable('account-auth'));
      return Promise.resolve({
        keys: published.map(({ kid, jwk }) => ({ kid, jwk })),
        freshUntil: clock.now() + 600_000,
      });
    }, clock);
    tokens = createTokenCache(findKey, revocations, clock);
  });

  const signed = (key = published[0]!, more: Partial<typeof grant> = {}): Promise<string> =>
    signAccessToken(key, { ...grant, ...more }, clock.now());

  test('stand for the user, and are verified once', async () => {
    const token = await signed();
    const first = await tokens.find(token);
    expect(first.principal).toEqual({
      tenantId: grant.tenantId,
      homeTenantId: grant.tenantId,
      subject: `user:${grant.userId}`,
      role: 'user',
      scopes: new Set(['pool:read']),
      loginId,
    });
    expect(tokens.find(token)).toBe(first);
  });

  test('end after a quarter of an hour, known ones too', async () => {
    const token = await signed();
    await tokens.find(token);
    await clock.advance(ACCESS_TTL_MS - 1_000);
    await expect(settled(() => tokens.find(token))).resolves.toBeDefined();
    await clock.advance(7_000);
    await expect(settled(() => tokens.find(token))).rejects.toMatchObject(invalid);
  });

  interface Change {
    alg?: string;
    kid?: string;
    typ?: string;
    key?: KeyObject | Uint8Array;
    claims?: JWTPayload;
  }

  function forge(change: Change): Promise<string> {
    const now = Math.floor(clock.now() / 1_000);
    const claims = {
      iss: 'telegate',
      aud: 'telegate',
      sub: 'user:u',
      iat: now,
      exp: now + 900,
      tenant: 't',
      role: 'user',
      scope: 'pool:read',
      sid: 's',
    };
    return new SignJWT({ ...claims, ...change.claims })
      .setProtectedHeader({
        alg: change.alg ?? 'EdDSA',
        kid: change.kid ?? published[0]!.kid,
        typ: change.typ ?? 'at+jwt',
      })
      .sign(change.key ?? published[0]!.privateKey);
  }

  const strange: [string, () => Change][] = [
    ['another key under a known id', () => ({ key: newKey().privateKey })],
    ['a key id that nobody knows', () => ({ kid: 'unknown' })],
    // The oldest trick: the public key, which everybody has, used as the secret of an HMAC.
    [
      'HS256 with the public key',
      () => ({ alg: 'HS256', key: Buffer.from(JSON.stringify(published[0]!.jwk)) }),
    ],
    ['another type', () => ({ typ: 'JWT' })],
    ['another issuer', () => ({ claims: { iss: 'somebody' } })],
    ['another audience', () => ({ claims: { aud: 'somebody' } })],
    ['an end in the past', () => ({ claims: { exp: Math.floor(clock.now() / 1_000) - 10 } })],
    ['a beginning in the future', () => ({ claims: { iat: Math.floor(clock.now() / 1_000) + 60 } })],
    ['more than its time', () => ({ claims: { iat: Math.floor(clock.now() / 1_000) - 1_000 } })],
    ['no login', () => ({ claims: { sid: undefined } })],
    ['a service as its subject', () => ({ claims: { sub: 'service:gateway' } })],
    ['the role of a service', () => ({ claims: { role: 'service' } })],
  ];

  test.each(strange)('with %s are refused', async (_name, change) => {
    await expect(settled(async () => tokens.find(await forge({})))).resolves.toBeDefined();
    await expect(settled(async () => tokens.find(await forge(change())))).rejects.toMatchObject(invalid);
  });

  test('without a signature, or with another algorithm in the header, are refused', async () => {
    const [, payload = '', signature = ''] = (await forge({})).split('.');
    const unsecured = new UnsecuredJWT(
      JSON.parse(Buffer.from(payload, 'base64url').toString()) as JWTPayload,
    ).encode();
    const header = (fields: object): string => Buffer.from(JSON.stringify(fields)).toString('base64url');
    const { kid, jwk } = published[0]!;
    const none = header({ alg: 'none', kid, typ: 'at+jwt' });
    const hs256 = `${header({ alg: 'HS256', kid, typ: 'at+jwt' })}.${payload}`;
    const mac = createHmac('sha256', JSON.stringify(jwk)).update(hs256).digest('base64url');
    for (const token of [
      unsecured,
      `${none}.${payload}.`,
      `${none}.${payload}.${signature}`,
      `${hs256}.${mac}`,
    ])
      await expect(settled(() => tokens.find(token))).rejects.toMatchObject(invalid);
  });

  test('never give the scope of services', async () => {
    const { principal } = await tokens.find(await forge({ claims: { scope: scopes.join(' ') } }));
    expect(principal.scopes.has('mesh')).toBe(false);
    expect(principal.scopes.size).toBe(scopes.length - 1);
  });

  test('of a new key are known at once, and made-up key ids are not asked for again and again', async () => {
    await tokens.find(await signed());
    expect(fetched).toBe(1);
    await clock.advance(11_000);
    published = [newKey(), ...published];
    await tokens.find(await signed(published[0]));
    expect(fetched).toBe(2);
    for (let index = 0; index < 20; index += 1)
      await expect(settled(async () => tokens.find(await signed(newKey())))).rejects.toMatchObject(invalid);
    expect(fetched).toBe(2);
  });

  test('go on while the keys can not be fetched, for an hour; before the first fetch nobody can tell', async () => {
    isAway = true;
    await expect(settled(async () => tokens.find(await signed()))).rejects.toMatchObject(away);
    isAway = false;
    await clock.advance(11_000);
    await tokens.find(await signed());
    isAway = true;
    await clock.advance(600_000 + 3_500_000);
    await expect(settled(async () => tokens.find(await signed()))).resolves.toBeDefined();
    await clock.advance(200_000);
    await expect(settled(async () => tokens.find(await signed()))).rejects.toMatchObject(away);
  });

  test('of a login that has ended are refused, and what they opened is told', async () => {
    const token = await signed();
    const { revoked } = await tokens.find(token);
    revocations.end(loginId);
    expect(revoked!.aborted).toBe(true);
    await expect(settled(() => tokens.find(token))).rejects.toMatchObject(invalid);
    await expect(settled(async () => tokens.find(await signed(published[0], {})))).rejects.toMatchObject(
      invalid,
    );
    const other = await signed(published[0], { loginId: randomUUIDv7() });
    await expect(settled(() => tokens.find(other))).resolves.toBeDefined();
  });
});

describe('API keys', () => {
  const secret = `tgk_${randomBytes(32).toString('base64url')}`;
  let grant: KeyGrant;
  let asked: number;
  let answer: (secret: string) => Promise<KeyGrant>;
  let keys: KeyCache;

  beforeEach(() => {
    grant = { keyId: randomUUIDv7(), tenantId: randomUUIDv7(), scopes: ['pool:read'] };
    asked = 0;
    answer = () => Promise.resolve(grant);
    keys = createKeyCache(
      (given) => {
        asked += 1;
        return answer(given);
      },
      revocations,
      clock,
    );
  });

  const refuse = (): Promise<never> => Promise.reject(new Unauthenticated());
  const beAway = (): Promise<never> => Promise.reject(new DependencyUnavailable('account-auth'));

  test('are asked for once a minute, however many calls come', async () => {
    const [first, ...more] = await Promise.all(Array.from({ length: 50 }, async () => keys.find(secret)));
    for (const one of more) expect(one).toBe(first);
    expect(keys.find(secret)).toBe(first);
    expect(asked).toBe(1);
    await clock.advance(60_000);
    await keys.find(secret);
    expect(asked).toBe(2);
  });

  test('are refused when they are not known, and not asked for again for some seconds', async () => {
    answer = refuse;
    await expect(settled(() => keys.find(secret))).rejects.toMatchObject(invalid);
    await expect(settled(() => keys.find(secret))).rejects.toMatchObject(invalid);
    expect(asked).toBe(1);
    await clock.advance(5_000);
    answer = () => Promise.resolve(grant);
    await expect(settled(() => keys.find(secret))).resolves.toBeDefined();
  });

  test.each(['', 'tgk_', `${secret}x`, secret.slice(1), `tgk_${'ü'.repeat(43)}`])(
    'of another form (%.12s) are not asked for',
    async (text) => {
      await expect(settled(() => keys.find(text))).rejects.toMatchObject(invalid);
      expect(asked).toBe(0);
    },
  );

  test('that were good go on for ten minutes while nobody can be asked; others are not called wrong', async () => {
    await keys.find(secret);
    answer = beAway;
    await clock.advance(9 * 60_000);
    await expect(settled(() => keys.find(secret))).resolves.toBeDefined();
    await keys.find(secret);
    expect(asked).toBe(2);
    const other = `tgk_${randomBytes(32).toString('base64url')}`;
    await expect(settled(() => keys.find(other))).rejects.toMatchObject(away);
    await clock.advance(60_001);
    await expect(settled(() => keys.find(secret))).rejects.toMatchObject(away);
  });

  test('that are revoked while they are asked for are refused', async () => {
    const asking = Promise.withResolvers<KeyGrant>();
    answer = () => asking.promise;
    const outcome = settled(() => keys.find(secret));
    revocations.end(grant.keyId);
    asking.resolve(grant);
    await expect(outcome).rejects.toMatchObject(invalid);
  });

  test('end when they are revoked and when they expire', async () => {
    const first = await keys.find(secret);
    revocations.end(grant.keyId);
    expect(first.revoked!.aborted).toBe(true);
    answer = refuse;
    await expect(settled(() => keys.find(secret))).rejects.toMatchObject(invalid);
    const other = `tgk_${randomBytes(32).toString('base64url')}`;
    answer = () => Promise.resolve({ ...grant, keyId: randomUUIDv7(), expiresAt: clock.now() + 30_000 });
    const { revoked } = await keys.find(other);
    await clock.advance(29_999);
    expect(revoked!.aborted).toBe(false);
    await clock.advance(1);
    expect(revoked!.aborted).toBe(true);
  });

  test('a refusal of the service itself is not one of the key', async () => {
    answer = () => Promise.reject(new Error('this service may not ask'));
    await expect(settled(() => keys.find(secret))).rejects.toMatchObject(away);
  });
});

test('what has ended is remembered for as long as a token may be about', async () => {
  revocations.end('login');
  expect(revocations.signalOf('login').aborted).toBe(true);
  await clock.advance(REMEMBERED_MS);
  revocations.end('another');
  expect(revocations.signalOf('login').aborted).toBe(false);
});
