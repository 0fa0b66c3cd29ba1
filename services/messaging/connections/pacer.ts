import type { Clock } from '#lib/lifecycle/clock.ts';

interface Pace {
  intervalMs: number;
  nextAt: number;
  /** Of the last wait, or of the last time that the pace was let up. */
  slowedAt: number;
}

interface Counted {
  since: number;
  calls: number;
}

const WINDOW_MS = 60_000;
/** A pace that was kept for so long without a wait is tried at half its interval. */
const LET_UP_MS = 300_000;
const SLOWER = 1.5;
const LEAST_MS = 50;
const MOST_MS = 10_000;
const MOST_METHODS = 200;

/** How fast each method of a session may be called, learned from the waits that Telegram asked for. */
export class Pacer {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #paces = new Map<string, Pace>();
  readonly #counts = new Map<string, Counted>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** How long the next call of a method should wait. */
  untilMs(method: string): number {
    const pace = this.#paces.get(method);
    return pace ? Math.max(0, pace.nextAt - this.#clock.monotonic()) : 0;
  }

  began(method: string): void {
    const now = this.#clock.monotonic();
    this.#count(method, now);
    const pace = this.#paces.get(method);
    if (!pace) return;
    if (now - pace.slowedAt >= LET_UP_MS) {
      pace.intervalMs /= 2;
      pace.slowedAt = now;
      if (pace.intervalMs < LEAST_MS) return void this.#paces.delete(method);
    }
    pace.nextAt = now + pace.intervalMs;
  }

  /** Telegram asked for a wait: what was called so far was too much for it. */
  waited(method: string): void {
    const now = this.#clock.monotonic();
    const counted = this.#counts.get(method);
    const usual = counted ? Math.max(now - counted.since, LEAST_MS) / counted.calls : LEAST_MS;
    const known = this.#paces.get(method);
    // Calls that were under way together bring one wait each: they are one lesson.
    if (known && now - known.slowedAt < known.intervalMs) return;
    const intervalMs = Math.min(
      MOST_MS,
      Math.max(LEAST_MS, usual * SLOWER, (known?.intervalMs ?? 0) * SLOWER),
    );
    this.#paces.set(method, { intervalMs, nextAt: now + intervalMs, slowedAt: now });
  }

  #count(method: string, now: number): void {
    const counted = this.#counts.get(method);
    if (counted && now - counted.since < WINDOW_MS) {
      counted.calls += 1;
      return;
    }
    if (!counted && this.#counts.size >= MOST_METHODS) this.#counts.clear();
    this.#counts.set(method, { since: now, calls: 1 });
  }
}
