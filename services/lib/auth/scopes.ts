import { PermissionDenied } from '#lib/rpc/errors.ts';
import type { Principal, Scope } from './principal.ts';

/**
 * What a method asks of its caller: a scope; `authenticated` (any known caller); `operator` (the role);
 * or `public`, which reads no credentials at all.
 */
export type Access = Scope | 'public' | 'authenticated' | 'operator';

/** The service that carries calls from outside into the mesh: what it carries is not a call of the mesh. */
export const EDGE_SERVICE = 'gateway';

/**
 * `mesh` asks who makes the call, not for whom: a service that carries a user's call passes with the
 * user's principal, and the user, who has no mesh token or comes through the edge, does not.
 */
export function hasScope(principal: Principal, scope: Scope): boolean {
  if (scope === 'mesh') return isCarriedInside(principal) || isServiceOfTheMesh(principal);
  return principal.scopes.has(scope);
}

function isCarriedInside({ via }: Principal): boolean {
  return via !== undefined && via !== EDGE_SERVICE;
}

/** A process of the mesh that calls in its own name, not for a caller whose call it carries. */
export function isServiceOfTheMesh(principal: Principal): boolean {
  return principal.role === 'service' && principal.scopes.has('mesh');
}

export function requireServiceOfTheMesh(principal: Principal): void {
  if (!isServiceOfTheMesh(principal)) throw new PermissionDenied({ scope: 'mesh' });
}

export function requireScope(principal: Principal, scope: Scope): void {
  if (!hasScope(principal, scope)) throw new PermissionDenied({ scope });
}

export function requireOperator(principal: Principal): void {
  if (principal.role !== 'operator') throw new PermissionDenied({ role: 'operator' });
}

export function requireAccess(principal: Principal, access: Access): void {
  if (access === 'public' || access === 'authenticated') return;
  if (access === 'operator') requireOperator(principal);
  else requireScope(principal, access);
}
