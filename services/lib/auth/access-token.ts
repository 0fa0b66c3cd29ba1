import { SignJWT, jwtVerify, type CryptoKey, type JWTPayload, type JWTVerifyGetKey } from 'jose';
import type { KeyObject } from 'node:crypto';
import { Unauthenticated } from '#lib/rpc/errors.ts';
import { scopes, type Principal, type Scope } from './principal.ts';

/** What a user sends with each call, for as long as the login it came from lasts, or this. */
export const ACCESS_TTL_MS = 15 * 60_000;
const ISSUER = 'telegate';
const AUDIENCE = 'telegate';
const TYPE = 'at+jwt';
/** How far the clocks of two machines may differ. */
export const CLOCK_TOLERANCE_MS = 5_000;
export const MAX_ACCESS_TOKEN_LENGTH = 4_096;

export interface AccessGrant {
  readonly userId: string;
  readonly tenantId: string;
  readonly role: 'user' | 'operator';
  readonly scopes: Iterable<Scope>;
  readonly loginId: string;
}

export interface VerifiedAccess {
  readonly principal: Principal;
  readonly loginId: string;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

export function signAccessToken(
  key: { kid: string; privateKey: KeyObject },
  grant: AccessGrant,
  nowMs: number,
): Promise<string> {
  const issuedAt = Math.floor(nowMs / 1_000);
  return new SignJWT({
    tenant: grant.tenantId,
    role: grant.role,
    scope: [...grant.scopes].join(' '),
    sid: grant.loginId,
  })
    .setProtectedHeader({ alg: 'EdDSA', kid: key.kid, typ: TYPE })
    .setSubject(`user:${grant.userId}`)
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + ACCESS_TTL_MS / 1_000)
    .sign(key.privateKey);
}

/** The key by its id: a failure to fetch it must be one that the caller can be told. */
export type FindKey = (kid: string) => Promise<CryptoKey | undefined>;

export async function verifyAccessToken(
  token: string,
  findKey: FindKey,
  nowMs: number,
): Promise<VerifiedAccess> {
  if (token.length > MAX_ACCESS_TOKEN_LENGTH) throw new Unauthenticated();
  let unavailable: unknown;
  const key: JWTVerifyGetKey = async ({ kid }) => {
    const found = await findKey(kid ?? '').catch((error: unknown) => {
      unavailable = error;
    });
    if (!found) throw new Error('signed with a key that is not known');
    return found;
  };
  let payload: JWTPayload;
  try {
    ({ payload } = await jwtVerify(token, key, {
      algorithms: ['EdDSA'],
      issuer: ISSUER,
      audience: AUDIENCE,
      typ: TYPE,
      currentDate: new Date(nowMs),
      clockTolerance: CLOCK_TOLERANCE_MS / 1_000,
      maxTokenAge: ACCESS_TTL_MS / 1_000,
      requiredClaims: ['sub', 'iat', 'exp', 'tenant', 'role', 'scope', 'sid'],
    }));
  } catch (cause) {
    if (unavailable !== undefined) throw unavailable as Error;
    throw new Unauthenticated(undefined, { cause });
  }
  return accessOf(payload);
}

function accessOf({ sub, exp, tenant, role, scope, sid }: JWTPayload): VerifiedAccess {
  const isWhole =
    sub?.startsWith('user:') &&
    exp !== undefined &&
    typeof tenant === 'string' &&
    typeof scope === 'string' &&
    typeof sid === 'string' &&
    (role === 'user' || role === 'operator');
  if (!isWhole) throw new Unauthenticated();
  const granted = scope.split(' ').filter((one): one is Scope => one !== 'mesh' && isScope(one));
  return {
    loginId: sid,
    expiresAt: exp * 1_000,
    principal: {
      tenantId: tenant,
      homeTenantId: tenant,
      subject: sub!,
      role,
      scopes: new Set(granted),
      loginId: sid,
    },
  };
}

export function isScope(text: string): text is Scope {
  return (scopes as readonly string[]).includes(text);
}
