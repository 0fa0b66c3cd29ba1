import type { Span } from '@opentelemetry/api';
import { pause, systemClock, type Clock } from '../lifecycle/clock.ts';
import type pg from 'pg';
import type { Logger } from '../telemetry/log.ts';
import { backoffMs } from './backoff.ts';
import type { BusEvent, EventBus, PublishOutcome } from './bus.ts';
import { entityKey } from './entity.ts';
import { endProducerSpan, startProducerSpan } from './event-spans.ts';
import { holdLock } from './lock-holder.ts';
import { tellPublished } from './relay-lines.ts';
import { createRelayMeasures } from './relay-metrics.ts';
import { BATCH_ROWS, countOutbox, deletePublished, readOutbox, type OutboxRow } from './relay-queries.ts';

export interface Relay {
  /** Call it after a commit that appended events: they go out at once if this process holds the lock. */
  wake(): void;
  /** Finishes the batch in flight, bounded, and leaves the rest to another replica. */
  stop(): Promise<void>;
  /** Publishes nothing until resumed, and keeps the lock. */
  pause(): void;
  resume(): void;
  /** Whether this process is the one that publishes for the schema. */
  readonly active: boolean;
}

export interface RelayOptions {
  url: string;
  /** Whose outbox; one relay at a time works on it, the others stand by. */
  schema: string;
  bus: EventBus;
  /** For spans; what the bus says of itself when not given. */
  system?: EventBus['system'];
  log: Logger;
  clock?: Clock;
}

/** After a batch the next look comes soon, then ever later: four small queries a second when nothing happens. */
const POLL = { shortestMs: 25, longestMs: 250 };
/**
 * A batch that is not full is read no sooner than this after the one before it: a busy service commits events all the
 * time, and a read and a delete for each commit's few cost it more than the events themselves.
 */
const APART_MS = 10;
/** After a failure: of one entity, or of the whole broker when nothing could be published. */
const RETRY = { firstMs: 100, longestMs: 5_000 };
/** More than this many failing entities are a failing broker. */
const MAX_HELD = 1_000;
const COUNT_EVERY_MS = 5_000;
const PAUSED_POLL_MS = 500;

interface Held {
  attempts: number;
  until: number;
}

