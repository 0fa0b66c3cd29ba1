import type { Principal } from '#lib/auth/principal.ts';
import { hasScope } from '#lib/auth/scopes.ts';
import { PermissionDenied, Unauthenticated } from '#lib/rpc/errors.ts';
import type { CallOptions } from '#lib/rpc/client-state.ts';
import { detail, Refusal } from '../http/answer.ts';
import type { Exchange } from '../http/exchange.ts';

/** The parent of the calls that a request makes. */
export type Parent = NonNullable<CallOptions['parent']>;

/** Lets in who shows a known key in X-API-Key: 401 without one, 403 with a wrong one. */
export async function admitKey(exchange: Exchange, timeoutMs?: number): Promise<Parent> {
  const key = exchange.header('x-api-key');
  if (key === undefined || key === '')
    throw new Refusal(detail(401, 'The header X-API-Key is missing: send an API key in it'));
  try {
    exchange.admit(
      await exchange.edge.authenticate({ get: (name) => (name === 'x-api-key' ? key : undefined) }),
      timeoutMs,
    );
  } catch (error) {
    if (error instanceof Unauthenticated) throw new Refusal(detail(403, 'The API key is wrong or revoked'));
    throw error;
  }
  return exchange.call;
}

/**
 * The counts, for a key that may lease: this interface knows one right, to use the pool, and what the pool holds
 * is part of it.
 */
export function withCounts(parent: Parent): Parent {
  const { principal, signal } = parent;
  if (!hasScope(principal, 'pool:lease') && !hasScope(principal, 'pool:read'))
    throw new PermissionDenied({ scope: 'pool:lease' });
  const reader: Principal = { ...principal, scopes: new Set([...principal.scopes, 'pool:read' as const]) };
  return { principal: reader, signal, remainingMs: () => parent.remainingMs() };
}

/** How the pool shows to others who has a session; the same key has the same name through every gateway. */
export function holderName({ subject }: Principal): string {
  return `http:${subject.replace(/^key:/, '')}`.slice(0, 128);
}
