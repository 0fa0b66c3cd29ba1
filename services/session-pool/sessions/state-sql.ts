import { sql, type RawBuilder } from 'kysely';
import { SessionState } from '#gen/telegate/session_pool/v1/session_pb.ts';
import { CONDITION } from './model.ts';

/*
 * What sessionState and availableTime say, as SQL over a row of `slots`. Times are compared as JavaScript sees
 * them, in whole milliseconds: with `at` truncated to them, `time >= at + 1 ms` is its `time > at`.
 */

/** For `with … as materialized`: one time for all rows of a statement. */
export const clockTable: RawBuilder<unknown> = sql`
  clock as materialized (select date_trunc('milliseconds', clock_timestamp()) as at)`;

export const clockTime: RawBuilder<Date> = sql<Date>`clock.at`;

/** The number of the SessionState. */
export function stateSql(at: RawBuilder<Date>): RawBuilder<SessionState> {
  // This way round nothing is reckoned where the column is null, as it mostly is.
  const isAhead = (column: string) => sql`${sql.ref(column)} - interval '1 ms' >= ${at}`;
  return sql<SessionState>`(case
    when slots.condition = ${sql.lit(CONDITION.BANNED)} then ${sql.lit(SessionState.BANNED)}
    when slots.condition = ${sql.lit(CONDITION.FROZEN)} then ${sql.lit(SessionState.FROZEN)}
    when slots.condition = ${sql.lit(CONDITION.NEEDS_LOGIN)} then ${sql.lit(SessionState.NEEDS_LOGIN)}
    when slots.condition = ${sql.lit(CONDITION.INVALID)} then ${sql.lit(SessionState.INVALID)}
    when slots.lease_id is not null then ${sql.lit(SessionState.LEASED)}
    when ${isAhead('slots.claim_expire_time')} then ${sql.lit(SessionState.CLOSING)}
    when slots.condition = ${sql.lit(CONDITION.LEAVING)} then ${sql.lit(SessionState.INVALID)}
    when slots.paused then ${sql.lit(SessionState.PAUSED)}
    when ${isAhead('slots.quarantine_end_time')} then ${sql.lit(SessionState.QUARANTINED)}
    when ${isAhead('slots.wait_end_time')} then ${sql.lit(SessionState.FLOOD_WAIT)}
    else ${sql.lit(SessionState.FREE)}
  end)`;
}

export function availableTimeSql(at: RawBuilder<Date>, quarantineMs: number): RawBuilder<Date | null> {
  return sql<Date | null>`(case
    when slots.condition = ${sql.lit(CONDITION.USABLE)} and not slots.paused and ${stateSql(at)} <> ${sql.lit(SessionState.FREE)}
    then greatest(
      case when slots.lease_id is not null
        then greatest(${at}, least(slots.expire_time, slots.drain_time))
          + case when slots.credentials then ${quarantineMs}::float8
            else coalesce(slots.file_quarantine_ms, 0) end * interval '1 ms'
      end,
      slots.claim_expire_time, slots.quarantine_end_time, slots.wait_end_time
    )
  end)`;
}
