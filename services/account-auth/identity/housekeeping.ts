import { sql } from 'kysely';
import { pause } from '#lib/lifecycle/clock.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { pruneAnswers } from '#lib/requests/replay.ts';
import type { AccountAuth } from '../account-auth.ts';
import { endLogins } from './logins.ts';
import { REVOKED_KEPT_DAYS } from './model.ts';

const EVERY_MS = 30_000;
const ROWS_A_PASS = 1_000;
/** How long what has ended can still be looked up by an operator. */
const ENDED_LOGINS_KEPT = '30 days';

export interface Housekeeping {
  /** One pass; true when there is more to do. */
  pass(): Promise<boolean>;
  stop(): Promise<void>;
}

/** Ends logins whose time is over, and forgets what nobody needs. Any number of replicas do no more than one. */
export function startHousekeeping({ database, clock, log, wakeRelay }: AccountAuth): Housekeeping {
  async function pass(): Promise<boolean> {
    const ended = await transaction(database, (trx) =>
      endLogins(
        trx,
        sql`login_id in (
          select login_id from logins where end_time is null and expire_time <= clock_timestamp()
          limit ${ROWS_A_PASS} for update skip locked
        )`,
        'expired',
      ),
    );
    if (ended > 0) wakeRelay();
    const answers = await transaction(database, (trx) => pruneAnswers(trx, ROWS_A_PASS));
    const old = [
      sql`delete from attempts where ctid = any(array(
        select ctid from attempts where end_time <= clock_timestamp() limit ${ROWS_A_PASS} for update skip locked))`,
      sql`delete from invitations where expire_time <= clock_timestamp()`,
      sql`delete from logins where ctid = any(array(
        select ctid from logins where end_time < clock_timestamp() - interval '${sql.raw(ENDED_LOGINS_KEPT)}'
        limit ${ROWS_A_PASS} for update skip locked))`,
      sql`delete from api_keys where revoke_time < clock_timestamp() - ${REVOKED_KEPT_DAYS} * interval '1 day'`,
    ];
    let isFull = ended === ROWS_A_PASS || answers === ROWS_A_PASS;
    for (const statement of old) {
      const { numAffectedRows = 0n } = await statement.execute(database.kysely);
      isFull ||= Number(numAffectedRows) >= ROWS_A_PASS;
    }
    return isFull;
  }

  const stopping = new AbortController();
  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        while (!stopping.signal.aborted && (await pass()));
      } catch (error) {
        log.warn(
          { event: 'housekeeping', err: error },
          'what has ended could not be cleared; it is tried again',
        );
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
