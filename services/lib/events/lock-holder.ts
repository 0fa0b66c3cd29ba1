import { expired, pause, within, type Clock } from '../lifecycle/clock.ts';
import type pg from 'pg';
import { Client } from '../postgres/client.ts';
import { connectionConfig } from '../postgres/database.ts';
import type { Logger } from '../telemetry/log.ts';
import { backoffMs } from './backoff.ts';

export interface LockHolder {
  readonly held: boolean;
  /** Waits, bounded, for `whileHeld` to end, and lets the lock go. */
  stop(): Promise<void>;
}

export interface LockHolderOptions {
  url: string;
  schema: string;
  applicationName: string;
  /** Of all that name it in this database, one holds it. */
  lockName: string;
  /**
   * Runs on the connection that holds the lock; ends when the signal says so. Work that is done on this very
   * connection cannot be done by anyone who has lost the lock.
   */
  whileHeld(client: pg.Client, signal: AbortSignal): Promise<void>;
  clock: Clock;
  log: Logger;
  stopLimitMs?: number;
}

const TRY_EVERY_MS = 500;
const RECONNECT = { firstMs: 100, longestMs: 5_000 };
const FAREWELL_MS = 1_000;

/**
 * The server frees a lock when its session ends: at once when the process dies, after these times when the
 * machine vanishes or the process is frozen (whoever holds the lock says something twice a second or more).
 */
const SESSION = `
  set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 2; set tcp_keepalives_count = 3;
  set tcp_user_timeout = '10s'; set idle_session_timeout = '20s';
  -- Whatever is lost in a crash of the server is done again: everything here is at least once.
  set synchronous_commit = off`;

/** Competes for a session-level advisory lock, for ever, and connects again when the connection breaks. */
export function holdLock(options: LockHolderOptions): LockHolder {
  const { clock, log, lockName, stopLimitMs = 10_000 } = options;
  const stopping = new AbortController();
  let held = false;
  let failures = 0;

  async function compete(): Promise<void> {
    const config = connectionConfig(options);
    const client: pg.Client = new Client(config, {
      attributes: {},
      silenceTimeoutMs: 20_000,
      connections: new Set(),
    });
    const lost = new AbortController();
    client.on('end', () => lost.abort());
    client.on('error', () => lost.abort());
    const signal = AbortSignal.any([stopping.signal, lost.signal]);
    try {
      await client.connect();
      await client.query(SESSION);
      while (!signal.aborted && !(await tryLock(client, lockName))) {
        failures = 0;
        await pause(clock, TRY_EVERY_MS, signal);
      }
      if (signal.aborted) return;
      held = true;
      failures = 0;
      log.info({ event: 'lock_taken', lock: lockName }, `this process now holds the lock "${lockName}"`);
      await options.whileHeld(client, signal);
    } finally {
      held = false;
      // A server that hangs does not answer the farewell.
      const gone = await within(
        clock,
        FAREWELL_MS,
        client.end().catch(() => expired),
      );
      if (gone === expired) client.connection.stream.destroy();
    }
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await compete();
      } catch (error) {
        if (stopping.signal.aborted) return;
        failures += 1;
        log.warn(
          { event: 'lock_connection_failed', lock: lockName, failures, err: error },
          `the connection for the lock "${lockName}" failed; trying again`,
        );
      }
      if (!stopping.signal.aborted) await pause(clock, backoffMs(failures + 1, RECONNECT), stopping.signal);
    }
  }

  const running = run();
  return {
    get held() {
      return held;
    },
    async stop() {
      stopping.abort();
      if ((await within(clock, stopLimitMs, running)) === expired)
        log.warn({ event: 'lock_not_released', lock: lockName }, `"${lockName}" was not released in time`);
    },
  };
}

async function tryLock(client: pg.Client, lockName: string): Promise<boolean> {
  const { rows } = await client.query<{ taken: boolean }>(
    'select pg_try_advisory_lock(hashtextextended($1, 0)) as taken',
    [lockName],
  );
  return rows[0]?.taken === true;
}
