import { sql } from 'kysely';
import { pause } from '#lib/lifecycle/clock.ts';
import type { Logins } from './logins.ts';
import { endOverdue } from './overdue.ts';
import type { LoginRow } from './tables.ts';

const EVERY_MS = 5_000;
const LOGINS_A_PASS = 50;
const AT_ONCE = 4;
/** What Telegram has authorised is left to the call that did it for so long. */
const FINISHING_MS = 5_000;
const ENDED_KEPT = '24 hours';
const ROWS_A_PASS = 1_000;

export interface LoginSweeper {
  /** One pass; true when there may be more to do. */
  pass(): Promise<boolean>;
  stop(): Promise<void>;
}

/**
 * Ends logins whose time is over, gives what was authorised and left lying to the pool, and forgets old ones. Any
 * number of replicas do no more than one: each login is claimed first.
 */
export function startLoginSweeper(logins: Logins): LoginSweeper {
  const { database, clock, log } = logins;

  async function overdue(): Promise<Pick<LoginRow, 'login_id' | 'tenant_id'>[]> {
    const { rows } = await sql<Pick<LoginRow, 'login_id' | 'tenant_id'>>`
      select login_id, tenant_id from telegram_logins
      where end_time is null and (worker_id is null or worker_end_time <= clock_timestamp())
        and (expire_time <= clock_timestamp() or (state = 'finishing'
          and authorised_time <= clock_timestamp() - ${FINISHING_MS} * interval '1 millisecond'))
      order by random() limit ${LOGINS_A_PASS}`.execute(database.kysely);
    return rows;
  }

  async function end(login: Pick<LoginRow, 'login_id' | 'tenant_id'>): Promise<void> {
    try {
      await endOverdue(logins, login);
    } catch (error) {
      log.warn(
        { event: 'login_sweep_failed', loginId: login.login_id, err: error },
        'a login could not be ended; it is tried again',
      );
    }
  }

  async function pass(): Promise<boolean> {
    const left = await overdue();
    const isFull = left.length === LOGINS_A_PASS;
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (let login = left.pop(); login && !stopping.signal.aborted; login = left.pop()) await end(login);
      }),
    );
    await sql`delete from telegram_logins where login_id = any(array(
      select login_id from telegram_logins
      where end_time < clock_timestamp() - interval '${sql.raw(ENDED_KEPT)}'
      limit ${ROWS_A_PASS} for update skip locked))`.execute(database.kysely);
    await sql`delete from phone_waits where ctid = any(array(
      select ctid from phone_waits where end_time <= clock_timestamp()
      limit ${ROWS_A_PASS} for update skip locked))`.execute(database.kysely);
    return isFull;
  }

  const stopping = new AbortController();
  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        while (!stopping.signal.aborted && (await pass()));
      } catch (error) {
        log.warn({ event: 'login_sweep_failed', err: error }, 'logins could not be swept; it is tried again');
      }
      await pause(clock, EVERY_MS, stopping.signal);
    }
  }
  const running = run();
  return {
    pass,
    stop() {
      stopping.abort();
      return running;
    },
  };
}
