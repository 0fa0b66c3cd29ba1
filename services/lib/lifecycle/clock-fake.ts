import type { Clock } from './clock.ts';

export interface FakeClock extends Clock {
  /** Moves both clocks and fires the timers that fall due, in order, letting promises settle after each. */
  advance(ms: number): Promise<void>;
  /** Sets the wall clock alone, as when the machine's clock is corrected. */
  setNow(epochMs: number): void;
  readonly pendingTimers: number;
}

interface PendingTimer {
  due: number;
  order: number;
  fire: () => void;
}

const DEFAULT_NOW = Date.UTC(2025, 0, 1);

export function createFakeClock(options: { now?: number } = {}): FakeClock {
  let elapsed = 0;
  let wallOffset = options.now ?? DEFAULT_NOW;
  let order = 0;
  const pending = new Set<PendingTimer>();

  const nextDue = (until: number): PendingTimer | undefined =>
    [...pending]
      .filter((timer) => timer.due <= until)
      .toSorted((a, b) => a.due - b.due || a.order - b.order)[0];

  return {
    now: () => wallOffset + elapsed,
    monotonic: () => elapsed,
    setTimer(ms, fire) {
      const timer = { due: elapsed + Math.max(ms, 0), order: order++, fire };
      pending.add(timer);
      return { cancel: () => void pending.delete(timer) };
    },
    async advance(ms) {
      const until = elapsed + ms;
      await settle();
      for (let timer = nextDue(until); timer; timer = nextDue(until)) {
        pending.delete(timer);
        elapsed = Math.max(elapsed, timer.due);
        timer.fire();
        await settle();
      }
      elapsed = until;
    },
    setNow(epochMs) {
      wallOffset = epochMs - elapsed;
    },
    get pendingTimers() {
      return pending.size;
    },
  };
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
