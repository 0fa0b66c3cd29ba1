import type { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { servicePrincipal, type Principal } from '#lib/auth/principal.ts';
import type { CallOptions } from '#lib/rpc/client-state.ts';
import type { Client } from '#lib/rpc/client.ts';
import type { AccountAuth } from '../account-auth.ts';

export const SERVICE = 'account-auth';

/** What the calls of this capability share. */
export interface Accounts extends AccountAuth {
  readonly sessionPool: Client<typeof SessionPoolService>;
  /** The id of the deployment's Telegram. */
  readonly environment: string;
  /** Called after each commit after which the pool is still to hear something of an account's session. */
  wakeSettling(): void;
}

/** Of one call to the pool. */
export const POOL_CALL_MS = 5_000;

type Parent = NonNullable<CallOptions['parent']>;

interface PoolCall {
  parent: Parent;
}

/**
 * A call to the pool for the caller of this one, in the caller's name. Whoever may change an account may change its
 * session: that was asked of the caller here, by `account:write`.
 */
export function asCaller(call: Parent): PoolCall {
  const { principal, signal } = call;
  const scopes: Principal['scopes'] = new Set([...principal.scopes, 'pool:admin', 'pool:read']);
  return {
    parent: {
      principal: { ...principal, scopes },
      signal,
      remainingMs: () => Math.min(call.remainingMs(), POOL_CALL_MS),
    },
  };
}

/** A call to the pool that nobody waits for. */
export function asService(tenantId: string, signal: AbortSignal): PoolCall {
  return {
    parent: { principal: servicePrincipal(SERVICE, tenantId), signal, remainingMs: () => POOL_CALL_MS },
  };
}
