import { createHash, createSecretKey, type KeyObject } from 'node:crypto';
import { jwtVerify, SignJWT, type JWTPayload } from 'jose';
import { Unauthenticated } from '#lib/rpc/errors.ts';
import { roles, scopes, type Principal, type Role, type Scope } from './principal.ts';

/** No token lives longer, whoever signs it. */
export const MAX_TTL_MS = 5 * 60_000;
const AUDIENCE = 'telegate-mesh';
const ISSUER_PREFIX = 'telegate:';
/** How far the clocks of two machines may differ. */
const CLOCK_TOLERANCE_SECONDS = 5;
const MAX_TOKEN_LENGTH = 4_096;
const CACHED_TOKENS = 10_000;
const MIN_KEY_BYTES = 32;

interface WallClock {
  now(): number;
}

/** The first key signs, all of them verify: keys are changed by adding the new one behind, then before, the old. */
export interface MeshKeys {
  readonly signing: { readonly kid: string; readonly key: KeyObject };
  readonly byKid: ReadonlyMap<string, KeyObject>;
}

export function meshKeys(keys: readonly Uint8Array[]): MeshKeys {
  const byKid = new Map<string, KeyObject>();
  for (const key of keys) {
    if (key.length < MIN_KEY_BYTES) throw new Error(`a mesh key needs at least ${MIN_KEY_BYTES} bytes`);
    byKid.set(
      createHash('sha256').update('kid:').update(key).digest('hex').slice(0, 16),
      createSecretKey(key),
    );
  }
  const [first] = byKid;
  if (!first) throw new Error('at least one mesh key is needed');
  return { signing: { kid: first[0], key: first[1] }, byKid };
}

export interface MeshTokenOptions {
  caller: Principal;
  /** The service that signs and sends the token. */
  service: string;
  ttlMs: number;
  clock: WallClock;
}

export function signMeshToken(keys: MeshKeys, options: MeshTokenOptions): Promise<string> {
  const { caller, service, clock } = options;
  const issuedAt = Math.floor(clock.now() / 1_000);
  const ttlSeconds = Math.max(1, Math.floor(Math.min(options.ttlMs, MAX_TTL_MS) / 1_000));
  return new SignJWT({
    tenant: caller.tenantId,
    home: caller.homeTenantId,
    role: caller.role,
    scope: [...caller.scopes].filter((scope) => scope !== 'mesh' || caller.role === 'service').join(' '),
    ...(caller.loginId === undefined ? {} : { sid: caller.loginId }),
  })
    .setProtectedHeader({ alg: 'HS256', kid: keys.signing.kid })
    .setSubject(caller.subject)
    .setIssuer(ISSUER_PREFIX + service)
    .setAudience(AUDIENCE)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + ttlSeconds)
    .sign(keys.signing.key);
}

export interface MeshTokenVerifier {
  /** Resolved at once, without a promise, for a token that was verified before. */
  verify(token: string): Principal | Promise<Principal>;
}

export function createMeshTokenVerifier(keys: MeshKeys, clock: WallClock): MeshTokenVerifier {
  const verified = new Map<string, { principal: Principal; expiresAt: number }>();

  function remember(token: string, principal: Principal, expiresAt: number): void {
    if (verified.size >= CACHED_TOKENS) verified.delete(verified.keys().next().value!);
    verified.set(token, { principal, expiresAt });
  }

  async function verifyUnseen(token: string): Promise<Principal> {
    const payload = await verifySignature(keys, token, clock);
    const principal = principalOf(payload);
    remember(token, principal, payload.exp! * 1_000);
    return principal;
  }

  return {
    verify(token) {
      const known = verified.get(token);
      if (known && clock.now() < known.expiresAt) return known.principal;
      verified.delete(token);
      return verifyUnseen(token);
    },
  };
}

async function verifySignature(keys: MeshKeys, token: string, clock: WallClock): Promise<JWTPayload> {
  if (token.length > MAX_TOKEN_LENGTH) throw new Unauthenticated();
  try {
    const { payload } = await jwtVerify(
      token,
      ({ kid }) => {
        const key = kid === undefined ? undefined : keys.byKid.get(kid);
        if (!key) throw new Error('signed with a key that is not in the ring');
        return key;
      },
      {
        algorithms: ['HS256'],
        audience: AUDIENCE,
        currentDate: new Date(clock.now()),
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        maxTokenAge: MAX_TTL_MS / 1_000,
        requiredClaims: ['iss', 'sub', 'iat', 'exp', 'tenant', 'home', 'role', 'scope'],
      },
    );
    return payload;
  } catch (cause) {
    throw new Unauthenticated(undefined, { cause });
  }
}

function principalOf(payload: JWTPayload): Principal {
  const { iss, sub, iat, exp, tenant, home, role, scope, sid } = payload;
  const isWhole =
    iss !== undefined &&
    iss.startsWith(ISSUER_PREFIX) &&
    sub !== undefined &&
    exp! - iat! <= MAX_TTL_MS / 1_000 &&
    typeof tenant === 'string' &&
    typeof home === 'string' &&
    typeof scope === 'string' &&
    (sid === undefined || typeof sid === 'string') &&
    isRole(role);
  if (!isWhole) throw new Unauthenticated();
  return {
    tenantId: tenant,
    homeTenantId: home,
    subject: sub,
    role,
    scopes: new Set(
      scope
        .split(' ')
        .filter(isScope)
        .filter((one) => one !== 'mesh' || role === 'service'),
    ),
    ...(sid === undefined ? {} : { loginId: sid }),
    via: iss.slice(ISSUER_PREFIX.length),
  };
}

function isScope(text: string): text is Scope {
  return (scopes as readonly string[]).includes(text);
}

function isRole(value: unknown): value is Role {
  return (roles as readonly unknown[]).includes(value);
}

const TOKEN_TTL_MS = 2 * 60_000;
/** A token is signed anew when it has less than this left, so that none expires on its way. */
const RENEW_BEFORE_MS = 30_000;
const CACHED_CALLERS = 10_000;

/** Tokens for the calls that a service makes on a caller's behalf, each signed once in a minute or so. */
export function createMeshTokenSource(
  keys: MeshKeys,
  service: string,
  clock: WallClock,
): (caller: Principal) => Promise<string> {
  const signed = new Map<string, { token: Promise<string>; renewAt: number }>();
  return (caller) => {
    const key = identityOf(caller);
    const known = signed.get(key);
    if (known && clock.now() < known.renewAt) return known.token;
    signed.delete(key);
    if (signed.size >= CACHED_CALLERS) signed.delete(signed.keys().next().value!);
    const token = signMeshToken(keys, { caller, service, ttlMs: TOKEN_TTL_MS, clock });
    signed.set(key, { token, renewAt: clock.now() + TOKEN_TTL_MS - RENEW_BEFORE_MS });
    return token;
  };
}

function identityOf(caller: Principal): string {
  const { tenantId, homeTenantId, subject, role, loginId = '', scopes: granted } = caller;
  return `${tenantId} ${homeTenantId} ${role} ${loginId} ${[...granted].join(' ')} ${subject}`;
}
