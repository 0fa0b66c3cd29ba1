import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  CreateApiKeyRequestSchema,
  CreateApiKeyResponseSchema,
  type IdentityService,
} from '#gen/telegate/account_auth/v1/identity_service_pb.ts';
import { looksLikeApiKey } from '#lib/auth/api-key.ts';
import { requireScope } from '#lib/auth/scopes.ts';
import { NotFound, RequestIdReused, type FieldViolation } from '#lib/rpc/errors.ts';
import type { Handlers } from '#lib/rpc/implement.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { pageToken, readPageToken } from '#lib/requests/page-token.ts';
import { findAnswers, replayKey, saveAnswers, withReplayRetry } from '#lib/requests/replay.ts';
import * as validate from '#lib/requests/validate.ts';
import { findApiKey, findBySecret, insertApiKey, listApiKeys, revokeApiKey } from './api-keys.ts';
import { requireKeyOwner } from './caller.ts';
import * as fields from './fields.ts';
import type { Identity } from './identity.ts';
import { apiKeyMessage, roleOf, userMessage } from './messages.ts';
import { findUser } from './users.ts';

/** How long verifiers keep the public keys; well within what the next key is published ahead by. */
const JWKS_FRESH_MS = 10 * 60_000;

export function keyRoutes(
  identity: Identity,
): Pick<
  Handlers<typeof IdentityService>,
  'getMe' | 'createApiKey' | 'listApiKeys' | 'revokeApiKey' | 'verifyApiKey' | 'getJwks'
> {
  const { database, clock, keyUsage, tokenKeys } = identity;

  return {
    async getMe(_request, { principal }) {
      const { tenantId, subject, role, scopes } = principal;
      const [kind, id = ''] = subject.split(':', 2);
      const isStored = /^[0-9a-f-]{36}$/.test(id);
      const user = kind === 'user' && isStored ? await findUser(database.kysely, id) : undefined;
      const apiKey = kind === 'key' && isStored ? await findApiKey(database.kysely, id) : undefined;
      return {
        tenantId,
        subject,
        role: roleOf[role],
        scopes: [...scopes],
        ...(user ? { user: userMessage(user) } : {}),
        ...(apiKey ? { apiKey: apiKeyMessage(apiKey) } : {}),
      };
    },

    async createApiKey(request, { principal }) {
      const creatorId = requireKeyOwner(principal);
      const violations: FieldViolation[] = [];
      const name = validate.text(violations, 'name', request.name, { min: 1, max: 128 });
      const scopes = fields.scopes(violations, 'scopes', request.scopes);
      const requestId = validate.requestId(violations, 'request_id', request.requestId);
      const expireTime = fields.futureTime(violations, 'expire_time', request.expireTime, clock.now());
      validate.throwIfAny(violations);
      for (const scope of scopes) requireScope(principal, scope);
      const replay = replayKey(principal, 'CreateApiKey', requestId, CreateApiKeyRequestSchema, request);
      const { tenantId, subject } = principal;
      return withReplayRetry(() =>
        transaction(database, async (trx) => {
          const earlier = replay && (await findAnswers(trx, [replay])).get(replay);
          if (earlier instanceof RequestIdReused) throw earlier;
          if (earlier) return fromBinary(CreateApiKeyResponseSchema, earlier);
          const made = await insertApiKey(trx, { tenantId, subject, creatorId, name, scopes, expireTime });
          const apiKey = apiKeyMessage(made.row);
          const kept = toBinary(CreateApiKeyResponseSchema, create(CreateApiKeyResponseSchema, { apiKey }));
          if (replay) await saveAnswers(trx, [{ key: replay, answer: kept }]);
          return create(CreateApiKeyResponseSchema, { apiKey, secret: made.secret });
        }),
      );
    },

    async listApiKeys(request, { principal }) {
      requireKeyOwner(principal);
      const { tenantId } = principal;
      const violations: FieldViolation[] = [];
      const limit = validate.pageSize(violations, 'page_size', request.pageSize);
      const filter = ['ListApiKeys', tenantId];
      const after = readPageToken(violations, 'page_token', request.pageToken, filter);
      validate.throwIfAny(violations);
      const rows = await listApiKeys(database.kysely, { tenantId, after, limit: limit + 1 });
      const shown = rows.slice(0, limit);
      const last = shown.at(-1);
      return {
        apiKeys: shown.map(apiKeyMessage),
        nextPageToken: last && rows.length > limit ? pageToken(filter, last.position) : '',
      };
    },

    async revokeApiKey(request, { principal }) {
      requireKeyOwner(principal);
      const violations: FieldViolation[] = [];
      const keyId = validate.uuid(violations, 'key_id', request.keyId);
      validate.throwIfAny(violations);
      const { tenantId, subject } = principal;
      const row = await transaction(database, (trx) => revokeApiKey(trx, { tenantId, subject, keyId }));
      identity.wakeRelay();
      return { apiKey: apiKeyMessage(row) };
    },

    async verifyApiKey({ secret }) {
      const row = looksLikeApiKey(secret) ? await findBySecret(database.kysely, secret) : undefined;
      if (!row) throw new NotFound('API key', 'of this secret that is good now');
      keyUsage.note(row.key_id);
      return { apiKey: apiKeyMessage(row) };
    },

    getJwks() {
      const keys = tokenKeys.publicKeys().map(({ kid, jwk }) => ({
        keyId: kid,
        json: JSON.stringify({ ...jwk, kid, alg: 'EdDSA', use: 'sig' }),
      }));
      return Promise.resolve({ keys, expireTime: timestampFromMs(clock.now() + JWKS_FRESH_MS) });
    },
  };
}
