import { isScope } from '#lib/auth/access-token.ts';
import type { CredentialSource } from '#lib/auth/account-auth-client.ts';
import { Unauthenticated } from '#lib/rpc/errors.ts';
import { findBySecret } from './api-keys.ts';
import type { Identity } from './identity.ts';

const FRESH_MS = 60_000;

/** What others ask this service for, without a call: for those who call it itself. */
export function localCredentials({ database, keyUsage, tokenKeys, clock }: Identity): CredentialSource {
  return {
    async verifyApiKey(secret) {
      const row = await findBySecret(database.kysely, secret);
      if (!row) throw new Unauthenticated();
      keyUsage.note(row.key_id);
      return {
        keyId: row.key_id,
        tenantId: row.tenant_id,
        scopes: row.scopes.filter(isScope),
        ...(row.expire_time ? { expiresAt: row.expire_time.getTime() } : {}),
      };
    },
    publicKeys: () =>
      Promise.resolve({
        keys: tokenKeys.publicKeys(),
        freshUntil: clock.now() + FRESH_MS,
      }),
  };
}
