import type { Clock, Timer } from '#lib/lifecycle/clock.ts';

export interface Pinged {
  /** Comes back at once and does not throw. */
  pingNow(): void;
}

/** Telegram's own applications ping about once a minute. */
export const PING_EVERY_MS = 60_000;
const SLOTS = 60;

/** One timer for the pings of all sessions of a process, spread evenly over the minute. */
export class PingWheel {
  readonly #clock: Clock;
  readonly #slots: Set<Pinged>[] = Array.from({ length: SLOTS }, () => new Set<Pinged>());
  readonly #slotOf = new Map<Pinged, number>();
  #at = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#slotOf.size;
  }

  add(session: Pinged): void {
    this.remove(session);
    const slot = this.#emptiest();
    this.#slots[slot]!.add(session);
    this.#slotOf.set(session, slot);
    this.#timer ??= this.#later();
  }

  remove(session: Pinged): void {
    const slot = this.#slotOf.get(session);
    if (slot === undefined) return;
    this.#slotOf.delete(session);
    this.#slots[slot]!.delete(session);
    if (this.#slotOf.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #emptiest(): number {
    // The slot that was just served comes last: the first ping is due within a minute, not at once.
    let best = (this.#at + SLOTS - 1) % SLOTS;
    for (let step = 2; step <= SLOTS; step += 1) {
      const slot = (this.#at + SLOTS - step) % SLOTS;
      if (this.#slots[slot]!.size < this.#slots[best]!.size) best = slot;
    }
    return best;
  }

  #later(): Timer {
    return this.#clock.setTimer(PING_EVERY_MS / SLOTS, () => {
      this.#timer = this.#later();
      const due = [...this.#slots[this.#at]!];
      this.#at = (this.#at + 1) % SLOTS;
      for (const session of due) session.pingNow();
    });
  }
}
