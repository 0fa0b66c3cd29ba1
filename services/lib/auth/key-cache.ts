import { hash } from 'node:crypto';
import type { Clock } from '#lib/lifecycle/clock.ts';
import { DependencyUnavailable, DomainError, Unauthenticated } from '#lib/rpc/errors.ts';
import { keyPrincipal, looksLikeApiKey, type KeyGrant } from './api-key.ts';
import type { Authenticated } from './authenticate.ts';
import type { Revocations } from './revocations.ts';

/** An answer is used for this long; a key in use is so seen about once a minute by each process. */
const FRESH_MS = 60_000;
/** While account-auth can not be reached, a key that was good goes on for this long after it was last asked for. */
const STALE_MS = 10 * 60_000;
/** How soon it is asked again after it could not be reached. */
const RETRY_MS = 5_000;
const REFUSED_MS = 5_000;
const KEYS = 10_000;
const REFUSALS = 10_000;
/** Keys that are being asked for; more at once are told to come back. */
const ASKED_AT_ONCE = 500;

interface Known {
  readonly authenticated: Authenticated & { readonly revoked: AbortSignal };
  readonly expiresAt: number;
  readonly askedAt: number;
  askAgainAt: number;
}

export interface KeyCache {
  find(secret: string): Authenticated | Promise<Authenticated>;
}

/** Rejects with Unauthenticated for a key that is none, or has ended; else it could not be said. */
export type AskForKey = (secret: string) => Promise<KeyGrant>;

export function createKeyCache(ask: AskForKey, revocations: Revocations, clock: Clock): KeyCache {
  const known = new Map<string, Known>();
  const refused = new Map<string, number>();
  const asking = new Map<string, Promise<Authenticated>>();

  function remember(digest: string, grant: KeyGrant): Authenticated {
    const { keyId, expiresAt = Infinity } = grant;
    const revoked = revocations.signalOf(keyId);
    if (revoked.aborted || clock.now() >= expiresAt) throw new Unauthenticated();
    if (expiresAt !== Infinity) revocations.endAt(keyId, expiresAt);
    const authenticated = { principal: keyPrincipal(grant), revoked };
    known.delete(digest);
    if (known.size >= KEYS) known.delete(known.keys().next().value!);
    const askedAt = clock.monotonic();
    known.set(digest, { authenticated, expiresAt, askedAt, askAgainAt: askedAt + FRESH_MS });
    return authenticated;
  }

  function refuse(digest: string): void {
    known.delete(digest);
    if (refused.size >= REFUSALS) refused.delete(refused.keys().next().value!);
    refused.set(digest, clock.monotonic() + REFUSED_MS);
  }

  async function askFor(digest: string, secret: string): Promise<Authenticated> {
    try {
      return remember(digest, await ask(secret));
    } catch (error) {
      if (error instanceof Unauthenticated) {
        refuse(digest);
        throw error;
      }
      const before = usable(known.get(digest));
      if (before && clock.monotonic() - before.askedAt < STALE_MS) {
        before.askAgainAt = clock.monotonic() + RETRY_MS;
        return before.authenticated;
      }
      throw error instanceof DependencyUnavailable
        ? error
        : new DependencyUnavailable('account-auth', {
            cause: error,
            ...(error instanceof DomainError ? { retryAfterMs: error.retryAfterMs ?? 1_000 } : {}),
          });
    } finally {
      asking.delete(digest);
    }
  }

  function usable(entry: Known | undefined): Known | undefined {
    return entry && !entry.authenticated.revoked.aborted && clock.now() < entry.expiresAt ? entry : undefined;
  }

  return {
    find(secret) {
      if (!looksLikeApiKey(secret)) throw new Unauthenticated();
      const digest = hash('sha256', secret, 'base64');
      const now = clock.monotonic();
      const entry = usable(known.get(digest));
      if (entry && now < entry.askAgainAt) return entry.authenticated;
      const refusedUntil = refused.get(digest);
      if (refusedUntil !== undefined && now < refusedUntil) throw new Unauthenticated();
      const underWay = asking.get(digest);
      if (underWay) return underWay;
      if (asking.size >= ASKED_AT_ONCE) throw new DependencyUnavailable('account-auth');
      const asked = askFor(digest, secret);
      asking.set(digest, asked);
      return asked;
    },
  };
}
