import {
  connect,
  createInbox,
  Events,
  headers as createHeaders,
  type ConsumerConfig,
  type JetStreamManager,
  type Msg,
  type NatsConnection,
  type StreamConfig,
} from 'nats';
import { expired, pause, systemClock, within, type Clock } from '../lifecycle/clock.ts';
import type { Logger } from '../telemetry/log.ts';
import { safeMessage } from '../telemetry/safe-error.ts';
import { backoffMs } from './backoff.ts';
import type { BusEvent, Consumer, EventBus, PublishOutcome } from './bus.ts';
import { entityKey } from './entity.ts';
import { BusUnavailable, HeldBack } from './errors.ts';
import { consumeFromNats } from './nats-consumer.ts';
import { ACK_WAIT_MS, OLDEST_SERVER, PINNED_MS, STREAM, streamConfig } from './nats-stream.ts';
import { toHeaders, type Wire, type WireMessage } from './nats-wire.ts';

export interface NatsBusOptions {
  /** `nats://user:password@host:4222`; several servers are separated by commas. */
  url: string;
  log: Logger;
  clock?: Clock;
  /** How long the start waits for a server. */
  waitMs?: number;
  ackWaitMs?: number;
  pinnedMs?: number;
}

const PUBLISH_TIMEOUT_MS = 5_000;
/** For one call; what is left of an entity with many events is for the next. */
const PUBLISH_ALL_MS = 10_000;
const RECONNECT = { firstMs: 100, longestMs: 5_000 };
const CLOSE_LIMIT_MS = 5_000;

interface Connection {
  wire: Wire;
  connection: NatsConnection;
}

interface PublishAck {
  stream?: string;
  duplicate?: boolean;
  error?: { description?: string };
}

export async function openNatsBus(given: NatsBusOptions): Promise<EventBus> {
  const options = {
    clock: systemClock,
    waitMs: 30_000,
    ackWaitMs: ACK_WAIT_MS,
    pinnedMs: PINNED_MS,
    ...given,
  };
  const { wire, connection } = await openConnection(options);
  const consumers = new Set<Consumer>();
  return {
    system: 'nats',
    publish: (events) => publish(wire, events, options.clock),
    async consume(consumeOptions) {
      const consumer = await consumeFromNats(wire, consumeOptions, options);
      consumers.add(consumer);
      return consumer;
    },
    async close() {
      await Promise.all([...consumers].map((consumer) => consumer.stop()));
      const drained = await within(
        options.clock,
        CLOSE_LIMIT_MS,
        connection.drain().catch(() => expired),
      );
      if (drained === expired) await connection.close();
    },
  };
}

async function openConnection(options: Required<NatsBusOptions>): Promise<Connection> {
  const { log, clock, waitMs } = options;
  const servers = options.url.split(',').map((one) => new URL(one.trim()));
  const places = servers.map((one) => one.host).join(', ');
  const end = clock.monotonic() + waitMs;
  for (let attempt = 1; ; attempt++) {
    try {
      return await connectOnce(options, servers);
    } catch (error) {
      if (error instanceof WrongServer) throw error;
      const problem = safeMessage(error);
      if (clock.monotonic() >= end)
        throw new BusUnavailable(
          `no NATS server with JetStream answered at ${places} within ${waitMs / 1000} s (${problem}); start one, or unset NATS_URL`,
          { cause: error },
        );
      if (attempt === 1)
        log.info({ event: 'waiting', waitingFor: 'nats', places, problem }, `waiting for NATS at ${places}`);
    }
    await pause(clock, backoffMs(attempt, RECONNECT));
  }
}

class WrongServer extends Error {}

/** `user:password@`, or a token alone before the `@`. */
function credentials(server: URL | undefined): { token?: string; user?: string; pass?: string } {
  if (!server?.username) return {};
  const user = decodeURIComponent(server.username);
  return server.password ? { user, pass: decodeURIComponent(server.password) } : { token: user };
}

