import type { AccountAuth } from '../account-auth.ts';
import { startHousekeeping } from './housekeeping.ts';
import type { Identity, IdentitySettings } from './identity.ts';
import { createKeyUsage } from './key-usage.ts';
import { createPasswords } from './passwords.ts';
import { openTokenKeys, type TokenKeySettings } from './token-keys.ts';

export interface OpenIdentityOptions {
  settings: IdentitySettings;
  tokenKeys: TokenKeySettings;
  onStop(name: string, stop: () => Promise<void> | void): void;
}

/** What the calls need, and what happens by time alone. */
export async function openIdentity(base: AccountAuth, options: OpenIdentityOptions): Promise<Identity> {
  const { settings, onStop } = options;
  const tokenKeys = await openTokenKeys(base, options.tokenKeys);
  onStop('token keys', () => tokenKeys.stop());
  const keyUsage = createKeyUsage(base);
  onStop('key usage', () => keyUsage.stop());
  const housekeeping = startHousekeeping(base);
  onStop('housekeeping', () => housekeeping.stop());
  return { ...base, settings, passwords: createPasswords(), tokenKeys, keyUsage };
}
