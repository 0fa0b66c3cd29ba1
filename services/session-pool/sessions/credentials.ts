import { create } from '@bufbuild/protobuf';
import { sql, type Kysely } from 'kysely';
import {
  SessionCredentialsSchema,
  SessionFormat,
  type SessionCredentials,
} from '#gen/telegate/session_pool/v1/lease_pb.ts';
import type { MasterKeys } from '#lib/config/shared.ts';
import { NotFound } from '#lib/rpc/errors.ts';
import { open, seal, type SealedSecret, type SecretContext } from '#lib/secrets/envelope.ts';
import { renderMaterial, type RenderableFormat } from '#lib/telegram/material/detect.ts';
import type { Material } from '#lib/telegram/material/material.ts';
import type { PoolTransaction } from '../slots.ts';
import type { PoolTables } from '../tables.ts';

export interface KeyOwner {
  session_id: bigint;
  tenant_id: string;
}

const FORMATS: Partial<Record<SessionFormat, RenderableFormat>> = {
  [SessionFormat.GRAMJS_STRING]: 'gramjs-string',
  [SessionFormat.TELETHON_STRING]: 'telethon-string',
  [SessionFormat.TELETHON_FILE]: 'telethon-file',
  [SessionFormat.PYROGRAM_STRING]: 'pyrogram-string',
};

/** Undefined for SESSION_FORMAT_UNSPECIFIED, which means another thing when importing than when handing out. */
export function materialFormat(format: SessionFormat): RenderableFormat | undefined {
  return FORMATS[format];
}

export function keyContext({ session_id, tenant_id }: KeyOwner): SecretContext {
  return { tenantId: tenant_id, entityId: String(session_id), purpose: 'session-key' };
}

export function sealMaterial(masterKeys: MasterKeys, owner: KeyOwner, material: Material): SealedSecret {
  const plaintext = materialToBytes(material);
  try {
    return seal(masterKeys, keyContext(owner), plaintext);
  } finally {
    plaintext.fill(0);
  }
}

/** The key of a session that is new in this transaction. */
export async function storeKey(
  trx: PoolTransaction,
  masterKeys: MasterKeys,
  owner: KeyOwner,
  material: Material,
): Promise<void> {
  const sealed = sealMaterial(masterKeys, owner, material);
  await sql`
    insert into session_keys (session_id, master_key_version, wrapped_key, ciphertext)
    values (${owner.session_id}, ${sealed.masterKeyVersion}, ${sealed.wrappedKey}, ${sealed.ciphertext})
  `.execute(trx);
}

/** In the order asked for. A session that is not there, or is another tenant's, is NOT_FOUND. */
export async function readMaterials(
  executor: Kysely<PoolTables> | PoolTransaction,
  masterKeys: MasterKeys,
  owners: readonly KeyOwner[],
): Promise<Material[]> {
  if (owners.length === 0) return [];
  const { rows } = await sql<KeyOwner & StoredKey>`
    select sessions.session_id, sessions.tenant_id,
      session_keys.master_key_version, session_keys.wrapped_key, session_keys.ciphertext
    from unnest(
      ${owners.map(({ session_id }) => session_id)}::bigint[],
      ${owners.map(({ tenant_id }) => tenant_id)}::uuid[]
    ) as wanted (session_id, tenant_id)
    join sessions using (session_id, tenant_id) join session_keys using (session_id)`.execute(executor);
  const stored = new Map(rows.map((row) => [row.session_id, row]));
  return owners.map((owner) => {
    const row = stored.get(owner.session_id);
    if (!row || row.tenant_id !== owner.tenant_id) throw new NotFound('session', String(owner.session_id));
    const plaintext = open(masterKeys, keyContext(owner), sealedSecret(row));
    try {
      return materialFromBytes(plaintext);
    } finally {
      plaintext.fill(0);
    }
  });
}

/**
 * The keys of these sessions, each in the format at the same place; UNSPECIFIED is the Telethon string. Whoever
 * calls this hands keys out: it writes the audit in the same transaction.
 */
export async function readCredentials(
  trx: PoolTransaction,
  pool: { readonly masterKeys: MasterKeys },
  sessions: readonly KeyOwner[],
  formats: readonly SessionFormat[],
): Promise<SessionCredentials[]> {
  const materials = await readMaterials(trx, pool.masterKeys, sessions);
  return materials.map((material, index) => {
    const format = formats[index] || SessionFormat.TELETHON_STRING;
    return create(SessionCredentialsSchema, {
      format,
      material: renderMaterial(material, materialFormat(format)!),
      dataCenter: material.dataCenter,
    });
  });
}

export interface StoredKey {
  master_key_version: number;
  wrapped_key: Buffer;
  ciphertext: Buffer;
}

export function sealedSecret(row: StoredKey): SealedSecret {
  return {
    masterKeyVersion: row.master_key_version,
    wrappedKey: row.wrapped_key,
    ciphertext: row.ciphertext,
  };
}

/** What is sealed: all that was known of the session when it came, so that any format can be written later. */
interface SealedMaterial {
  data_center: number;
  auth_key: string;
  user_id?: string;
  test_mode?: boolean;
  api_id?: number;
  is_bot?: boolean;
  host?: string;
  port?: number;
}

function materialToBytes(material: Material): Buffer {
  const sealed: SealedMaterial = {
    data_center: material.dataCenter,
    auth_key: material.authKey.toString('base64'),
    user_id: material.userId?.toString(),
    test_mode: material.testMode,
    api_id: material.apiId,
    is_bot: material.isBot,
    ...material.address,
  };
  return Buffer.from(JSON.stringify(sealed));
}

function materialFromBytes(bytes: Buffer): Material {
  const sealed = JSON.parse(bytes.toString()) as SealedMaterial;
  const { host, port } = sealed;
  return {
    dataCenter: sealed.data_center,
    authKey: Buffer.from(sealed.auth_key, 'base64'),
    userId: sealed.user_id === undefined ? undefined : BigInt(sealed.user_id),
    testMode: sealed.test_mode,
    apiId: sealed.api_id,
    isBot: sealed.is_bot,
    address: host === undefined || port === undefined ? undefined : { host, port },
  };
}
