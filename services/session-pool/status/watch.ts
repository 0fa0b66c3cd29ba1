import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import type { Clock, Timer } from '#lib/lifecycle/clock.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { StatusRow } from './model.ts';

export interface StatusWatcher {
  /** How often it wants to hear at most. */
  readonly intervalMs: number;
  /** Called after each reading, changed or not. */
  tell(status: StatusRow): void;
}

export interface StatusBoard {
  /** Returns what takes the watcher away. */
  watch(tenantId: string, watcher: StatusWatcher): () => void;
  /** No reading after this; the watchers end by their calls. */
  stop(): void;
}

/**
 * Reads the status of each watched tenant once for all who watch it here, as often as the most eager of them
 * asks, and not at all while nobody does. A reading that fails is tried again at the next turn.
 */
export function createStatusBoard(options: {
  read(tenantId: string): Promise<StatusRow>;
  clock: Clock;
  log: Logger;
}): StatusBoard {
  const polls = new Map<string, TenantPoll>();
  let stopped = false;
  return {
    watch(tenantId, watcher) {
      if (stopped) return () => undefined;
      let poll = polls.get(tenantId);
      if (!poll) {
        poll = new TenantPoll(() => options.read(tenantId), options.clock, options.log);
        polls.set(tenantId, poll);
      }
      poll.add(watcher);
      return () => {
        if (poll.remove(watcher) === 0) polls.delete(tenantId);
      };
    },
    stop() {
      stopped = true;
      for (const poll of polls.values()) poll.stop();
      polls.clear();
    },
  };
}

class TenantPoll {
  readonly #read: () => Promise<StatusRow>;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #watchers = new Set<StatusWatcher>();
  #timer: Timer | undefined;
  #dueAt = Infinity;
  #readAt: number;
  #reading = false;
  #failing = false;
  #stopped = false;

  constructor(read: () => Promise<StatusRow>, clock: Clock, log: Logger) {
    this.#read = read;
    this.#clock = clock;
    this.#log = log;
    this.#readAt = clock.monotonic();
  }

  add(watcher: StatusWatcher): void {
    this.#watchers.add(watcher);
    this.#schedule();
  }

  remove(watcher: StatusWatcher): number {
    this.#watchers.delete(watcher);
    if (this.#watchers.size === 0) this.stop();
    return this.#watchers.size;
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #schedule(): void {
    if (this.#stopped || this.#reading) return;
    const interval = Math.min(...[...this.#watchers].map(({ intervalMs }) => intervalMs));
    const dueAt = this.#readAt + interval;
    if (this.#timer && dueAt >= this.#dueAt) return;
    this.#timer?.cancel();
    this.#dueAt = dueAt;
    // Not in the trace of the call that happens to be the first to watch.
    this.#timer = context.with(ROOT_CONTEXT, () =>
      this.#clock.setTimer(Math.max(0, dueAt - this.#clock.monotonic()), () => void this.#turn()),
    );
  }

  async #turn(): Promise<void> {
    this.#timer = undefined;
    this.#dueAt = Infinity;
    this.#reading = true;
    try {
      const status = await this.#read();
      if (this.#failing) this.#log.info({ event: 'pool_watch' }, 'the pool can be watched again');
      this.#failing = false;
      for (const watcher of this.#watchers) watcher.tell(status);
    } catch (error) {
      if (!this.#failing)
        this.#log.warn({ event: 'pool_watch', err: error }, 'the pool can not be read; watching goes on');
      this.#failing = true;
    } finally {
      this.#reading = false;
      this.#readAt = this.#clock.monotonic();
      this.#schedule();
    }
  }
}
