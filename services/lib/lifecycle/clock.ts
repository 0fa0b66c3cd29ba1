export interface Timer {
  cancel(): void;
}

/** Every rule that depends on time takes one of these, so that tests can move it. */
export interface Clock {
  /** Milliseconds since the epoch; may jump when the machine's clock is set. */
  now(): number;
  /** Milliseconds that only ever rise; for measuring how long something took and for deadlines. */
  monotonic(): number;
  setTimer(ms: number, fire: () => void): Timer;
}

/** Longest delay setTimeout takes; a longer one would fire at once. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(ms, fire) {
    const timeout = setTimeout(fire, Math.min(Math.max(ms, 0), LONGEST_TIMEOUT_MS));
    return { cancel: () => clearTimeout(timeout) };
  },
};

/** Resolves after `ms`, or at once when the signal aborts; never rejects. */
export function pause(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = clock.setTimer(ms, resolve);
  const stop = (): void => {
    timer.cancel();
    resolve();
  };
  signal?.addEventListener('abort', stop, { once: true });
  return promise.finally(() => signal?.removeEventListener('abort', stop));
}

/** The outcome of `work`, or `expired` when it takes longer than `ms`. The work itself is not stopped. */
export async function within<T>(clock: Clock, ms: number, work: Promise<T>): Promise<T | typeof expired> {
  const { promise, resolve } = Promise.withResolvers<typeof expired>();
  const timer = clock.setTimer(ms, () => resolve(expired));
  try {
    return await Promise.race([work, promise]);
  } finally {
    timer.cancel();
  }
}

export const expired: unique symbol = Symbol('expired');