async function connectOnce(options: Required<NatsBusOptions>, servers: URL[]): Promise<Connection> {
  const { log } = options;
  const [first] = servers;
  let failures = 0;
  const connection = await connect({
    servers: servers.map((one) => one.host),
    ...credentials(first),
    ...(servers.some((one) => one.protocol === 'tls:') ? { tls: {} } : {}),
    name: 'telegate',
    timeout: 3_000,
    // Else each publication makes two errors with their stacks, in case it fails: 6 % of a busy profile.
    noAsyncTraces: true,
    pingInterval: 5_000,
    maxPingOut: 2,
    maxReconnectAttempts: -1,
    reconnectDelayHandler: () => backoffMs((failures += 1), RECONNECT),
  });
  let up = true;
  const receivers = new Set<Receiver>();
  void (async () => {
    for await (const { type, data } of connection.status()) {
      if (type === Events.Disconnect) {
        up = false;
        // A request that waits at the server is forgotten there.
        for (const receive of receivers) receive(new BusUnavailable('the connection to NATS broke'));
        log.warn({ event: 'nats_disconnected' }, 'the connection to NATS broke; connecting again');
      } else if (type === Events.Reconnect) {
        up = true;
        failures = 0;
        log.info({ event: 'nats_reconnected' }, 'connected to NATS again');
      } else if (type === Events.Error) {
        log.warn({ event: 'nats_error', problem: data as string }, 'NATS reports an error');
      }
    }
  })();
  try {
    checkVersion(connection);
    const manager = await connection.jetstreamManager({ timeout: PUBLISH_TIMEOUT_MS });
    await ensureStream(manager);
    return { wire: wireOf(connection, manager, receivers, () => up), connection };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

function checkVersion(connection: NatsConnection): void {
  const version = connection.info?.version ?? '0';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_SERVER;
  if (major < oldestMajor || (major === oldestMajor && minor < oldestMinor))
    throw new WrongServer(
      `the NATS server has version ${version}; ${OLDEST_SERVER.join('.')} or later is needed`,
    );
}

/** Made or brought to the declared limits; the number of replicas is left to who runs the cluster. */
async function ensureStream(manager: JetStreamManager): Promise<void> {
  const wanted = streamConfig as unknown as Partial<StreamConfig>;
  try {
    await manager.streams.add(wanted);
  } catch (error) {
    const known = await manager.streams.info(STREAM).catch(() => undefined);
    // Not there, and it could not be made: no room on the disk, or no right to.
    if (!known) throw error;
    await manager.streams.update(STREAM, { ...known.config, ...wanted });
  }
}

/** Entities side by side; the events of one, each after the acknowledgement of the one before. */
async function publish(wire: Wire, events: readonly BusEvent[], clock: Clock): Promise<PublishOutcome[]> {
  const end = clock.monotonic() + PUBLISH_ALL_MS;
  const outcomes: PublishOutcome[] = [];
  const byEntity = Map.groupBy(events.entries(), ([, event]) => entityKey(event));
  const publishChain = async (chain: Array<[number, BusEvent]>): Promise<void> => {
    let failed = false;
    for (const [index, event] of chain) {
      const outcome: PublishOutcome = failed
        ? { ok: false, error: new HeldBack('an earlier event of the same entity is not stored yet') }
        : await publishOne(wire, event);
      failed ||= !outcome.ok || clock.monotonic() > end;
      outcomes[index] = outcome;
    }
  };
  await Promise.all([...byEntity.values()].map(publishChain));
  return outcomes;
}

async function publishOne(wire: Wire, event: BusEvent): Promise<PublishOutcome> {
  // While it is down, the client would keep messages and send them on its own later.
  if (!wire.isUp()) return { ok: false, error: new BusUnavailable('not connected to NATS') };
  try {
    const answer = await wire.request(event.subject, event.payload, toHeaders(event), PUBLISH_TIMEOUT_MS);
    const ack = JSON.parse(Buffer.from(answer.payload).toString()) as PublishAck;
    if (ack.error || ack.stream !== STREAM)
      return {
        ok: false,
        error: new BusUnavailable(ack.error?.description ?? 'NATS stored the event elsewhere'),
      };
    return { ok: true, duplicate: ack.duplicate === true };
  } catch (error) {
    return { ok: false, error: new BusUnavailable(`NATS: ${safeMessage(error)}`, { cause: error }) };
  }
}

type Receiver = (message: WireMessage | Error) => void;

function wireOf(
  connection: NatsConnection,
  manager: JetStreamManager,
  receivers: Set<Receiver>,
  isUp: () => boolean,
): Wire {
  return {
    isUp: () => isUp() && !connection.isClosed(),
    isClosed: () => connection.isClosed(),
    async request(subject, payload, headers, timeout) {
      const set = createHeaders();
      for (const [name, value] of Object.entries(headers)) set.set(name, value);
      return toWireMessage(await connection.request(subject, payload, { headers: set, timeout }));
    },
    publish: (subject, payload, reply) => connection.publish(subject, payload, reply ? { reply } : {}),
    subscribe(receive) {
      const inbox = createInbox();
      const callback = (error: Error | null, message: Msg): void => receive(error ?? toWireMessage(message));
      const subscription = connection.subscribe(inbox, { callback });
      receivers.add(receive);
      return {
        inbox,
        async end() {
          receivers.delete(receive);
          await subscription.drain();
        },
      };
    },
    flush: () => connection.flush(),
    ensureConsumer: (config) => ensureConsumer(manager, config),
  };
}

function toWireMessage(message: Msg): WireMessage {
  return {
    subject: message.subject,
    payload: message.data,
    reply: message.reply ?? '',
    status: message.headers?.code ?? 0,
    statusText: message.headers?.description ?? '',
    header: (name) => message.headers?.get(name) ?? '',
  };
}

async function ensureConsumer(manager: JetStreamManager, config: Partial<ConsumerConfig>): Promise<void> {
  try {
    await manager.consumers.add(STREAM, config);
  } catch {
    // It is there with other subjects or times. Where it began cannot be changed and does not matter any more.
    const { deliver_policy: _policy, opt_start_time: _start, ...changeable } = config;
    await manager.consumers.update(STREAM, config.durable_name ?? '', changeable);
  }
}
