import type { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import type { Client } from '#lib/rpc/client.ts';
import type { AccountAuth } from '../account-auth.ts';
import type { TelegramAccess } from '../telegram.ts';
import type { ApplicationStop } from './application-stop.ts';
import type { EgressSource } from './egress.ts';

export interface LoginSettings {
  /** From the last code that was sent, and again from the password's first being asked for. */
  readonly ttlMs: number;
  /** Wrong codes, and then again wrong passwords, of one login. */
  readonly attempts: number;
  /** Within `windowMs`. */
  readonly codesPerPhone: number;
  readonly loginsPerTenant: number;
  readonly windowMs: number;
  /** How long a process that died keeps others from going on with its logins. */
  readonly claimTtlMs: number;
  /** Where the sessions are written as files too. */
  readonly exportDir: string | undefined;
}

/** What the calls of this capability share. */
export interface Logins extends AccountAuth {
  readonly settings: LoginSettings;
  readonly telegram: TelegramAccess;
  readonly egress: EgressSource;
  readonly sessionPool: Client<typeof SessionPoolService>;
  readonly applicationStop: ApplicationStop;
}

/** How long a step may go on, and what ends its waiting. */
export interface StepLimits {
  remainingMs(): number;
  readonly signal: AbortSignal;
}
