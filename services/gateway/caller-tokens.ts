import type { Principal } from '#lib/auth/principal.ts';
import type { Clock } from '#lib/lifecycle/clock.ts';

/** A token is good for half a minute at the least when it is handed out. */
const FRESH_MS = 10_000;

/** The mesh's tokens by the caller at hand, who is one object for as long as its key or login is known. */
export function createCallerTokens(
  sign: (caller: Principal) => Promise<string>,
  clock: Clock,
): (caller: Principal) => string | Promise<string> {
  const known = new WeakMap<Principal, { token: string; until: number }>();
  return (caller) => {
    const entry = known.get(caller);
    if (entry && clock.monotonic() < entry.until) return entry.token;
    return sign(caller).then((token) => {
      known.set(caller, { token, until: clock.monotonic() + FRESH_MS });
      return token;
    });
  };
}
