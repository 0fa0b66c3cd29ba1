import type { MasterKeys } from '#lib/config/shared.ts';
import { open, seal, type SecretContext } from '#lib/secrets/envelope.ts';
import type { LoginKey } from '#lib/telegram/login-connection.ts';
import type { SealedTable } from '#lib/secrets/rotation.ts';
import type { LoginRow } from './tables.ts';

/** What of a login is sealed. */
export interface LoginSecrets {
  readonly key: LoginKey;
  /** By which Telegram knows the code it sent; empty for a QR login, and before. */
  readonly phoneCodeHash: string;
}

type SealedColumns = Pick<LoginRow, 'data_center' | 'master_key_version' | 'wrapped_key' | 'ciphertext'>;
type Owner = Pick<LoginRow, 'tenant_id' | 'login_id'>;

export const noSecrets: SealedColumns = {
  data_center: null,
  master_key_version: null,
  wrapped_key: null,
  ciphertext: null,
};

export function sealSecrets(
  masterKeys: MasterKeys,
  owner: Owner,
  { key, phoneCodeHash }: LoginSecrets,
): SealedColumns {
  const plaintext = Buffer.concat([key.authKey, Buffer.from(phoneCodeHash)]);
  try {
    const sealed = seal(masterKeys, contextOf(owner), plaintext);
    return {
      data_center: key.dataCenter,
      master_key_version: sealed.masterKeyVersion,
      wrapped_key: sealed.wrappedKey,
      ciphertext: sealed.ciphertext,
    };
  } finally {
    plaintext.fill(0);
  }
}

const KEY_BYTES = 256;

export function openSecrets(masterKeys: MasterKeys, row: Owner & SealedColumns): LoginSecrets | undefined {
  const { data_center, master_key_version, wrapped_key, ciphertext } = row;
  if (data_center === null || master_key_version === null || !wrapped_key || !ciphertext) return undefined;
  const sealed = { masterKeyVersion: master_key_version, wrappedKey: wrapped_key, ciphertext };
  const plaintext = open(masterKeys, contextOf(row), sealed);
  return {
    key: { dataCenter: data_center, authKey: plaintext.subarray(0, KEY_BYTES) },
    phoneCodeHash: plaintext.subarray(KEY_BYTES).toString(),
  };
}

/** For keys:rotate: logins under way move along. */
export const sealedLogins: SealedTable<Owner> = {
  schema: 'account_auth',
  table: 'telegram_logins',
  id: 'login_id',
  context: contextOf,
};

function contextOf({ tenant_id, login_id }: Owner): SecretContext {
  return { tenantId: tenant_id, entityId: login_id, purpose: 'telegram-login' };
}
