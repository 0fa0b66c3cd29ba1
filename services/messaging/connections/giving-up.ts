import type { Clock } from '#lib/lifecycle/clock.ts';
import { Cancelled, DomainError } from '#lib/rpc/errors.ts';

/** The outcome of `work`, or at once why the signal was aborted. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  if (signal.aborted) throw reasonOf(signal);
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(reasonOf(signal));
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** As a DomainError: an AbortError tells a caller nothing. */
export function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof DomainError ? signal.reason : new Cancelled();
}

/** Throws when a signal aborts meanwhile. */
export async function pauseUnlessAborted(
  clock: Clock,
  ms: number,
  signals: readonly (AbortSignal | undefined)[],
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = clock.setTimer(ms, resolve);
  const stop = (): void => resolve();
  for (const signal of signals) {
    if (signal?.aborted) stop();
    signal?.addEventListener('abort', stop, { once: true });
  }
  await promise;
  timer.cancel();
  for (const signal of signals) signal?.removeEventListener('abort', stop);
  for (const signal of signals) if (signal?.aborted) throw reasonOf(signal);
}
