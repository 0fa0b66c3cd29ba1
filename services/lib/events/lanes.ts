import { pause, type Clock } from '../lifecycle/clock.ts';
import type { Logger } from '../telemetry/log.ts';
import type { BusEvent } from './bus.ts';
import { entityKey } from './entity.ts';
import { withConsumerSpan } from './event-spans.ts';
import { backoffMs } from './backoff.ts';

export interface Delivery {
  event: BusEvent;
  /** Its place in the stream: rises, and is the same when the event is delivered again. */
  position: number;
  /** The broker has sent it before, so others of the same entity may follow out of order. */
  redelivered: boolean;
}

export interface Lanes<D extends Delivery> {
  /** Takes charge of a delivery; one that is already in hand is only replaced. */
  push(delivery: D): void;
  inHand(): readonly D[];
  readonly size: number;
  /** Starts nothing more, waits (at most `limitMs`) for what runs, and gives back what was not handled. */
  stop(limitMs: number): Promise<readonly D[]>;
}

interface Lane<D> {
  /** By position; the first is the one that runs or is tried again. */
  waiting: D[];
  attempts: number;
  /** Running, about to run, or due again later. */
  busy: boolean;
  running: boolean;
}

/** The broker sends what a dead consumer held in any order, within milliseconds: wait, then sort. */
const REDELIVERY_SETTLE_MS = 100;
const RETRY = { firstMs: 200, longestMs: 30_000 };
/** From the fifth failure on, a line each time says that somebody has to look. */
const ATTEMPTS_UNTIL_STUCK = 5;

/**
 * Runs `handle` for one event of an entity at a time, in the order of the stream, and for different entities
 * at the same time. An event that fails is tried again until it succeeds; meanwhile its entity waits.
 */
export function createLanes<D extends Delivery>(options: {
  durable: string;
  system: string;
  concurrency: number;
  handle(event: BusEvent): Promise<void>;
  done(delivery: D): void;
  failed(): void;
  clock: Clock;
  log: Logger;
}): Lanes<D> {
  const { durable, concurrency, clock, log } = options;
  const lanes = new Map<string, Lane<D>>();
  const inHand = new Map<number, D>();
  const ready: Array<[string, Lane<D>]> = [];
  const running = new Set<Promise<void>>();
  const stopping = new AbortController();

  function startReady(): void {
    while (running.size < concurrency && !stopping.signal.aborted) {
      const next = ready.shift();
      if (!next) return;
      const run = runHead(...next).finally(() => {
        running.delete(run);
        startReady();
      });
      running.add(run);
    }
  }

  async function runHead(key: string, lane: Lane<D>): Promise<void> {
    const head = lane.waiting[0]!;
    lane.running = true;
    try {
      await withConsumerSpan(options, head.event, () => options.handle(head.event));
    } catch (error) {
      lane.running = false;
      lane.attempts += 1;
      options.failed();
      const retryMs = backoffMs(lane.attempts, RETRY);
      const fields = { durable, subject: head.event.subject, eventId: head.event.eventId };
      const { attempts } = lane;
      log[attempts >= ATTEMPTS_UNTIL_STUCK ? 'error' : 'warn'](
        { event: 'event_failed', ...fields, attempts, retryMs, err: error },
        'an event was not handled; it and later ones of its entity wait',
      );
      void later(key, lane, retryMs);
      return;
    }
    lane.waiting.shift();
    lane.attempts = 0;
    lane.busy = false;
    lane.running = false;
    // The newest delivery: its acknowledgement is the one that the broker expects.
    const newest = inHand.get(head.position) ?? head;
    inHand.delete(head.position);
    options.done(newest);
    if (lane.waiting.length === 0) lanes.delete(key);
    else makeReady(key, lane);
  }

  function makeReady(key: string, lane: Lane<D>): void {
    lane.busy = true;
    ready.push([key, lane]);
  }

  async function later(key: string, lane: Lane<D>, ms: number): Promise<void> {
    lane.busy = true;
    await pause(clock, ms, stopping.signal);
    makeReady(key, lane);
    startReady();
  }

  return {
    push(delivery) {
      const known = inHand.has(delivery.position);
      inHand.set(delivery.position, delivery);
      if (known || stopping.signal.aborted) return;
      const key = entityKey(delivery.event);
      const lane = lanes.get(key) ?? { waiting: [], attempts: 0, busy: false, running: false };
      lanes.set(key, lane);
      insertByPosition(lane, delivery);
      if (lane.busy) return;
      if (delivery.redelivered) void later(key, lane, REDELIVERY_SETTLE_MS);
      else makeReady(key, lane);
      startReady();
    },
    inHand: () => [...inHand.values()],
    get size() {
      return inHand.size;
    },
    async stop(limitMs) {
      stopping.abort();
      const limit = new AbortController();
      await Promise.race([Promise.allSettled(running), pause(clock, limitMs, limit.signal)]);
      limit.abort();
      return [...inHand.values()];
    },
  };
}

function insertByPosition<D extends Delivery>(lane: Lane<D>, delivery: D): void {
  const after = lane.waiting.findLastIndex((one) => one.position < delivery.position);
  lane.waiting.splice(Math.max(after + 1, lane.running ? 1 : 0), 0, delivery);
}
