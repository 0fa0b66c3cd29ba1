import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import type { MasterKeys } from '#lib/config/shared.ts';
import { open, seal, type SecretContext } from '#lib/secrets/envelope.ts';
import { SecretUndecryptable } from '#lib/secrets/errors.ts';
import type { SealedTable } from '#lib/secrets/rotation.ts';
import type { MessagingDatabase } from '../tables.ts';

/* Texts of messages lie in the log for hours: encrypted with a key of the tenant, which the master key wraps. */

export interface TenantKeys {
  of(tenantId: string): Promise<Buffer>;
}

interface KeyRow {
  tenant_id: string;
  master_key_version: number;
  wrapped_key: Buffer;
  ciphertext: Buffer;
}

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const ALGORITHM = 'aes-256-gcm';
const MOST_KEYS = 10_000;

function contextOf({ tenant_id: tenantId }: Pick<KeyRow, 'tenant_id'>): SecretContext {
  return { tenantId, entityId: tenantId, purpose: 'watch key' };
}

export const sealedWatchKeys: SealedTable<KeyRow> = {
  schema: 'messaging',
  table: 'watch_keys',
  id: 'tenant_id',
  context: contextOf,
};

export function createTenantKeys(database: MessagingDatabase, masterKeys: MasterKeys): TenantKeys {
  const known = new Map<string, Promise<Buffer>>();

  async function find(tenantId: string): Promise<Buffer | undefined> {
    const { rows } = await sql<KeyRow>`
      select tenant_id, master_key_version, wrapped_key, ciphertext from watch_keys
      where tenant_id = ${tenantId}::uuid`.execute(database.kysely);
    const [row] = rows;
    if (!row) return undefined;
    const { master_key_version: masterKeyVersion, wrapped_key: wrappedKey, ciphertext } = row;
    return open(masterKeys, contextOf(row), { masterKeyVersion, wrappedKey, ciphertext });
  }

  async function findOrMake(tenantId: string): Promise<Buffer> {
    const found = await find(tenantId);
    if (found) return found;
    const sealed = seal(masterKeys, contextOf({ tenant_id: tenantId }), randomBytes(KEY_BYTES));
    await sql`
      insert into watch_keys (tenant_id, master_key_version, wrapped_key, ciphertext)
      values (${tenantId}::uuid, ${sealed.masterKeyVersion}, ${sealed.wrappedKey}, ${sealed.ciphertext})
      on conflict do nothing`.execute(database.kysely);
    // Whoever came first made it.
    return (await find(tenantId))!;
  }

  return {
    of(tenantId) {
      const kept = known.get(tenantId);
      if (kept) return kept;
      const key = findOrMake(tenantId);
      known.set(tenantId, key);
      key.catch(() => known.delete(tenantId));
      if (known.size > MOST_KEYS) known.delete(known.keys().next().value!);
      return key;
    },
  };
}

/** Bound to the session, so that no event passes for another account's. */
export function encryptEvent(key: Buffer, sessionId: bigint, plain: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(Buffer.from(String(sessionId)));
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

export function decryptEvent(key: Buffer, sessionId: bigint, sealed: Buffer): Buffer {
  const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  })
    .setAAD(Buffer.from(String(sessionId)))
    .setAuthTag(sealed.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch {
    throw new SecretUndecryptable({ kind: 'damaged' });
  }
}
