import type { Principal } from '#lib/auth/principal.ts';
import { PermissionDenied } from '#lib/rpc/errors.ts';

/** The user who calls, by id; keys and services are refused. */
export function requireUser({ subject }: Principal): string {
  const userId = /^user:([0-9a-f-]{36})$/.exec(subject)?.[1];
  if (userId === undefined)
    throw new PermissionDenied(
      { role: 'user' },
      "The call needs a user's token: log in with e-mail and password.",
    );
  return userId;
}

/** Who may deal with a tenant's keys: a user (by id), or the deployment's operator with its own key (null). */
export function requireKeyOwner(principal: Principal): string | null {
  if (principal.role === 'operator' && !principal.subject.startsWith('user:')) return null;
  return requireUser(principal);
}
