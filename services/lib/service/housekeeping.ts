import { pruneInbox } from '#lib/events/consumer.ts';
import { pause, type Clock } from '#lib/lifecycle/clock.ts';
import type { Database } from '#lib/postgres/database.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { pruneAnswers } from '#lib/requests/replay.ts';
import type { Logger } from '#lib/telemetry/log.ts';

const PAUSE_MS = 30_000;
/** Of the pause: replicas that started together do not work together. */
const JITTER = 0.2;
const ROWS_AT_ONCE = 5_000;

/** Removes at most so many rows; answers how many there were. */
export type Piece = (rows: number) => Promise<number>;

export interface House<Tables> {
  readonly database: Database<Tables>;
  readonly clock: Clock;
  readonly log: Logger;
  /** 0 ≤ n < 1 */
  readonly random: () => number;
}

/**
 * Forgets what has had its time: old answers, events that were handled, and the service's own pieces. Every replica
 * does; any number of them do no more work than one. Answers how to stop it.
 */
export function keepHouse<Tables>(house: House<Tables>, pieces: readonly Piece[] = []): () => Promise<void> {
  const { database, clock, log, random } = house;
  const stopping = new AbortController();
  const all: readonly Piece[] = [
    (rows) => transaction(database, (trx) => pruneAnswers(trx, rows)),
    () => pruneInbox(database.kysely),
    ...pieces,
  ];

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        // Each until there is less than a piece of it, so that nothing piles up.
        for (const piece of all)
          while (!stopping.signal.aborted && (await piece(ROWS_AT_ONCE)) >= ROWS_AT_ONCE);
      } catch (error) {
        log.warn({ event: 'housekeeping', err: error }, 'old rows could not be removed; it is tried again');
      }
      await pause(clock, PAUSE_MS * (1 + random() * JITTER), stopping.signal);
    }
  }

  const running = run();
  return () => {
    stopping.abort();
    return running;
  };
}
