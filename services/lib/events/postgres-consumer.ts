import type pg from 'pg';
import { pause, type Clock } from '../lifecycle/clock.ts';
import type { Logger } from '../telemetry/log.ts';
import type { ConsumeOptions, Consumer } from './bus.ts';
import { createConsumerMeasures } from './consumer-metrics.ts';
import { createLanes, type Delivery, type Lanes } from './lanes.ts';
import { holdLock } from './lock-holder.ts';
import { positionOf, readEvents, registerConsumer, savePosition, toPattern } from './postgres-queries.ts';

export interface PostgresConsumerOptions extends ConsumeOptions {
  url: string;
  schema: string;
  pool: pg.Pool;
  /** Called when something was published. */
  wakeUps: Set<() => void>;
  log: Logger;
  clock: Clock;
}

/** What one consumer may hold unhandled; an entity that fails for good stops its durable here. */
const MAX_IN_HAND = 1_024;
/** Without a notification; it also says to the server that the session lives. */
const POLL_MS = 1_000;
/** How long handled events may be handled again after a crash. */
const SAVE_EVERY_MS = 200;
/** A durable that is in use says so, that it is not forgotten. */
const TOUCH_EVERY_MS = 10_000;
const STOP_LIMIT_MS = 5_000;

/** Replicas of a durable take turns: the one that holds its lock reads on from the saved position. */
export async function consumeFromPostgres(options: PostgresConsumerOptions): Promise<Consumer> {
  const { durable, subjects, startFrom = 'first', forgetAfterMs, clock, log, wakeUps } = options;
  for (const subject of subjects) toPattern(subject);
  await registerConsumer(options.pool, { durable, startFrom, forgetAfterMs });
  let wakeUp = Promise.withResolvers<void>();
  const wake = (): void => wakeUp.resolve();
  wakeUps.add(wake);

  let current: Lanes<Delivery> | undefined;
  let pending = 0;
  const measures = createConsumerMeasures(durable, () => ({
    active: holder.held,
    inHand: current?.size ?? 0,
    pending,
  }));

  async function consumeWhileHeld(client: pg.Client, signal: AbortSignal): Promise<void> {
    await registerConsumer(client, { durable, startFrom, forgetAfterMs });
    let saved = await positionOf(client, durable);
    let horizon = saved;
    let lastSaveAt = clock.monotonic();
    let lastTouchAt = lastSaveAt;
    const lanes = createLanes<Delivery>({
      durable,
      system: 'postgresql',
      concurrency: options.concurrency ?? 16,
      handle: (event) => options.handle(event),
      failed: () => measures.failed(),
      done() {
        measures.handled();
        if (lanes.size === MAX_IN_HAND / 2 - 1) wake();
      },
      clock,
      log,
    });
    current = lanes;
    const save = async (): Promise<void> => {
      const position = handledUpTo(lanes, horizon);
      const isDue = forgetAfterMs !== undefined && clock.monotonic() - lastTouchAt >= TOUCH_EVERY_MS;
      if (position > saved || isDue) {
        await savePosition(client, durable, position);
        lastTouchAt = clock.monotonic();
      }
      saved = position;
      lastSaveAt = clock.monotonic();
    };
    try {
      while (!signal.aborted) {
        wakeUp = Promise.withResolvers<void>();
        let full = false;
        if (lanes.size < MAX_IN_HAND / 2) {
          const read = await readEvents(client, horizon, subjects);
          horizon = read.horizon;
          full = read.full;
          pending = read.pending;
          for (const { position, event } of read.events) lanes.push({ event, position, redelivered: false });
        }
        if (clock.monotonic() - lastSaveAt >= SAVE_EVERY_MS) await save();
        if (full && lanes.size < MAX_IN_HAND / 2) continue;
        const unsaved = handledUpTo(lanes, horizon) > saved;
        await sleep(unsaved ? SAVE_EVERY_MS : POLL_MS, signal);
        // Says that the session lives, also while a full hand keeps us from reading.
        if (lanes.size >= MAX_IN_HAND / 2) await client.query('select 1');
      }
    } finally {
      await lanes.stop(STOP_LIMIT_MS);
      // A lost connection has lost the lock too, and then somebody else may be further on already.
      await save().catch((error: unknown) =>
        log.info({ event: 'position_not_saved', durable, err: error }, 'some events will be handled again'),
      );
    }
  }

  async function sleep(ms: number, signal: AbortSignal): Promise<void> {
    const enough = new AbortController();
    await Promise.race([wakeUp.promise, pause(clock, ms, AbortSignal.any([signal, enough.signal]))]);
    enough.abort();
  }

  const holder = holdLock({
    url: options.url,
    schema: options.schema,
    applicationName: `telegate events ${durable}`,
    lockName: `telegate events ${durable}`,
    whileHeld: consumeWhileHeld,
    clock,
    log,
  });
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    await holder.stop();
    wakeUps.delete(wake);
    measures.end();
  };
  return { stop: () => (stopped ??= stop()) };
}

/** Everything before the first event that is still in hand. */
function handledUpTo(lanes: Lanes<Delivery>, horizon: number): number {
  let first = Infinity;
  for (const { position } of lanes.inHand()) first = Math.min(first, position);
  return Math.min(horizon, first - 1);
}
