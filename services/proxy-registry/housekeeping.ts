import { pruneInbox } from '#lib/events/consumer.ts';
import { pause } from '#lib/lifecycle/clock.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { pruneAnswers } from '#lib/requests/replay.ts';
import { forgetHolds } from './egress/holds.ts';
import type { Registry } from './registry.ts';

const PAUSE_MS = 30_000;
/** Of the pause: replicas that started together do not work together. */
const JITTER = 0.2;
const ROWS_AT_ONCE = 5_000;

/** Forgets what has had its time. Every replica does; any number of them do no more work than one. */
export function keepHouse(registry: Registry): () => Promise<void> {
  const { database, clock, log, random } = registry;
  const stopping = new AbortController();

  /** Until there is less than a piece of it, so that nothing piles up. */
  async function forget(piece: () => Promise<number>): Promise<void> {
    while (!stopping.signal.aborted && (await piece()) >= ROWS_AT_ONCE);
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await forget(() => forgetHolds(registry, ROWS_AT_ONCE));
        await forget(() => transaction(database, (trx) => pruneAnswers(trx, ROWS_AT_ONCE)));
        await forget(() => pruneInbox(database.kysely));
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
