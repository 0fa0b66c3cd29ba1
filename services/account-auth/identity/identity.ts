import type { AccountAuth } from '../account-auth.ts';
import type { Passwords } from './passwords.ts';
import type { TokenKeys } from './token-keys.ts';
import type { KeyUsage } from './key-usage.ts';

export interface IdentitySettings {
  /** Whether people may register without an invitation. */
  readonly openRegistration: boolean;
  /** How long a login lasts from its last refresh. */
  readonly loginTtlMs: number;
  readonly attempts: AttemptLimits;
  /** The tenant of the deployment's operator. */
  readonly operatorTenant: string;
}

/** Within one window. */
export interface AttemptLimits {
  readonly perUser: number;
  readonly perAddress: number;
  readonly registrationsPerAddress: number;
  readonly windowMs: number;
}

/** What the calls of this capability share. */
export interface Identity extends AccountAuth {
  readonly settings: IdentitySettings;
  readonly passwords: Passwords;
  readonly tokenKeys: TokenKeys;
  readonly keyUsage: KeyUsage;
}
