import { fileURLToPath } from 'node:url';
import { systemClock, type Clock } from '../lifecycle/clock.ts';
import { openDatabase } from '../postgres/database.ts';
import { listen } from '../postgres/listen.ts';
import { waitForMigrations } from '../postgres/migrate.ts';
import type { Logger } from '../telemetry/log.ts';
import type { BusEvent, Consumer, EventBus, PublishOutcome } from './bus.ts';
import { BusUnavailable } from './errors.ts';
import { consumeFromPostgres } from './postgres-consumer.ts';
import { prune, publish, publishOneByOne } from './postgres-queries.ts';

export const EVENTS_SCHEMA = 'telegate_events';
export const EVENTS_MIGRATIONS = fileURLToPath(new URL('migrations', import.meta.url));
const CHANNEL = 'telegate_events';

export interface PostgresBusOptions {
  url: string;
  log: Logger;
  clock?: Clock;
  /** How long the start waits for the database and its migrations. */
  waitMs?: number;
}

const PRUNE_EVERY_MS = 10 * 60_000;

/** The same promises as NATS JetStream gives here, on the database that is there anyway. */
export async function openPostgresBus(options: PostgresBusOptions): Promise<EventBus> {
  const { url, log, clock = systemClock, waitMs = 30_000 } = options;
  const target = { url, schema: EVENTS_SCHEMA };
  await waitForMigrations({ ...target, folder: EVENTS_MIGRATIONS, timeoutMs: waitMs, log, clock });
  const database = openDatabase({ ...target, poolSize: 2, applicationName: 'telegate events', log });
  const wakeUps = new Set<() => void>();
  const wakeAll = (): void => {
    for (const wake of wakeUps) wake();
  };
  const listener = listen({ url, channels: [CHANNEL], onNotification: wakeAll, onGap: wakeAll, log, clock });
  const consumers = new Set<Consumer>();

  async function publishAll(events: readonly BusEvent[]): Promise<PublishOutcome[]> {
    if (events.length === 0) return [];
    try {
      const added = await publish(database.pool, events);
      return events.map(({ eventId }) => ({ ok: true, duplicate: !added.has(eventId) }));
    } catch (error) {
      if (!isRefusal(error)) return events.map(() => unavailable(error));
    }
    // One of them cannot be stored as it is: the others must not wait for it.
    return publishOneByOne(database.pool, events, unavailable);
  }

  let pruning = clock.setTimer(PRUNE_EVERY_MS, pruneAndAgain);
  function pruneAndAgain(): void {
    prune(database.pool).catch((error: unknown) =>
      log.warn({ event: 'events_not_pruned', err: error }, 'old events were not removed; trying again later'),
    );
    pruning = clock.setTimer(PRUNE_EVERY_MS, pruneAndAgain);
  }

  return {
    system: 'postgresql',
    publish: publishAll,
    async consume(consumeOptions) {
      const consumer = await consumeFromPostgres({
        ...consumeOptions,
        ...target,
        pool: database.pool,
        wakeUps,
        log,
        clock,
      });
      consumers.add(consumer);
      return consumer;
    },
    async close() {
      pruning.cancel();
      await Promise.all([...consumers].map((consumer) => consumer.stop()));
      await listener.close();
      await database.close();
    },
  };
}

/** Class 22: a value that the column does not take, such as an id that is no UUID; 54: it is too large. */
function isRefusal(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && /^(22|23|54)/.test(code);
}

function unavailable(error: unknown): PublishOutcome {
  return { ok: false, error: new BusUnavailable('the event was not stored', { cause: error }) };
}
