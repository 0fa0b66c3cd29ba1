import { sql } from 'kysely';
import { transaction } from '#lib/postgres/transaction.ts';
import type { EngagementDatabase } from '../tables.ts';
import { BudgetSpent } from './errors.ts';
import type { Meter } from './model.ts';

export interface Budgets {
  /** Tokens a day. */
  readonly deployment: number;
  readonly campaign: number;
}

const DEPLOYMENT = 'deployment';

/**
 * What a call may use is taken before it, from both budgets or none, and set right after it. A process that dies in
 * between leaves too much taken, never too little.
 */
export function createMeter(
  database: EngagementDatabase,
  budgets: Budgets,
  call: { campaign: string; estimate: number },
): Meter {
  let day = '';
  return {
    reserve: () =>
      transaction(database, async (trx) => {
        for (const [scope, limit] of [
          [DEPLOYMENT, budgets.deployment],
          [call.campaign, budgets.campaign],
        ] as const) {
          const { rows } = await sql<{ day: string; first: boolean }>`
            insert into model_tokens (day, scope, taken)
            select today, ${scope}, ${call.estimate}
              from (select (clock_timestamp() at time zone 'utc')::date as today) as clock
              where ${call.estimate} <= ${limit}::bigint
            on conflict (day, scope) do update set taken = model_tokens.taken + excluded.taken
              where model_tokens.taken + excluded.taken <= ${limit}::bigint
            returning day::text as day, taken = ${call.estimate} as first`.execute(trx);
          const [row] = rows;
          if (!row)
            throw new BudgetSpent(
              scope === DEPLOYMENT ? 'deployment' : 'campaign',
              limit,
              await untilMidnight(trx),
            );
          day = row.day;
          if (row.first && scope === DEPLOYMENT)
            await sql`delete from model_tokens where day < ${day}::date - 30`.execute(trx);
        }
      }),
    settle: (tokens) =>
      tokens === undefined || tokens === call.estimate
        ? Promise.resolve()
        : transaction(database, async (trx) => {
            await sql`
              update model_tokens set taken = greatest(0, taken + ${tokens - call.estimate}::bigint)
              where day = ${day}::date and scope in (${DEPLOYMENT}, ${call.campaign})`.execute(trx);
          }),
  };
}

async function untilMidnight(executor: Parameters<ReturnType<typeof sql>['execute']>[0]): Promise<number> {
  const { rows } = await sql<{ ms: number }>`
    select ceil(extract(epoch from date_trunc('day', utc) + interval '1 day' - utc) * 1000)::float8 as ms
    from (select clock_timestamp() at time zone 'utc' as utc) as clock`.execute(executor);
  return rows[0]!.ms;
}
