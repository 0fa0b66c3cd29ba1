import { importJWK, type CryptoKey, type JWK } from 'jose';
import type { Clock } from '#lib/lifecycle/clock.ts';
import { DependencyUnavailable } from '#lib/rpc/errors.ts';
import type { FindKey } from './access-token.ts';

export interface PublishedKeys {
  readonly keys: readonly { kid: string; jwk: JWK }[];
  /** Epoch milliseconds. */
  readonly freshUntil: number;
}

/** Made-up key ids must not become calls. */
const REFETCH_MS = 10_000;
/** How long the keys of before go on while they can not be fetched anew. */
const STALE_MS = 60 * 60_000;

/** The public keys of access tokens: fetched when first needed, when they are old, and when a token names a new one. */
export function createPublicKeys(fetch: () => Promise<PublishedKeys>, clock: Clock): FindKey {
  let keys = new Map<string, CryptoKey>();
  let freshUntil = -Infinity;
  let triedAt = -Infinity;
  let fetching: Promise<void> | undefined;

  async function refetch(): Promise<void> {
    triedAt = clock.monotonic();
    const published = await fetch();
    const imported = published.keys.map(async ({ kid, jwk }): Promise<[string, CryptoKey]> => [
      kid,
      (await importJWK(jwk, 'EdDSA')) as CryptoKey,
    ]);
    keys = new Map(await Promise.all(imported));
    freshUntil = published.freshUntil;
  }

  function refresh(): Promise<void> {
    fetching ??= refetch().finally(() => {
      fetching = undefined;
    });
    return fetching;
  }

  return async (kid) => {
    const now = clock.now();
    const known = keys.get(kid);
    if (known && now < freshUntil) return known;
    const mayTry = fetching !== undefined || clock.monotonic() - triedAt >= REFETCH_MS;
    if (mayTry) {
      const failure = await refresh().then(
        () => undefined,
        (error: unknown) => ({ error }),
      );
      if (!failure) return keys.get(kid);
      if (!known || now >= freshUntil + STALE_MS)
        throw new DependencyUnavailable('account-auth', { cause: failure.error });
      return known;
    }
    if (known && now < freshUntil + STALE_MS) return known;
    // Nothing was ever fetched: that a token's key is unknown says nothing of the token.
    if (keys.size === 0 || known) throw new DependencyUnavailable('account-auth');
    return undefined;
  };
}
