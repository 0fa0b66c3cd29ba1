import { randomBytes, randomUUIDv7 } from 'node:crypto';
import { sql, type QueryExecutorProvider } from 'kysely';
import { appendEvents } from '#lib/events/outbox.ts';
import { API_KEY_PREFIX } from '#lib/auth/api-key.ts';
import { NotFound, QuotaExceeded } from '#lib/rpc/errors.ts';
import { accountAuthEvent } from '../events.ts';
import type { AccountAuthTransaction } from '../tables.ts';
import { appendAudit } from './audit.ts';
import { KEYS_A_TENANT } from './model.ts';
import { secretHash } from './users.ts';

export interface ApiKeyRow {
  position: bigint;
  key_id: string;
  tenant_id: string;
  name: string;
  prefix: string;
  scopes: string[];
  creator_id: string | null;
  expire_time: Date | null;
  last_used_time: Date | null;
  revoke_time: Date | null;
  create_time: Date;
}

const SECRET_BYTES = 32;
/** What is shown of a secret: 8 of its 43 characters leave 210 bits to guess. */
const SHOWN = API_KEY_PREFIX.length + 8;

const columns = sql`position, key_id, tenant_id, name, prefix, scopes, creator_id, expire_time, last_used_time,
  revoke_time, create_time`;

export interface NewApiKey {
  tenantId: string;
  subject: string;
  creatorId: string | null;
  name: string;
  scopes: readonly string[];
  expireTime: Date | undefined;
}

export async function insertApiKey(
  trx: AccountAuthTransaction,
  { tenantId, subject, creatorId, name, scopes, expireTime }: NewApiKey,
): Promise<{ row: ApiKeyRow; secret: string }> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`telegate api keys ${tenantId}`}, 0))`.execute(
    trx,
  );
  const { rows: counted } = await sql<{ count: number }>`
    select count(*)::int as count from api_keys
    where tenant_id = ${tenantId}::uuid and revoke_time is null`.execute(trx);
  if (counted[0]!.count >= KEYS_A_TENANT)
    throw new QuotaExceeded(
      'api_keys',
      `The tenant has ${KEYS_A_TENANT} API keys. Revoke those that nobody uses.`,
    );
  const secret = API_KEY_PREFIX + randomBytes(SECRET_BYTES).toString('base64url');
  const { rows } = await sql<ApiKeyRow>`
    insert into api_keys (key_id, tenant_id, name, prefix, secret_hash, scopes, creator_id, expire_time)
    values (${randomUUIDv7()}::uuid, ${tenantId}::uuid, ${name}, ${secret.slice(0, SHOWN)}, ${secretHash(secret)},
      ${scopes}::text[], ${creatorId}::uuid, ${expireTime ?? null}::timestamptz)
    returning ${columns}`.execute(trx);
  const row = rows[0]!;
  await appendAudit(trx, {
    tenantId,
    subject,
    action: 'create_api_key',
    entityId: row.key_id,
    detail: { scopes: scopes.join(' ') },
  });
  return { row, secret };
}

export async function listApiKeys(
  db: QueryExecutorProvider,
  { tenantId, after, limit }: { tenantId: string; after: bigint; limit: number },
): Promise<ApiKeyRow[]> {
  const { rows } = await sql<ApiKeyRow>`
    select ${columns} from api_keys
    where tenant_id = ${tenantId}::uuid and position > ${String(after)}::bigint
    order by position limit ${limit}`.execute(db);
  return rows;
}

export async function findApiKey(db: QueryExecutorProvider, keyId: string): Promise<ApiKeyRow | undefined> {
  const { rows } = await sql<ApiKeyRow>`
    select ${columns} from api_keys where key_id = ${keyId}::uuid`.execute(db);
  return rows[0];
}

/** A key that is good now. */
export async function findBySecret(
  db: QueryExecutorProvider,
  secret: string,
): Promise<ApiKeyRow | undefined> {
  const { rows } = await sql<ApiKeyRow>`
    select ${columns} from api_keys
    where secret_hash = ${secretHash(secret)} and revoke_time is null
      and (expire_time is null or expire_time > clock_timestamp())`.execute(db);
  return rows[0];
}

export async function revokeApiKey(
  trx: AccountAuthTransaction,
  { tenantId, subject, keyId }: { tenantId: string; subject: string; keyId: string },
): Promise<ApiKeyRow> {
  const { rows: revoked } = await sql<ApiKeyRow>`
    update api_keys set revoke_time = clock_timestamp()
    where key_id = ${keyId}::uuid and tenant_id = ${tenantId}::uuid and revoke_time is null
    returning ${columns}`.execute(trx);
  const [row] = revoked;
  if (!row) return revokedBefore(trx, tenantId, keyId);
  const origin = { entityId: keyId, tenantId, sequence: 1n, occurTime: row.revoke_time! };
  await appendEvents(trx, [accountAuthEvent(origin, { case: 'credentialRevoked', value: { keyId } })]);
  await appendAudit(trx, { tenantId, subject, action: 'revoke_api_key', entityId: keyId });
  return row;
}

async function revokedBefore(
  trx: AccountAuthTransaction,
  tenantId: string,
  keyId: string,
): Promise<ApiKeyRow> {
  const row = await findApiKey(trx, keyId);
  if (row?.tenant_id !== tenantId) throw new NotFound('API key', keyId);
  return row;
}
