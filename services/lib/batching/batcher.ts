import { context, SpanKind, trace, type Context } from '@opentelemetry/api';
import type { Clock, Timer } from '#lib/lifecycle/clock.ts';
import { tracer, withSpan } from '#lib/telemetry/spans.ts';

export interface BatcherOptions<Item, Outcome> {
  /** Names the spans: `<name> wait` of each caller and `<name> batch`. */
  name: string;
  /** One outcome an item, in the order of the items. A rejection is every caller's. */
  run(items: readonly Item[]): Promise<readonly Outcome[]>;
  maxItems: number;
  /** How long the first of a batch waits for others. 0: no longer than the batch before it takes. */
  gatherMs: number;
  /** A batch that is not full begins no sooner than this after the one before it began. Default 0. */
  apartMs?: number;
  clock: Clock;
}

export interface Batcher<Item, Outcome> {
  submit(item: Item): Promise<Outcome>;
}

interface Pending<Item, Outcome> {
  item: Item;
  parent: Context;
  resolve(outcome: Outcome): void;
  reject(error: unknown): void;
  waitSpan: ReturnType<typeof tracer.startSpan>;
}

/**
 * Makes one piece of work of what is asked for at the same time. One batch runs at a time, and what arrives
 * meanwhile is the next: the busier, the larger the batches, and nobody waits for a timer under load.
 */
export function createBatcher<Item, Outcome>(options: BatcherOptions<Item, Outcome>): Batcher<Item, Outcome> {
  const { name, clock, maxItems, gatherMs, apartMs = 0 } = options;
  const queue: Pending<Item, Outcome>[] = [];
  let running = false;
  let startedAt = -Infinity;
  let timer: Timer | undefined;
  let turn: NodeJS.Immediate | undefined;

  function start(): void {
    timer?.cancel();
    timer = undefined;
    clearImmediate(turn);
    turn = undefined;
    if (running || queue.length === 0) return;
    const batch = queue.splice(0, maxItems);
    running = true;
    if (apartMs > 0) startedAt = clock.monotonic();
    void runBatch(batch).finally(() => {
      running = false;
      schedule();
    });
  }

  function schedule(): void {
    if (running || queue.length === 0) return;
    const waitMs = apartMs > 0 ? Math.max(gatherMs, startedAt + apartMs - clock.monotonic()) : gatherMs;
    if (waitMs <= 0 || queue.length >= maxItems) {
      // At the end of this turn, so that what arrived in the same packet is in the same batch. Not by a timer, which
      // takes a millisecond at least.
      turn ??= setImmediate(start);
    } else timer ??= clock.setTimer(waitMs, start);
  }

  // The batch belongs to the trace of its first caller; the others' wait spans and it link to each other.
  async function runBatch(batch: readonly Pending<Item, Outcome>[]): Promise<void> {
    const [first] = batch;
    const links = batch.slice(1).map(({ waitSpan }) => ({ context: waitSpan.spanContext() }));
    const parent = trace.setSpan(first!.parent, first!.waitSpan);
    try {
      const outcomes = await withSpan(
        `${name} batch`,
        { kind: SpanKind.INTERNAL, links, parent, attributes: { 'telegate.batch.size': batch.length } },
        (span) => {
          for (const { waitSpan } of batch.slice(1)) waitSpan.addLink({ context: span.spanContext() });
          return options.run(batch.map(({ item }) => item));
        },
      );
      if (outcomes.length !== batch.length)
        throw new Error(`${name}: ${outcomes.length} outcomes for ${batch.length} items`);
      batch.forEach((pending, index) => pending.resolve(outcomes[index]!));
    } catch (error) {
      for (const pending of batch) pending.reject(error);
    } finally {
      for (const { waitSpan } of batch) waitSpan.end();
    }
  }

  return {
    submit(item) {
      const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
      const parent = context.active();
      const waitSpan = tracer.startSpan(`${name} wait`, { kind: SpanKind.INTERNAL }, parent);
      queue.push({ item, parent, resolve, reject, waitSpan });
      if (queue.length >= maxItems && !running) start();
      else schedule();
      return promise;
    },
  };
}
