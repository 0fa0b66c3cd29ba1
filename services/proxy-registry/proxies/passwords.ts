import { createHmac } from 'node:crypto';
import { sql, type QueryExecutorProvider } from 'kysely';
import type { MasterKeys } from '#lib/config/shared.ts';
import { open, seal, type SecretContext } from '#lib/secrets/envelope.ts';
import type { SealedTable } from '#lib/secrets/rotation.ts';

export interface PasswordOwner {
  proxy_id: string;
  tenant_id: string;
}

export interface StoredPassword extends PasswordOwner {
  master_key_version: number;
  wrapped_key: Buffer;
  ciphertext: Buffer;
}

export function passwordContext({ proxy_id, tenant_id }: PasswordOwner): SecretContext {
  return { tenantId: tenant_id, entityId: proxy_id, purpose: 'proxy-password' };
}

/**
 * Stands for a secret where requests are compared: equal for equal ones, and no help in guessing it from what is
 * kept of the request. By the oldest key, so that a new one does not make a repeat look like another request.
 */
export function masked({ keys }: MasterKeys, secret: string): string {
  const oldest = keys.get(Math.min(...keys.keys()))!;
  return createHmac('sha256', oldest).update('telegate request').update(secret).digest('base64');
}

/** For keys:rotate. */
export const sealedProxyPasswords: SealedTable<PasswordOwner> = {
  schema: 'proxy_registry',
  table: 'proxy_passwords',
  id: 'proxy_id',
  context: passwordContext,
};

/** In place of what was there; an empty one is none. */
export async function storePasswords(
  trx: QueryExecutorProvider,
  masterKeys: MasterKeys,
  passwords: readonly (PasswordOwner & { password: string })[],
): Promise<void> {
  const gone = passwords.filter(({ password }) => password === '');
  if (gone.length > 0)
    await sql`delete from proxy_passwords where proxy_id = any(${gone.map(({ proxy_id }) => proxy_id)}::uuid[])`.execute(
      trx,
    );
  const sealed = passwords
    .filter(({ password }) => password !== '')
    .map((owner) => ({
      proxyId: owner.proxy_id,
      tenantId: owner.tenant_id,
      ...seal(masterKeys, passwordContext(owner), Buffer.from(owner.password, 'utf8')),
    }));
  if (sealed.length === 0) return;
  await sql`
    insert into proxy_passwords (proxy_id, tenant_id, master_key_version, wrapped_key, ciphertext)
    select * from unnest(
      ${sealed.map(({ proxyId }) => proxyId)}::uuid[],
      ${sealed.map(({ tenantId }) => tenantId)}::uuid[],
      ${sealed.map(({ masterKeyVersion }) => masterKeyVersion)}::integer[],
      ${sealed.map(({ wrappedKey }) => wrappedKey)}::bytea[],
      ${sealed.map(({ ciphertext }) => ciphertext)}::bytea[]
    )
    on conflict (proxy_id) do update set master_key_version = excluded.master_key_version,
      wrapped_key = excluded.wrapped_key, ciphertext = excluded.ciphertext`.execute(trx);
}

/** By proxy; those without a password are missing. */
export async function readPasswords(
  executor: QueryExecutorProvider,
  masterKeys: MasterKeys,
  proxyIds: readonly string[],
): Promise<Map<string, string>> {
  const sealed = await readSealedPasswords(executor, proxyIds);
  return new Map([...sealed].map(([proxyId, row]) => [proxyId, openPassword(masterKeys, row)]));
}

/** The same, for those who open each by itself: one that does not open is no fault of the others. */
export async function readSealedPasswords(
  executor: QueryExecutorProvider,
  proxyIds: readonly string[],
): Promise<Map<string, StoredPassword>> {
  if (proxyIds.length === 0) return new Map();
  const { rows } = await sql<StoredPassword>`
    select * from proxy_passwords where proxy_id = any(${proxyIds}::uuid[])`.execute(executor);
  return new Map(rows.map((row) => [row.proxy_id, row]));
}

export function openPassword(masterKeys: MasterKeys, row: StoredPassword): string {
  const plaintext = open(masterKeys, passwordContext(row), {
    masterKeyVersion: row.master_key_version,
    wrappedKey: row.wrapped_key,
    ciphertext: row.ciphertext,
  });
  const password = plaintext.toString('utf8');
  plaintext.fill(0);
  return password;
}
