import { pause, type Clock } from '#lib/lifecycle/clock.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { MessagingDatabase } from '../tables.ts';
import * as store from './store.ts';

export interface HeartbeatParts {
  readonly processId: string;
  readonly database: MessagingDatabase;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Tells the other processes that this one lives, and where. */
export class Heartbeat {
  readonly #parts: HeartbeatParts;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;

  constructor(parts: HeartbeatParts) {
    this.#parts = parts;
  }

  /** `address` is host:port, for the other processes. */
  async start(address: string): Promise<void> {
    const { database, processId } = this.#parts;
    await store.beat(database, { processId, address });
    this.#running = this.#run(address);
  }

  async stop(): Promise<void> {
    const { database, processId } = this.#parts;
    this.#stopping.abort();
    await this.#running;
    await store.leave(database, processId);
  }

  async #run(address: string): Promise<void> {
    const { processId, database, clock, log } = this.#parts;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await pause(clock, store.BEAT_MS, signal);
      if (signal.aborted) return;
      try {
        await store.beat(database, { processId, address });
      } catch (err) {
        log.warn({ event: 'heartbeat', err }, 'other processes can not hear from this one');
      }
    }
  }
}
