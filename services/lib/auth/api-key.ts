import type { Principal, Scope } from './principal.ts';

/** Of every key that is made here, so that one that leaks is found by those who look for such. */
export const API_KEY_PREFIX = 'tgk_';
const API_KEY = /^tgk_[\w-]{43}$/;

/** What a key stands for. */
export interface KeyGrant {
  readonly keyId: string;
  readonly tenantId: string;
  readonly scopes: readonly Scope[];
  /** Epoch milliseconds; absent: never. */
  readonly expiresAt?: number;
}

/** What has not the form of a key needs no looking up. */
export function looksLikeApiKey(text: string): boolean {
  return API_KEY.test(text);
}

/** A key acts for its tenant, as a user does and never as an operator: crossing tenants takes a person. */
export function keyPrincipal({ keyId, tenantId, scopes }: KeyGrant): Principal {
  return {
    tenantId,
    homeTenantId: tenantId,
    subject: `key:${keyId}`,
    role: 'user',
    scopes: new Set(scopes.filter((scope) => scope !== 'mesh')),
  };
}
