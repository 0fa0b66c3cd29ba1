import type { Clock, Timer } from '#lib/lifecycle/clock.ts';

/** A session as the watchdog sees it. */
export interface Watched {
  /** Monotonic milliseconds: the last update, or the last answer that proved the session alive. */
  readonly lastHeardMs: number;
  readonly isConnected: boolean;
  /** Asks Telegram for a sign of life; never rejects. */
  probe(): Promise<void>;
}

export interface FreshnessOptions {
  clock: Clock;
  /** A session not heard of for so long is probed. */
  quietMs: number;
  sweepMs: number;
  /** Probes under way at once, over all sessions. */
  probesAtOnce: number;
}

/** One timer for all the sessions of a process: asks those that went quiet whether anything was missed. */
export class Freshness {
  readonly #options: FreshnessOptions;
  readonly #watched = new Set<Watched>();
  readonly #probing = new Set<Watched>();
  #timer: Timer | undefined;

  constructor(options: FreshnessOptions) {
    this.#options = options;
  }

  watch(session: Watched): void {
    this.#watched.add(session);
    this.#timer ??= this.#later();
  }

  unwatch(session: Watched): void {
    this.#watched.delete(session);
    if (this.#watched.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** The longest time that a connected session was not heard of; 0 without any. */
  oldestMs(): number {
    const now = this.#options.clock.monotonic();
    let oldest = 0;
    for (const { isConnected, lastHeardMs } of this.#watched)
      if (isConnected) oldest = Math.max(oldest, now - lastHeardMs);
    return oldest;
  }

  #later(): Timer {
    return this.#options.clock.setTimer(this.#options.sweepMs, () => this.#sweep());
  }

  #sweep(): void {
    const { clock, quietMs, probesAtOnce } = this.#options;
    const since = clock.monotonic() - quietMs;
    for (const session of this.#watched) {
      if (this.#probing.size >= probesAtOnce) break;
      if (!session.isConnected || session.lastHeardMs > since || this.#probing.has(session)) continue;
      this.#probing.add(session);
      // Those probed go to the end, so that a sweep that is full does not meet the same ones first again.
      this.#watched.delete(session);
      this.#watched.add(session);
      void session.probe().finally(() => this.#probing.delete(session));
    }
    this.#timer = this.#watched.size > 0 ? this.#later() : undefined;
  }
}
