import type { AccountAuthService } from '#gen/telegate/account_auth/v1/account_auth_service_pb.ts';
import type { MessagingService } from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import { servicePrincipal, type Principal } from '#lib/auth/principal.ts';
import type { Clock } from '#lib/lifecycle/clock.ts';
import type { Client } from '#lib/rpc/client.ts';
import type { CallOptions } from '#lib/rpc/client-state.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { Limits } from './limits.ts';
import type { EngagementDatabase } from './tables.ts';
import type { Texts } from './texts/texts.ts';

/** What every capability of this service stands on. */
export interface Engagement {
  readonly database: EngagementDatabase;
  readonly messaging: Client<typeof MessagingService>;
  readonly accounts: Client<typeof AccountAuthService>;
  readonly texts: Texts;
  readonly clock: Clock;
  /** 0 ≤ n < 1 */
  readonly random: () => number;
  readonly log: Logger;
  readonly settings: EngagementSettings;
  /** Called after each commit that may have written events. */
  wakeRelay(): void;
}

export interface EngagementSettings {
  /** The Telegram that it acts in. */
  readonly environment: string;
  /** As they hold there. */
  readonly limits: Limits;
  readonly verifyEveryMs: number;
  readonly verifyWhileRunningMs: number;
  readonly newPostsEveryMs: number;
}

/** On whose behalf something is asked of another service. */
export type Parent = NonNullable<CallOptions['parent']>;

/**
 * Carries a call on. Who may run campaigns may have its accounts and channels looked at for them: what they run with is
 * the tenant's alone, whatever its key may read besides.
 */
export function carriedOn(call: Parent): Parent {
  const { principal, signal } = call;
  const scopes: Principal['scopes'] = new Set([...principal.scopes, 'account:read', 'message:read']);
  return { principal: { ...principal, scopes }, signal, remainingMs: () => call.remainingMs() };
}

/** For what the service does by itself, for a tenant. */
export function onOwnBehalf(tenantId: string, signal: AbortSignal, limitMs: number): Parent {
  return { principal: servicePrincipal('engagement', tenantId), signal, remainingMs: () => limitMs };
}
