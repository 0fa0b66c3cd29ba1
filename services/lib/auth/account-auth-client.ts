import type { JWK } from 'jose';
import type { IdentityService } from '#gen/telegate/account_auth/v1/identity_service_pb.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import type { Client } from '#lib/rpc/client.ts';
import { DomainError, Unauthenticated } from '#lib/rpc/errors.ts';
import { isScope } from './access-token.ts';
import type { KeyGrant } from './api-key.ts';
import type { PublishedKeys } from './public-keys.ts';

/** Where keys are looked up and the public keys come from. */
export interface CredentialSource {
  /** Rejects with Unauthenticated for a key that is none. */
  verifyApiKey(secret: string): Promise<KeyGrant>;
  publicKeys(): Promise<PublishedKeys>;
}

/** A call waits for it: better a prompt UNAVAILABLE than the caller's whole deadline. */
const DEADLINE_MS = 3_000;

export function remoteCredentials(identity: Client<typeof IdentityService>): CredentialSource {
  return {
    async verifyApiKey(secret) {
      const { apiKey } = await identity
        .verifyApiKey({ secret }, { deadlineMs: DEADLINE_MS })
        .catch(asRefusal);
      if (!apiKey) throw new Error('account-auth answered without a key');
      const { keyId, tenantId, scopes, expireTime } = apiKey;
      return {
        keyId,
        tenantId,
        scopes: scopes.filter(isScope),
        ...(expireTime ? { expiresAt: Number(expireTime.seconds) * 1_000 } : {}),
      };
    },
    async publicKeys() {
      const { keys, expireTime } = await identity.getJwks({}, { deadlineMs: DEADLINE_MS });
      return {
        keys: keys.map(({ keyId, json }) => ({ kid: keyId, jwk: JSON.parse(json) as JWK })),
        freshUntil: Number(expireTime?.seconds ?? 0n) * 1_000,
      };
    },
  };
}

/** That this service was refused says nothing of the key. */
function asRefusal(error: unknown): never {
  if (error instanceof DomainError && error.reason === ErrorReason.NOT_FOUND) throw new Unauthenticated();
  throw error;
}
