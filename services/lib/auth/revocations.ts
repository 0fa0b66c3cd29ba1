import type { Clock, Timer } from '#lib/lifecycle/clock.ts';
import { ACCESS_TTL_MS } from './access-token.ts';

/** Which logins and keys have ended, and who must hear of it. */
export interface Revocations {
  /** Aborts when the login or key ends; aborted already when it has. */
  signalOf(id: string): AbortSignal;
  end(id: string): void;
  /** Ends it at that time, epoch milliseconds. */
  endAt(id: string, at: number): void;
  close(): void;
}

/** After that no token of an ended login is good any more, and of a key the answer is asked for anew. */
export const REMEMBERED_MS = ACCESS_TTL_MS + 60_000;
/** Some 10 MB; a thousand a second for as long as they matter would be fewer. */
const MAX_REMEMBERED = 100_000;

export function createRevocations(clock: Clock): Revocations {
  const ended = new Map<string, number>();
  const timers = new Map<string, Timer>();
  // A signal lives as long as a stream or a cached credential holds it, and its controller as long as it does.
  const signals = new Map<string, WeakRef<AbortSignal>>();
  const controllers = new WeakMap<AbortSignal, AbortController>();
  const forgotten = new FinalizationRegistry<string>((id) => {
    if (!signals.get(id)?.deref()) signals.delete(id);
  });

  function forgetOld(): void {
    const now = clock.monotonic();
    for (const [id, until] of ended) {
      if (until > now && ended.size <= MAX_REMEMBERED) return;
      ended.delete(id);
    }
  }

  function end(id: string): void {
    ended.delete(id);
    ended.set(id, clock.monotonic() + REMEMBERED_MS);
    forgetOld();
    timers.get(id)?.cancel();
    timers.delete(id);
    const signal = signals.get(id)?.deref();
    signals.delete(id);
    if (signal) controllers.get(signal)!.abort();
  }

  return {
    signalOf(id) {
      const known = signals.get(id)?.deref();
      if (known) return known;
      const controller = new AbortController();
      if (ended.has(id)) {
        controller.abort();
        return controller.signal;
      }
      controllers.set(controller.signal, controller);
      signals.set(id, new WeakRef(controller.signal));
      forgotten.register(controller.signal, id);
      return controller.signal;
    },
    end,
    endAt(id, at) {
      timers.get(id)?.cancel();
      // A timer takes no longer than 24 days; who is still here then asks again.
      timers.set(
        id,
        clock.setTimer(at - clock.now(), () => (clock.now() >= at ? end(id) : timers.delete(id))),
      );
    },
    close() {
      for (const timer of timers.values()) timer.cancel();
      timers.clear();
    },
  };
}
