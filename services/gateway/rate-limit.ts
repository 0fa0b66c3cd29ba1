import type { Clock } from '#lib/lifecycle/clock.ts';

/** How long at the full rate may be caught up on at once. */
const BURST_SECONDS = 2;
/** Some 10 MB. Beyond, those that have waited longest begin anew. */
const MAX_KEYS = 100_000;

interface Bucket {
  tokens: number;
  filledAt: number;
}

export interface RateLimit {
  /** Takes one, and answers 0; or takes none, and answers the milliseconds until there is one. */
  take(key: string): number;
}

/** A token bucket for each key, in this process alone; none at all for a rate of 0. */
export function createRateLimit(perSecond: number, clock: Clock): RateLimit {
  if (perSecond === 0) return { take: () => 0 };
  const capacity = Math.max(1, perSecond * BURST_SECONDS);
  const perMs = perSecond / 1_000;
  const buckets = new Map<string, Bucket>();

  /** A full bucket says no more than none. */
  function makeRoom(now: number): void {
    for (const [key, { tokens, filledAt }] of buckets) {
      const isFull = tokens + (now - filledAt) * perMs >= capacity;
      if (!isFull && buckets.size < MAX_KEYS) return;
      buckets.delete(key);
    }
  }

  return {
    take(key) {
      const now = clock.monotonic();
      let bucket = buckets.get(key);
      if (!bucket) {
        if (buckets.size >= MAX_KEYS) makeRoom(now);
        bucket = { tokens: capacity, filledAt: now };
        buckets.set(key, bucket);
      }
      bucket.tokens = Math.min(capacity, bucket.tokens + (now - bucket.filledAt) * perMs);
      bucket.filledAt = now;
      if (bucket.tokens < 1) return (1 - bucket.tokens) / perMs;
      bucket.tokens -= 1;
      return 0;
    },
  };
}
