/*
 * An echo that asks nothing of its caller, and the same echo for known callers alone, on one server each:
 * `server.ts`. What they know is as the services of the mesh know it, with answers that come from this process.
 */
import { generateKeyPairSync, randomBytes, randomUUIDv7 } from 'node:crypto';
import { ACCESS_TTL_MS, signAccessToken } from '#lib/auth/access-token.ts';
import { bearerToken, createAuthenticator, type Authenticate } from '#lib/auth/authenticate.ts';
import { createKeyCache } from '#lib/auth/key-cache.ts';
import { meshKeys } from '#lib/auth/mesh-token.ts';
import { operatorScopes } from '#lib/auth/principal.ts';
import { createPublicKeys } from '#lib/auth/public-keys.ts';
import { createRevocations } from '#lib/auth/revocations.ts';
import { createTokenCache } from '#lib/auth/token-cache.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { serveEcho } from '../../support/echo/echo-service.ts';

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const kid = 'bench';
const tenantId = randomUUIDv7();
const revocations = createRevocations(systemClock);
const publicKeys = createPublicKeys(
  () =>
    Promise.resolve({
      keys: [{ kid, jwk: publicKey.export({ format: 'jwk' }) }],
      freshUntil: systemClock.now() + ACCESS_TTL_MS,
    }),
  systemClock,
);
const tokens = createTokenCache(publicKeys, revocations, systemClock);
const keys = createKeyCache(
  () => Promise.resolve({ keyId: randomUUIDv7(), tenantId, scopes: [...operatorScopes] }),
  revocations,
  systemClock,
);
const authenticate: Authenticate = createAuthenticator({
  meshKeys: meshKeys([randomBytes(32)]),
  operatorKey: randomBytes(32).toString('base64url'),
  clock: systemClock,
  others(credentials) {
    const apiKey = credentials.get('x-api-key');
    return apiKey === undefined
      ? tokens.find(bearerToken(credentials.get('authorization')))
      : keys.find(apiKey);
  },
});

const bare = await serveEcho({ authenticate, access: { echo: 'public' } });
const known = await serveEcho({ authenticate });
const grant = {
  userId: randomUUIDv7(),
  tenantId,
  role: 'user',
  scopes: operatorScopes,
  loginId: randomUUIDv7(),
} as const;
console.log(
  JSON.stringify({
    kind: 'serving',
    bare: bare.address,
    known: known.address,
    token: await signAccessToken({ kid, privateKey }, grant, systemClock.now()),
    apiKey: `tgk_${randomBytes(32).toString('base64url')}`,
  }),
);
process.once('SIGTERM', () => process.exit(0));
