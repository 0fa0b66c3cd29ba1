import { pause, type Clock } from '#lib/lifecycle/clock.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { Mark, Notice } from './notice.ts';

/** `marks` is where the session stands behind these notices: a handler may keep both at once. */
export type UpdateHandler = (notices: readonly Notice[], marks: readonly Mark[]) => Promise<void> | void;

interface Entry {
  readonly notice: Notice | undefined;
  readonly mark: Mark | undefined;
}

const MOST_A_BATCH = 100;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;

export interface DeliveryOptions {
  handler: UpdateHandler;
  /** Called once the notices before the marks have been taken. */
  taken(marks: readonly Mark[]): void;
  /** The queue is half empty again after it was full. */
  roomAgain(): void;
  limit: number;
  clock: Clock;
  log: Logger;
}

/** Hands notices to a handler one batch at a time, in order, each again until the handler has taken it. */
export class Delivery {
  readonly #options: DeliveryOptions;
  #queue: Entry[] = [];
  /** Of the batch that the handler has. */
  #inHand = 0;
  #running: Promise<void> | undefined;
  #isFull = false;
  #waiting: (() => void)[] | undefined;
  readonly #stop = new AbortController();

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#queue.length + this.#inHand;
  }

  /** From when the limit is reached until half of it is free again. */
  get isFull(): boolean {
    return this.#isFull;
  }

  put(notice: Notice | undefined, mark: Mark | undefined): void {
    if (this.#stop.signal.aborted) return;
    const last = this.#queue.at(-1);
    // Marks without a notice pile up while the handler is busy: the newest of a scope says all.
    if (!notice && mark && last && !last.notice && last.mark?.scope === mark.scope)
      this.#queue[this.#queue.length - 1] = { notice, mark };
    else this.#queue.push({ notice, mark });
    if (this.size >= this.#options.limit) this.#isFull = true;
    this.#running ??= this.#drain();
  }

  /** Resolves when there is room. */
  room(): Promise<void> {
    if (!this.#isFull || this.#stop.signal.aborted) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    (this.#waiting ??= []).push(resolve);
    return promise;
  }

  /** What is not taken is given up; resolves when the handler is done with what it has. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#release();
    await this.#running;
  }

  async #drain(): Promise<void> {
    // What one push brings goes as one batch.
    await Promise.resolve();
    while (this.#queue.length > 0 && !this.#stop.signal.aborted) {
      const batch = this.#queue.splice(0, MOST_A_BATCH);
      this.#inHand = batch.length;
      if (!(await this.#hand(batch))) break;
      this.#inHand = 0;
      this.#options.taken(batch.flatMap(({ mark }) => mark ?? []));
      if (!this.#isFull || this.size > this.#options.limit / 2) continue;
      this.#isFull = false;
      this.#release();
      this.#options.roomAgain();
    }
    this.#running = undefined;
  }

  async #hand(batch: readonly Entry[]): Promise<boolean> {
    const notices = batch.flatMap(({ notice }) => notice ?? []);
    const marks = batch.flatMap(({ mark }) => mark ?? []);
    const { handler, clock, log } = this.#options;
    for (
      let retryMs = FIRST_RETRY_MS;
      notices.length > 0;
      retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS)
    ) {
      try {
        await handler(notices, marks);
        break;
      } catch (error) {
        log.error(
          { event: 'update_handler_failed', err: error, retry_ms: retryMs },
          'updates were not taken',
        );
      }
      await pause(clock, retryMs, this.#stop.signal);
      if (this.#stop.signal.aborted) return false;
    }
    return true;
  }

  #release(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    for (const resolve of waiting ?? []) resolve();
  }
}
