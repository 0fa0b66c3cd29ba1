import { Client } from 'pg';
import { pause, systemClock, within, type Clock } from '#lib/lifecycle/clock.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import { connectionConfig } from './database.ts';

export interface Listener {
  close(): Promise<void>;
}

export interface ListenOptions {
  url: string;
  channels: readonly string[];
  onNotification: (channel: string, payload: string) => void;
  /** Listening (again) from now on; what was notified before may have been missed: look at the tables. */
  onGap: () => void;
  log: Logger;
  clock?: Clock;
  random?: () => number;
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2_000;
/** A connection on which nothing is sent would not notice that the server is gone. */
const PROBE_EVERY_MS = 10_000;
const PROBE_PATIENCE_MS = 5_000;
const FAREWELL_MS = 1_000;

/** Listens on a connection of its own, for ever: it connects again when that breaks. */
export function listen(options: ListenOptions): Listener {
  const { clock = systemClock, log } = options;
  const closing = new AbortController();
  const over = keepListening({ ...options, clock }, closing.signal);
  over.catch((error: unknown) =>
    log.error({ event: 'listener_ended', err: error }, 'a listener ended by a fault'),
  );
  return {
    close: async () => {
      closing.abort();
      await over.catch(() => undefined);
    },
  };
}

async function keepListening(options: ListenOptions & { clock: Clock }, signal: AbortSignal): Promise<void> {
  const { clock, log, random = Math.random } = options;
  for (let failures = 0; !signal.aborted;) {
    try {
      await listenUntilBroken(options, signal, () => {
        failures = 0;
      });
    } catch (error) {
      failures += 1;
      if (signal.aborted) return;
      const problem = (error as Error).message;
      log.warn(
        { event: 'listener_lost', problem, failures },
        'the connection that hears notifications broke',
      );
      const ceiling = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures);
      await pause(clock, ceiling * (0.5 + random() / 2), signal);
    }
  }
}

async function listenUntilBroken(
  options: ListenOptions & { clock: Clock },
  signal: AbortSignal,
  onListening: () => void,
): Promise<void> {
  const { clock } = options;
  const client = new Client({
    ...connectionConfig({ url: options.url, schema: 'public', applicationName: 'telegate listener' }),
    query_timeout: PROBE_PATIENCE_MS,
  });
  const ended = new AbortController();
  let problem: Error | undefined;
  client.on('error', (error) => {
    problem ??= error;
  });
  client.on('end', () => ended.abort());
  client.on('notification', ({ channel, payload }) => options.onNotification(channel, payload ?? ''));
  try {
    await client.connect();
    for (const channel of options.channels) await client.query(`listen ${client.escapeIdentifier(channel)}`);
    onListening();
    options.onGap();
    const done = AbortSignal.any([signal, ended.signal]);
    for (;;) {
      await pause(clock, PROBE_EVERY_MS, done);
      if (signal.aborted) return;
      if (ended.signal.aborted) throw problem ?? new Error('the server closed the connection');
      await client.query('select 1');
    }
  } finally {
    // A server that hangs does not answer the farewell.
    await within(clock, FAREWELL_MS, client.end());
    client.connection.stream.destroy();
  }
}