/** Moves committed events from a service's outbox to the bus: at least once, in order within an entity. */
export function startRelay(options: RelayOptions): Relay {
  const { schema, bus, system = bus.system, log, clock = systemClock } = options;
  const measures = createRelayMeasures(schema);
  const held = new Map<string, Held>();
  let paused = false;
  let wakeUp = Promise.withResolvers<void>();
  let lastCountAt = -Infinity;

  async function relayWhileHeld(client: pg.Client, signal: AbortSignal): Promise<void> {
    let idleMs = POLL.shortestMs;
    let outages = 0;
    measures.setActive(true);
    try {
      while (!signal.aborted) {
        const readAt = clock.monotonic();
        const rows = paused ? [] : await readOutbox(client, heldNow());
        if (paused) await client.query('select 1');
        else await measure(client, rows);
        if (rows.length === 0) {
          idleMs = Math.min(idleMs * 2, POLL.longestMs);
          await sleep(paused ? PAUSED_POLL_MS : idleMs, signal);
          continue;
        }
        idleMs = POLL.shortestMs;
        outages = (await publishRows(client, rows)) ? 0 : outages + 1;
        if (outages > 0) await pause(clock, backoffMs(outages, RETRY), signal);
        const early = readAt + APART_MS - clock.monotonic();
        if (rows.length < BATCH_ROWS && early > 0) await pause(clock, early, signal);
      }
    } finally {
      measures.setActive(false);
    }
  }

  /** Wakes early when called for; a wake-up that came during a batch counts. */
  async function sleep(ms: number, signal: AbortSignal): Promise<void> {
    const enough = new AbortController();
    await Promise.race([wakeUp.promise, pause(clock, ms, AbortSignal.any([signal, enough.signal]))]);
    enough.abort();
    wakeUp = Promise.withResolvers<void>();
  }

  function heldNow(): string[] {
    const now = clock.monotonic();
    return [...held].filter(([, { until }]) => until > now).map(([key]) => key);
  }

  async function publishRows(client: pg.Client, rows: readonly OutboxRow[]): Promise<boolean> {
    const events = rows.map(toEvent);
    const spans = events.map((event) => startProducerSpan(system, event));
    const outcomes = await publishAll(events, spans);
    const positions = rows.filter((_, index) => outcomes[index]?.ok).map((row) => row.position);
    const brokerWorks = noteFailures(events, outcomes);
    measures.count(outcomes);
    tellPublished(log, events, outcomes);
    if (positions.length > 0) await deletePublished(client, positions);
    return brokerWorks;
  }

  async function publishAll(
    events: readonly BusEvent[],
    spans: ReadonlyArray<Span | undefined>,
  ): Promise<PublishOutcome[]> {
    let outcomes: PublishOutcome[];
    try {
      outcomes = await bus.publish(events);
    } catch (error) {
      outcomes = events.map(() => ({ ok: false, error: error as Error }));
    }
    for (const [index, span] of spans.entries())
      if (span) endProducerSpan(span, outcomes[index] ?? { ok: false, error: new Error('no outcome') });
    return outcomes;
  }

  /** Lets the failing entities wait; false when it is not a matter of single entities. */
  function noteFailures(events: readonly BusEvent[], outcomes: readonly PublishOutcome[]): boolean {
    const failed = new Map<string, Error>();
    for (const [index, event] of events.entries()) {
      const outcome = outcomes[index];
      const key = entityKey(event);
      // The first failure is the cause; those after it were held back.
      if (outcome && !outcome.ok && !failed.has(key)) failed.set(key, outcome.error);
      else if (outcome?.ok) held.delete(key);
    }
    if (failed.size === 0) return true;
    const [[firstKey, firstError]] = failed as unknown as [[string, Error]];
    log.warn(
      { event: 'publish_failed', schema, entities: failed.size, firstEntity: firstKey, err: firstError },
      'events could not be published; they stay in the outbox and are tried again',
    );
    const noneWorks = failed.size > 1 && outcomes.every((outcome) => !outcome.ok);
    if (noneWorks || held.size + failed.size > MAX_HELD) return false;
    for (const failedKey of failed.keys()) {
      const attempts = (held.get(failedKey)?.attempts ?? 0) + 1;
      held.set(failedKey, { attempts, until: clock.monotonic() + backoffMs(attempts, RETRY) });
    }
    return true;
  }

  async function measure(client: pg.Client, rows: readonly OutboxRow[]): Promise<void> {
    measures.setOldestAge(rows[0]?.age_seconds ?? 0);
    if (clock.monotonic() - lastCountAt < COUNT_EVERY_MS) return;
    lastCountAt = clock.monotonic();
    measures.setBacklog(await countOutbox(client));
  }

  const holder = holdLock({
    url: options.url,
    schema,
    applicationName: `telegate relay ${schema}`,
    lockName: `telegate relay ${schema}`,
    whileHeld: relayWhileHeld,
    clock,
    log,
  });
  return {
    wake: () => wakeUp.resolve(),
    async stop() {
      await holder.stop();
      measures.end();
    },
    pause() {
      paused = true;
    },
    resume() {
      paused = false;
      wakeUp.resolve();
    },
    get active() {
      return holder.held;
    },
  };
}

function toEvent(row: OutboxRow): BusEvent {
  return {
    eventId: row.event_id,
    subject: row.subject,
    tenantId: row.tenant_id,
    entityId: row.entity_id,
    entitySequence: row.entity_sequence,
    payload: row.payload,
    headers: row.traceparent === null ? {} : { traceparent: row.traceparent },
  };
}
