import { operatorScopes, type Scope } from '#lib/auth/principal.ts';

/** How long the token before the newest still gives the newest: its answer may have been lost on the way. */
export const FORGIVEN_MS = 5_000;

export interface LoginState {
  readonly generation: number;
  readonly rotateTime: Date;
  readonly expireTime: Date;
  readonly endTime: Date | null;
}

/**
 * What a refresh token of generation `given` gives: the next generation, the newest once more, nothing, or the
 * end of the login, because somebody else has used the token before.
 */
export function decideRefresh(
  login: LoginState | undefined,
  given: number,
  now: Date,
): 'rotate' | 'repeat' | 'refuse' | 'end' {
  if (!login || login.endTime !== null || login.expireTime <= now) return 'refuse';
  if (given === login.generation) return 'rotate';
  // A generation that is still to come: the database was restored from a backup.
  if (given > login.generation) return 'refuse';
  const isForgiven =
    given === login.generation - 1 && now.getTime() - login.rotateTime.getTime() < FORGIVEN_MS;
  return isForgiven ? 'repeat' : 'end';
}

/** Of a user in the own tenant: everything but what is for services. An operator differs by the role. */
export const userScopes: ReadonlySet<Scope> = operatorScopes;

/** Live logins of one user; one more ends the one that was refreshed longest ago. */
export const LOGINS_A_USER = 100;
/** Of a tenant, revoked ones aside. */
export const KEYS_A_TENANT = 1_000;
/** Of a tenant, that nobody has used yet. */
export const INVITATIONS_A_TENANT = 100;
/** How long a revoked key is listed. */
export const REVOKED_KEPT_DAYS = 90;
