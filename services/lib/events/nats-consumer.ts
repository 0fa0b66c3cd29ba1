import { pause, within, type Clock } from '../lifecycle/clock.ts';
import type { Logger } from '../telemetry/log.ts';
import type { ConsumeOptions, Consumer } from './bus.ts';
import { createConsumerMeasures } from './consumer-metrics.ts';
import { createLanes, type Delivery } from './lanes.ts';
import { consumerConfig, nanoseconds, PIN_GROUP, STREAM } from './nats-stream.ts';
import { placeOf, toEvent, type Wire, type WireMessage } from './nats-wire.ts';

export interface NatsConsumerSettings {
  clock: Clock;
  log: Logger;
  ackWaitMs: number;
  pinnedMs: number;
}

const PULL_BATCH = 256;
const PULL_EXPIRES_MS = 5_000;
const PULL_HEARTBEAT_MS = 2_000;
/** A pull that neither answers nor beats for this long is asked anew. */
const PULL_SILENT_MS = 5_000;
const PULL_RETRY_MS = 250;
const STOP_LIMIT_MS = 5_000;

const HEARTBEAT = 100;
const NO_MESSAGES = 404;
const EXPIRED = 408;
const WRONG_PIN = 423;
const NO_RESPONDERS = 503;

interface NatsDelivery extends Delivery {
  reply: string;
}

/**
 * Pulls by hand, because the client library does not know pinned consumers: of the replicas that share a
 * durable, the server serves one at a time, and another only when that one has not asked for a while.
 */
export async function consumeFromNats(
  wire: Wire,
  consumeOptions: ConsumeOptions,
  { clock, log, ackWaitMs, pinnedMs }: NatsConsumerSettings,
): Promise<Consumer> {
  const { durable, handle, concurrency = 16 } = consumeOptions;
  const config = consumerConfig({ ...consumeOptions, ackWaitMs, pinnedMs, now: clock.now() });
  await wire.ensureConsumer(config);
  const stopping = new AbortController();
  const lanes = createLanes<NatsDelivery>({
    durable,
    system: 'nats',
    concurrency,
    handle,
    done({ reply }) {
      measures.handled();
      wire.publish(reply, '+ACK');
    },
    failed: () => measures.failed(),
    clock,
    log,
  });
  let pin: string | undefined;
  let pending = 0;
  const measures = createConsumerMeasures(durable, () => ({
    active: pin !== undefined,
    inHand: lanes.size,
    pending,
  }));

  function receive(message: WireMessage): void {
    pin = message.header('Nats-Pin-Id') || pin;
    const event = toEvent(message);
    const place = placeOf(message);
    if (!event || !place) {
      log.error(
        { event: 'event_malformed', subject: message.subject },
        'a message is not an event of ours; skipped',
      );
      wire.publish(message.reply, '+TERM');
      return;
    }
    pending = place.pending;
    lanes.push({ event, ...place, reply: message.reply });
  }

  /** One request for a batch; says how it ended. */
  async function pull(): Promise<'again' | 'retry' | 'recreate'> {
    const ended = Promise.withResolvers<'again' | 'retry' | 'recreate'>();
    const giveUp = (): void => ended.resolve('recreate');
    const leave = (): void => ended.resolve('again');
    let silence = clock.setTimer(PULL_SILENT_MS, giveUp);
    let received = 0;
    const subscription = wire.subscribe((message) => {
      if (message instanceof Error) return ended.resolve('retry');
      silence.cancel();
      silence = clock.setTimer(PULL_SILENT_MS, giveUp);
      if (message.status === HEARTBEAT) return;
      if (message.status > 0) return ended.resolve(afterStatus(message));
      receive(message);
      received += 1;
      if (received === PULL_BATCH) ended.resolve('again');
    });
    stopping.signal.addEventListener('abort', leave, { once: true });
    const request = {
      batch: PULL_BATCH,
      expires: nanoseconds(PULL_EXPIRES_MS),
      idle_heartbeat: nanoseconds(PULL_HEARTBEAT_MS),
      group: PIN_GROUP,
      ...(pin === undefined ? {} : { id: pin }),
    };
    try {
      wire.publish(
        `$JS.API.CONSUMER.MSG.NEXT.${STREAM}.${durable}`,
        JSON.stringify(request),
        subscription.inbox,
      );
      return await ended.promise;
    } finally {
      silence.cancel();
      stopping.signal.removeEventListener('abort', leave);
      const ending = within(clock, STOP_LIMIT_MS, subscription.end());
      if (stopping.signal.aborted) await ending;
      else ending.catch(() => undefined);
    }
  }

  function afterStatus({ status, statusText }: WireMessage): 'again' | 'retry' | 'recreate' {
    if (status === NO_MESSAGES || status === EXPIRED) return 'again';
    if (status === WRONG_PIN) {
      pin = undefined;
      return 'again';
    }
    return status === NO_RESPONDERS || /deleted/i.test(statusText) ? 'recreate' : 'retry';
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted && !wire.isClosed()) {
      try {
        const next = wire.isUp() ? await pull() : 'retry';
        if (stopping.signal.aborted) return;
        if (next === 'again') continue;
        if (next === 'recreate' && wire.isUp()) await wire.ensureConsumer(config);
      } catch (error) {
        log.warn(
          { event: 'consumer_pull_failed', durable, err: error },
          'events could not be fetched; trying again',
        );
      }
      await pause(clock, PULL_RETRY_MS, stopping.signal);
    }
  }

  let beat = clock.setTimer(ackWaitMs / 3, keepInHand);
  /** What waits in a lane is not to be sent to somebody else. */
  function keepInHand(): void {
    if (wire.isUp()) for (const { reply } of lanes.inHand()) wire.publish(reply, '+WPI');
    beat = clock.setTimer(ackWaitMs / 3, keepInHand);
  }

  async function stop(): Promise<void> {
    stopping.abort();
    await running;
    const unhandled = await lanes.stop(STOP_LIMIT_MS);
    beat.cancel();
    measures.end();
    if (!wire.isUp()) return;
    for (const { reply } of unhandled) wire.publish(reply, '-NAK');
    // Lets another replica take over at once.
    if (pin !== undefined)
      wire.publish(`$JS.API.CONSUMER.UNPIN.${STREAM}.${durable}`, JSON.stringify({ group: PIN_GROUP }));
    await within(clock, STOP_LIMIT_MS, wire.flush());
  }

  const running = run();
  let stopped: Promise<void> | undefined;
  return { stop: () => (stopped ??= stop()) };
}
