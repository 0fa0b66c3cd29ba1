import { pause } from '#lib/lifecycle/clock.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { instruments } from '#lib/telemetry/metrics.ts';
import type { Pool } from '../pool.ts';
import type { Queue } from '../queue/queue.ts';
import { pruneAnswers } from '#lib/requests/replay.ts';
import { removeLeaving } from '../sessions/removal.ts';
import { sweepFloodWaits } from '../waits/store.ts';
import { forgetDeadReplicas, stampAndReap } from './store.ts';

/** A lease is reclaimed within TTL + 1 s: this, and a pass, and a pass that another replica was at. */
const PAUSE_MS = 400;
const HOUSEKEEPING_MS = 30_000;
const ROWS_A_PASS = 1_000;
/** With a pass each 400 ms a replica forgets 25,000 answers a second: more than come in. */
const ANSWERS_A_PASS = 10_000;

const metrics = instruments((meter) => ({
  lateness: meter.createHistogram('telegate.pool.reclaim.lateness', {
    unit: 's',
    description: 'How long after its end a lease was reclaimed.',
  }),
  failures: meter.createCounter('telegate.pool.reaper.failures', {
    description: 'Passes of the reaper that failed.',
  }),
}));

export interface Reaper {
  /** Milliseconds since a pass last succeeded: how long the database has been out of reach, at the most. */
  silentMs(): number;
  /** Resolves when the pass under way is done. */
  stop(): Promise<void>;
}

/** What happens by time alone. Every replica runs one; any number of them do no more work than one. */
export function startReaper(pool: Pool, queue: Queue): Reaper {
  const stopping = new AbortController();
  let houseKept = -Infinity;
  let moreToForget = false;

  async function pass(): Promise<void> {
    const reaped = await stampAndReap(pool, PAUSE_MS / 2);
    for (const lease of reaped?.expired ?? [])
      metrics().lateness.record((lease.occur_time.getTime() - lease.expire_time.getTime()) / 1_000);
    if (reaped) pool.wakeQueue(await sweepFloodWaits(pool, ROWS_A_PASS));
    if (reaped) await removeLeaving(pool, ROWS_A_PASS);
    await queue.tick();
    const isDue = pool.clock.monotonic() - houseKept >= HOUSEKEEPING_MS;
    if (isDue) {
      houseKept = pool.clock.monotonic();
      await forgetDeadReplicas(pool);
    }
    if (isDue || moreToForget) {
      const forgotten = await transaction(pool.database, (trx) => pruneAnswers(trx, ANSWERS_A_PASS));
      moreToForget = forgotten === ANSWERS_A_PASS;
    }
  }

  let succeededAt = pool.clock.monotonic();

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await pass();
        succeededAt = pool.clock.monotonic();
      } catch (error) {
        metrics().failures.add(1);
        pool.log.warn({ event: 'reaper', err: error }, 'leases could not be looked after; it is tried again');
      }
      await pause(pool.clock, PAUSE_MS, stopping.signal);
    }
  }

  const running = run();
  return {
    silentMs: () => pool.clock.monotonic() - succeededAt,
    stop() {
      stopping.abort();
      return running;
    },
  };
}
