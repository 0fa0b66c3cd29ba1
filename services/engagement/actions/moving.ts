import { sql } from 'kysely';
import type { Limits } from '../limits.ts';
import type { EngagementTransaction } from '../tables.ts';
import { addActionJobs } from './jobs.ts';
import { DAY_MS, HOUR_MS, slotsFrom, type Standing } from './pacing.ts';

/** An action that can not begin now. */
export interface PutOff {
  readonly row: { readonly action_id: string; readonly account_id: string; readonly channel: string };
  readonly why: 'account_busy' | 'parallelism' | 'account_gap' | 'account_daily' | 'target_hourly';
  /** Epoch milliseconds. */
  readonly at: number;
}

interface Waiting {
  readonly action_id: string;
  readonly account_id: string;
}

/** The rest come up by themselves, and are moved then. */
const MOST_AT_ONCE = 1_000;

/**
 * Puts actions off, and with them what waits for the same thing: one after the other, so that each comes up once and
 * not all of them whenever there is room for one.
 */
export async function movePutOff(
  trx: EngagementTransaction,
  putOff: readonly PutOff[],
  standing: Standing,
  limits: Limits,
  now: number,
): Promise<void> {
  const alone = putOff.filter(({ why }) => why === 'account_busy' || why === 'parallelism');
  await moveTo(
    trx,
    alone.map(({ row }) => row),
    // Those that wait for the same readers do not come back all at once.
    alone.map(({ at }, index) => at + index * 20),
  );
  const accounts = new Map<string, number>();
  const channels = new Map<string, number>();
  for (const { row, why, at } of putOff) {
    if (why === 'account_gap' || why === 'account_daily')
      accounts.set(row.account_id, Math.max(at, accounts.get(row.account_id) ?? 0));
    if (why === 'target_hourly') channels.set(row.channel, Math.max(at, channels.get(row.channel) ?? 0));
  }
  for (const [accountId, at] of accounts)
    await moveAccount(trx, accountId, at, limits, standing.accountTimes.get(accountId) ?? []);
  for (const [channel, at] of channels) {
    const waiting = await waitingIn(trx, 'channel', channel, now);
    const times = standing.targetTimes.get(channel) ?? [];
    const spacing = { gapMs: 0, times, limit: limits.targetHourly, windowMs: HOUR_MS };
    await moveTo(trx, waiting, slotsFrom(at, waiting.length, spacing));
  }
}

/** Everything that an account would do before `at` goes behind it. */
export async function moveAccount(
  trx: EngagementTransaction,
  accountId: string,
  at: number,
  limits: Limits,
  times: readonly number[],
): Promise<void> {
  const waiting = await waitingIn(trx, 'account_id', accountId, at);
  const spacing = { gapMs: limits.accountGapMs, times, limit: limits.accountDaily, windowMs: DAY_MS };
  await moveTo(trx, waiting, slotsFrom(at, waiting.length, spacing));
}

async function waitingIn(
  trx: EngagementTransaction,
  column: 'account_id' | 'channel',
  key: string,
  before: number,
): Promise<Waiting[]> {
  const { rows } = await sql<Waiting>`
    select action_id, account_id from actions join campaigns using (campaign_id)
    where ${sql.ref(`actions.${column}`)} = ${key} and actions.state = 'planned' and campaigns.state = 'running'
      and due_time <= ${new Date(before)}
    order by due_time, actions.ordinal limit ${MOST_AT_ONCE}`.execute(trx);
  return rows;
}

/** Each to its time, epoch milliseconds. */
export async function moveTo(
  trx: EngagementTransaction,
  actions: readonly Waiting[],
  times: readonly number[],
): Promise<void> {
  if (actions.length === 0) return;
  const due = times.map((time) => new Date(Math.ceil(time)));
  await sql`
    update actions set due_time = moved.due_time
    from unnest(${actions.map(({ action_id: id }) => id)}::uuid[], ${due}::timestamptz[])
      as moved (action_id, due_time)
    where actions.action_id = moved.action_id and state = 'planned'`.execute(trx);
  await addActionJobs(
    trx,
    actions.map(({ action_id: actionId, account_id: accountId }, index) => ({
      actionId,
      accountId,
      dueTime: due[index]!,
    })),
  );
}
