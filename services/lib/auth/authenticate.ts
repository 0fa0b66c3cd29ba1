import { createHash, timingSafeEqual } from 'node:crypto';
import { CredentialsMissing, Unauthenticated } from '#lib/rpc/errors.ts';
import { createMeshTokenVerifier, type MeshKeys } from './mesh-token.ts';
import { operatorScopes, type Principal } from './principal.ts';

/** The tenant of the deployment's operator, unless configuration names another. */
export const DEFAULT_OPERATOR_TENANT = '00000000-0000-7000-8000-000000000001';

const MAX_API_KEY_LENGTH = 512;

export interface Credentials {
  get(name: string): string | undefined;
}

export interface Authenticated {
  readonly principal: Principal;
  /** Aborts when the right to go on ends; open streams end with it. */
  readonly revoked?: AbortSignal;
}

/** Answers without a promise where it can, which keeps the fast path fast. */
export type Authenticate = (credentials: Credentials) => Authenticated | Promise<Authenticated>;

export interface AuthenticatorOptions {
  meshKeys: MeshKeys;
  operatorKey: string;
  operatorTenant?: string;
  clock: { now(): number };
  /** Resolves the API keys and access tokens that are neither the operator's nor the mesh's. */
  others?: Authenticate;
}

export function createAuthenticator(options: AuthenticatorOptions): Authenticate {
  const { others } = options;
  const tokens = createMeshTokenVerifier(options.meshKeys, options.clock);
  const operatorDigest = digest(options.operatorKey);
  const operator: Authenticated = { principal: operatorPrincipal(options.operatorTenant) };

  return (credentials) => {
    const apiKey = credentials.get('x-api-key');
    if (apiKey !== undefined) {
      if (apiKey.length > MAX_API_KEY_LENGTH) throw new Unauthenticated();
      if (timingSafeEqual(digest(apiKey), operatorDigest)) return operator;
      if (others) return others(credentials);
      throw new Unauthenticated();
    }
    const token = bearerToken(credentials.get('authorization'));
    if (isMeshToken(token) || !others) {
      const principal = tokens.verify(token);
      return principal instanceof Promise ? principal.then(authenticated) : authenticated(principal);
    }
    return others(credentials);
  };
}

function authenticated(principal: Principal): Authenticated {
  return { principal };
}

function operatorPrincipal(tenantId = DEFAULT_OPERATOR_TENANT): Principal {
  return {
    tenantId,
    subject: 'key:operator',
    role: 'operator',
    scopes: operatorScopes,
    homeTenantId: tenantId,
  };
}

const BEARER = 'Bearer ';

export function bearerToken(authorization: string | undefined): string {
  if (authorization === undefined) throw new CredentialsMissing();
  // As nearly all send it: what follows is a token or none, which its cache or its signature says.
  if (authorization.startsWith(BEARER) && !authorization.includes(' ', BEARER.length))
    return authorization.slice(BEARER.length);
  const token = /^Bearer +([\w.~+/-]+=*) *$/i.exec(authorization)?.[1];
  if (token === undefined) {
    throw new Unauthenticated('The authorization metadata must be Bearer, a blank, and a token.');
  }
  return token;
}

/** Mesh tokens alone are signed with HS256: the first part is the encoded header, which starts with it. */
const HS256_HEADER_START = Buffer.from('{"alg":"HS256"').toString('base64url').slice(0, 18);

function isMeshToken(token: string): boolean {
  return token.startsWith(HS256_HEADER_START);
}

function digest(apiKey: string): Buffer {
  return createHash('sha256').update(apiKey).digest();
}
