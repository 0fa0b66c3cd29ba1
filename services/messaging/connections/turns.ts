import type { Clock, Timer } from '#lib/lifecycle/clock.ts';
import { DeadlineExceeded, QuotaExceeded } from '#lib/rpc/errors.ts';
import { reasonOf } from './giving-up.ts';
import type { Pacer } from './pacer.ts';

export interface TurnWanted {
  readonly caller: string;
  readonly method: string;
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
}

export interface TurnsOptions {
  readonly clock: Clock;
  readonly pacer: Pacer;
  /** Calls of the session on the wire at once. */
  readonly atOnce?: number;
  readonly mostWaiting?: number;
}

interface Waiter {
  readonly method: string;
  readonly turn: PromiseWithResolvers<void>;
}

const AT_ONCE = 32;
const MOST_WAITING = 1_000;

/** Who calls next on a session: callers take turns, whoever has how many waiting; paced methods wait their time. */
export class Turns {
  readonly #options: TurnsOptions;
  readonly #atOnce: number;
  readonly #mostWaiting: number;
  /** In the order of their turns. */
  readonly #callers = new Map<string, Waiter[]>();
  #waiting = 0;
  #running = 0;
  #timer: Timer | undefined;

  constructor(options: TurnsOptions) {
    this.#options = options;
    this.#atOnce = options.atOnce ?? AT_ONCE;
    this.#mostWaiting = options.mostWaiting ?? MOST_WAITING;
  }

  get queued(): number {
    return this.#waiting;
  }

  get running(): number {
    return this.#running;
  }

  /** Resolves when it is the caller's turn; `leave` ends it. */
  async enter(wanted: TurnWanted): Promise<void> {
    const { caller, method, deadlineMs, signal } = wanted;
    const { clock, pacer } = this.#options;
    if (signal?.aborted) throw reasonOf(signal);
    if (this.#waiting === 0 && this.#running < this.#atOnce && pacer.untilMs(method) === 0)
      return this.#begin(method);
    if (this.#waiting >= this.#mostWaiting)
      throw new QuotaExceeded(
        'session_calls',
        `${this.#mostWaiting} calls wait for this session already. Send the next when some are answered.`,
        1_000,
      );
    const turn = Promise.withResolvers<void>();
    const waiter: Waiter = { method, turn };
    const waiters = this.#callers.get(caller);
    if (waiters) waiters.push(waiter);
    else this.#callers.set(caller, [waiter]);
    this.#waiting += 1;
    const giveUp = (error: unknown): void => {
      if (this.#remove(caller, waiter)) turn.reject(error);
    };
    const late = clock.setTimer(deadlineMs, () => giveUp(new DeadlineExceeded()));
    const onAbort = (): void => giveUp(reasonOf(signal!));
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#next();
    try {
      await turn.promise;
    } finally {
      late.cancel();
      signal?.removeEventListener('abort', onAbort);
    }
  }

  leave(): void {
    this.#running -= 1;
    this.#next();
  }

  /** Whoever waits is told why it is over. */
  close(reason: Error): void {
    this.#timer?.cancel();
    for (const waiters of this.#callers.values()) for (const { turn } of waiters) turn.reject(reason);
    this.#callers.clear();
    this.#waiting = 0;
  }

  #begin(method: string): void {
    this.#running += 1;
    this.#options.pacer.began(method);
  }

  #next(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    while (this.#running < this.#atOnce && this.#waiting > 0) {
      const waiter = this.#pick();
      if (!waiter) return;
      this.#begin(waiter.method);
      waiter.turn.resolve();
    }
  }

  /** The first call that may go, of the caller whose turn it is; who went comes last next time. */
  #pick(): Waiter | undefined {
    const { clock, pacer } = this.#options;
    let soonest = Infinity;
    for (const [caller, waiters] of this.#callers) {
      for (const [index, waiter] of waiters.entries()) {
        const untilMs = pacer.untilMs(waiter.method);
        if (untilMs > 0) {
          soonest = Math.min(soonest, untilMs);
          continue;
        }
        waiters.splice(index, 1);
        this.#waiting -= 1;
        this.#callers.delete(caller);
        if (waiters.length > 0) this.#callers.set(caller, waiters);
        return waiter;
      }
    }
    this.#timer = clock.setTimer(soonest, () => this.#next());
    return undefined;
  }

  #remove(caller: string, waiter: Waiter): boolean {
    const waiters = this.#callers.get(caller);
    const index = waiters?.indexOf(waiter) ?? -1;
    if (index < 0) return false;
    waiters!.splice(index, 1);
    if (waiters!.length === 0) this.#callers.delete(caller);
    this.#waiting -= 1;
    return true;
  }
}
