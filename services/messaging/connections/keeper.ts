import { createBatcher } from '#lib/batching/batcher.ts';
import { pause, type Clock } from '#lib/lifecycle/clock.ts';
import { DomainError } from '#lib/rpc/errors.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { MessagingDatabase } from '../tables.ts';
import type { Wanted } from './actor.ts';
import { HeldElsewhere } from './elsewhere.ts';
import type { Holding } from './holding.ts';
import * as store from './store.ts';

export interface KeeperParts {
  readonly processId: string;
  readonly database: MessagingDatabase;
  readonly clock: Clock;
  /** Evenly from [0, 1). */
  random(): number;
  readonly log: Logger;
  /** Sessions that are taken for watchers at once. */
  readonly takesAtOnce?: number;
}

export interface Kept {
  readonly wanted: Wanted;
  reach(): Promise<Holding>;
  here(holding: Holding): void;
  elsewhere(at: HeldElsewhere): void;
  refused(error: Error): void;
}

const TAKES_AT_ONCE = 128;
const SESSIONS_A_STATEMENT = 5_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

/**
 * Keeps sessions for watchers: here, or, where another process holds one, by a row that makes that process keep it.
 * It also tells the others what is held here.
 */
export class Keeper {
  readonly #parts: KeeperParts;
  /** What other processes keep for this one, and how to hear that nobody holds it any more. */
  readonly #elsewhere = new Map<bigint, { tenantId: string; wake: Set<() => void> }>();
  readonly #notes: { submit(row: store.HeldRow | bigint): Promise<void> };
  readonly #stopping = new AbortController();
  readonly #renewing: Promise<void>;
  #taking = 0;
  #queue: (() => void)[] = [];

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    const { database, processId, clock } = parts;
    this.#notes = createBatcher({
      name: 'messaging.held',
      async run(rows: readonly (store.HeldRow | bigint)[]) {
        // The last word on a session counts.
        const last = new Map(rows.map((row) => [typeof row === 'bigint' ? row : row.sessionId, row]));
        const held = [...last.values()].filter((row) => typeof row !== 'bigint');
        const gone = [...last.values()].filter((row) => typeof row === 'bigint');
        if (held.length > 0) await store.noteHeld(database, processId, held);
        if (gone.length > 0) await store.noteGone(database, processId, gone);
        return rows.map(() => undefined);
      },
      maxItems: SESSIONS_A_STATEMENT,
      gatherMs: 5,
      clock,
    });
    this.#renewing = this.#renew();
  }

  entered(row: store.HeldRow): void {
    this.#note(row);
  }

  left(sessionId: bigint): void {
    this.#note(sessionId);
  }

  /** Until the signal aborts; never rejects. */
  async keep(kept: Kept, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#parts;
    for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted;) {
      try {
        const holding = await this.#inTurn(() => kept.reach(), signal);
        if (!holding) return;
        pauseMs = FIRST_PAUSE_MS;
        await hold(holding, signal, () => kept.here(holding));
      } catch (error) {
        if (error instanceof HeldElsewhere) {
          kept.elsewhere(error);
          await this.#whileElsewhere(error, kept.wanted.tenantId, signal);
          continue;
        }
        if (signal.aborted) return;
        kept.refused(error instanceof Error ? error : new Error(String(error)));
        const asked = error instanceof DomainError ? (error.retryAfterMs ?? 0) : 0;
        await pause(clock, Math.max(Math.min(asked, LONGEST_PAUSE_MS), pauseMs * (0.5 + random())), signal);
        pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
      }
    }
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#renewing;
  }

  #note(row: store.HeldRow | bigint): void {
    this.#notes.submit(row).catch((err: unknown) => {
      this.#parts.log.warn({ event: 'held_not_noted', err }, 'other processes do not know what is held here');
    });
  }

  async #inTurn<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T | undefined> {
    const { takesAtOnce = TAKES_AT_ONCE } = this.#parts;
    if (this.#taking >= takesAtOnce) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#queue.push(resolve);
      await promise;
    } else this.#taking += 1;
    try {
      return signal.aborted ? undefined : await work();
    } finally {
      const next = this.#queue.shift();
      if (next) next();
      else this.#taking -= 1;
    }
  }

  /** Until the other process holds it no more. */
  async #whileElsewhere({ sessionId }: HeldElsewhere, tenantId: string, signal: AbortSignal): Promise<void> {
    const { clock, database, processId, log } = this.#parts;
    if (sessionId === undefined) return pause(clock, FIRST_PAUSE_MS, signal);
    const entry = this.#elsewhere.get(sessionId) ?? { tenantId, wake: new Set<() => void>() };
    this.#elsewhere.set(sessionId, entry);
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    entry.wake.add(wake);
    signal.addEventListener('abort', wake, { once: true });
    if (entry.wake.size === 1)
      store.renewKeeps(database, processId, [{ sessionId, tenantId }]).catch((err: unknown) => {
        log.warn({ event: 'keep_not_noted', err }, 'a session that is held elsewhere is kept a moment later');
      });
    await promise;
    signal.removeEventListener('abort', wake);
    entry.wake.delete(wake);
    if (entry.wake.size > 0) return;
    this.#elsewhere.delete(sessionId);
    await store
      .endKeep(database, processId, sessionId)
      .catch((err: unknown) => log.warn({ event: 'keep_not_ended', err }, 'a keep ends by itself'));
  }

  async #renew(): Promise<void> {
    const { clock, database, processId, log } = this.#parts;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await pause(clock, store.KEEP_EVERY_MS, signal);
      const kept = Array.from(this.#elsewhere, ([sessionId, { tenantId }]) => ({ sessionId, tenantId }));
      try {
        for (let from = 0; from < kept.length && !signal.aborted; from += SESSIONS_A_STATEMENT) {
          const batch = kept.slice(from, from + SESSIONS_A_STATEMENT);
          for (const sessionId of await store.renewKeeps(database, processId, batch))
            for (const wake of this.#elsewhere.get(sessionId)?.wake ?? []) wake();
        }
      } catch (err) {
        log.warn({ event: 'keeps_not_renewed', err }, 'keeps are renewed again');
      }
    }
  }
}

/** Counts as a watcher of it until it is held no more. */
async function hold(holding: Holding, signal: AbortSignal, begun: () => void): Promise<void> {
  holding.keeps += 1;
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = (): void => resolve();
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    begun();
    await Promise.race([promise, holding.held.ended]);
  } finally {
    signal.removeEventListener('abort', stop);
    holding.keeps -= 1;
    holding.lastUsed = Math.max(holding.lastUsed, holding.now());
  }
}
