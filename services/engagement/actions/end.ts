import { sql } from 'kysely';
import { transaction } from '#lib/postgres/transaction.ts';
import { appendAudit, OWN_SUBJECT } from '../audit.ts';
import { tellEvents } from '../events.ts';
import type { Limits } from '../limits.ts';
import type { ActionKind } from '../model.ts';
import type { EngagementDatabase, EngagementTransaction } from '../tables.ts';
import { addActionJobs, removeActionJobs } from './jobs.ts';
import { MOST_FAILURES, pauseAfter, withDoubt, type Verdict } from './model.ts';
import { moveAccount } from './moving.ts';
import type { Started } from './started.ts';

/** How a try ended. */
export interface Ending {
  readonly action: Started;
  readonly workerId: string;
  readonly verdict: Verdict;
  /** False: nothing of it went to Telegram that anybody else sees. */
  readonly wasTried: boolean;
  /** The comment, where one was sent. */
  readonly messageId: bigint;
}

/** What became of the action; `lost`: somebody else has it by now. */
export type Ended = 'done' | 'failed' | 'skipped' | 'again' | 'lost';

interface EndRow {
  readonly action_id: string;
  readonly failures: number;
  readonly unsure: boolean;
}

interface Change {
  readonly ending: Ending;
  readonly state: 'planned' | 'done' | 'failed' | 'skipped';
  readonly reason: string;
  readonly failures: number;
  readonly unsure: boolean;
  /** Epoch milliseconds. */
  readonly due: number | undefined;
}

/** One outcome an item, in order. */
export function endActions(
  database: EngagementDatabase,
  limits: Limits,
  random: () => number,
  items: readonly Ending[],
): Promise<Ended[]> {
  return transaction(database, async (trx) => {
    const { now, rows } = await lockRunning(trx, items);
    const changes = items.flatMap((ending): Change[] => {
      const row = rows.get(ending.action.actionId);
      return row ? [changeOf(ending, row, now, random)] : [];
    });
    await write(trx, changes, now);
    await freeAccounts(trx, changes, limits, now);
    await addActionJobs(
      trx,
      changes.flatMap(({ due, ending: { action } }) =>
        due === undefined
          ? []
          : [{ actionId: action.actionId, accountId: action.accountId, dueTime: new Date(due) }],
      ),
    );
    for (const { ending } of changes) await follow(trx, ending, limits, now);
    await tellEnded(
      trx,
      changes.flatMap(({ ending: { action }, state, reason }) =>
        state === 'planned' ? [] : [{ ...action, state, reason }],
      ),
    );
    const outcomes = new Map(changes.map(({ ending, state }) => [ending.action.actionId, state]));
    return items.map(({ action }): Ended => {
      const state = outcomes.get(action.actionId);
      return state === undefined ? 'lost' : state === 'planned' ? 'again' : state;
    });
  });
}

function changeOf(ending: Ending, row: EndRow, now: number, random: () => number): Change {
  const { verdict } = ending;
  const unsure = row.unsure || (verdict.kind === 'again' && verdict.isUnsure && ending.wasTried);
  const same = { ending, failures: row.failures, unsure, due: undefined };
  switch (verdict.kind) {
    case 'done':
      return { ...same, state: 'done', reason: '' };
    case 'wait':
      return { ...same, state: 'planned', reason: verdict.reason, due: Math.ceil(now + verdict.forMs) };
    case 'skipped':
    case 'account_gone':
      return { ...same, state: 'skipped', reason: withDoubt(verdict.reason, unsure) };
    case 'failed':
      return { ...same, state: 'failed', reason: withDoubt(verdict.reason, unsure) };
    case 'again': {
      const failures = row.failures + 1;
      if (failures >= MOST_FAILURES) {
        const reason = `${verdict.reason}, ${failures} times in a row`;
        return { ...same, failures, state: 'failed', reason: withDoubt(reason, unsure) };
      }
      const pauseMs = pauseAfter(failures, random(), verdict.afterMs);
      return { ...same, failures, state: 'planned', reason: verdict.reason, due: Math.ceil(now + pauseMs) };
    }
  }
}

async function lockRunning(
  trx: EngagementTransaction,
  items: readonly Ending[],
): Promise<{ now: number; rows: ReadonlyMap<string, EndRow> }> {
  await sql`
    select account_id from account_turns where account_id = any(${items.map(({ action }) => action.accountId)}::uuid[])
    order by account_id for update`.execute(trx);
  const { rows } = await sql<EndRow>`
    select action_id, failures, unsure from actions
    join unnest(
      ${items.map(({ action }) => action.actionId)}::uuid[], ${items.map(({ workerId }) => workerId)}::text[]
    ) as ending (action_id, worker_id) using (action_id, worker_id)
    where state = 'running' order by action_id for update of actions`.execute(trx);
  const { rows: clock } = await sql<{ now: Date }>`select clock_timestamp() as now`.execute(trx);
  return { now: clock[0]!.now.getTime(), rows: new Map(rows.map((row) => [row.action_id, row])) };
}

async function write(trx: EngagementTransaction, changes: readonly Change[], now: number): Promise<void> {
  if (changes.length === 0) return;
  const column = <T>(value: (change: Change) => T): T[] => changes.map(value);
  await sql`
    update actions set state = ended.state, reason = ended.reason, failures = ended.failures,
      unsure = ended.unsure, due_time = coalesce(ended.due_time, actions.due_time),
      -- What was not tried does not count.
      start_time = case when ended.was_tried then actions.start_time else ended.prior_start end,
      message_id = ended.message_id, worker_id = '',
      end_time = case when ended.state = 'planned' then null else ${new Date(now)}::timestamptz end
    from unnest(
      ${column(({ ending }) => ending.action.actionId)}::uuid[], ${column(({ state }) => state)}::text[],
      ${column(({ reason }) => reason)}::text[], ${column(({ failures }) => failures)}::integer[],
      ${column(({ unsure }) => unsure)}::boolean[],
      ${column(({ due }) => (due === undefined ? null : new Date(due)))}::timestamptz[],
      ${column(({ ending }) => ending.wasTried)}::boolean[],
      ${column(({ ending }) => ending.action.priorStart)}::timestamptz[],
      ${column(({ ending }) => ending.messageId)}::bigint[]
    ) as ended (action_id, state, reason, failures, unsure, due_time, was_tried, prior_start, message_id)
    where actions.action_id = ended.action_id`.execute(trx);
}

/** The gap begins when the action ends; Telegram's wait is for all that the account does. */
async function freeAccounts(
  trx: EngagementTransaction,
  changes: readonly Change[],
  limits: Limits,
  now: number,
): Promise<void> {
  if (changes.length === 0) return;
  const free = changes.map(({ ending: { verdict, wasTried } }) => {
    if (verdict.kind === 'wait') return new Date(Math.ceil(now + verdict.forMs));
    return new Date(wasTried ? now + limits.accountGapMs : now);
  });
  await sql`
    update account_turns set
      action_id = case when ended.is_over then null else ended.action_id end,
      free_time = case when ended.is_wait then greatest(account_turns.free_time, ended.free_time) else ended.free_time end
    from unnest(
      ${changes.map(({ ending }) => ending.action.accountId)}::uuid[],
      ${changes.map(({ ending }) => ending.action.actionId)}::uuid[],
      ${changes.map(({ state, ending: { verdict } }) => state !== 'planned' || verdict.kind === 'wait')}::boolean[],
      ${changes.map(({ ending: { verdict } }) => verdict.kind === 'wait')}::boolean[],
      ${free}::timestamptz[]
    ) as ended (account_id, action_id, is_over, is_wait, free_time)
    where account_turns.account_id = ended.account_id`.execute(trx);
}

/** What an ending means for others than the action itself. */
async function follow(
  trx: EngagementTransaction,
  { action, verdict }: Ending,
  limits: Limits,
  now: number,
): Promise<void> {
  if (verdict.kind === 'wait')
    await moveAccount(trx, action.accountId, Math.ceil(now + verdict.forMs), limits, []);
  if (verdict.kind === 'account_gone') await dropAccount(trx, action, verdict.reason);
  if (verdict.kind === 'skipped' && verdict.doubtsTarget) await doubtTarget(trx, action.targetId);
}

/** Telegram is asked soon whether the channel is still administered here; not by each action anew. */
async function doubtTarget(trx: EngagementTransaction, targetId: string): Promise<void> {
  await sql`
    update targets set next_verify_time = clock_timestamp()
    where target_id = ${targetId} and verify_time < clock_timestamp() - interval '10 seconds'
      and next_verify_time > clock_timestamp()`.execute(trx);
}

export interface Dropped {
  readonly tenantId: string;
  readonly campaignId: string;
  readonly targetId: string;
  readonly accountId: string;
}

/** The campaign goes on without the account: what it had left is skipped, and nobody does it in its place. */
export async function dropAccount(
  trx: EngagementTransaction,
  dropped: Dropped,
  reason: string,
): Promise<void> {
  const { tenantId, campaignId, targetId, accountId } = dropped;
  const { rows: noted } = await sql`
    update campaign_accounts set drop_reason = ${reason}, drop_time = clock_timestamp()
    where campaign_id = ${campaignId} and account_id = ${accountId} and drop_reason = '' returning 1`.execute(
    trx,
  );
  const { rows: left } = await sql<UnstartedRow>`
    select action_id, tenant_id, campaign_id, account_id, post_id, kind from actions
    where campaign_id = ${campaignId} and account_id = ${accountId} and state = 'planned'
    order by action_id for update`.execute(trx);
  await endUnstarted(trx, left, reason);
  if (noted.length > 0)
    await appendAudit(trx, [
      {
        tenantId,
        subject: OWN_SUBJECT,
        action: 'drop_account',
        targetId,
        campaignId,
        accountId,
        detail: { reason, skipped: String(left.length) },
      },
    ]);
}

interface UnstartedRow {
  readonly action_id: string;
  readonly tenant_id: string;
  readonly campaign_id: string;
  readonly account_id: string;
  readonly post_id: bigint;
  readonly kind: ActionKind;
}

/** Skips planned actions that the caller has locked. */
export async function endUnstarted(
  trx: EngagementTransaction,
  rows: readonly UnstartedRow[],
  reason: string,
): Promise<void> {
  if (rows.length === 0) return;
  const actionIds = rows.map(({ action_id: actionId }) => actionId);
  await sql`
    update actions set state = 'skipped', end_time = clock_timestamp(),
      reason = ${reason} || case when unsure then '; whether an earlier try took effect is not known' else '' end
    where action_id = any(${actionIds}::uuid[]) and state = 'planned'`.execute(trx);
  await removeActionJobs(trx, actionIds);
  await tellEnded(
    trx,
    rows.map((row) => ({
      tenantId: row.tenant_id,
      actionId: row.action_id,
      campaignId: row.campaign_id,
      accountId: row.account_id,
      postId: row.post_id,
      kind: row.kind,
      state: 'skipped' as const,
      reason,
    })),
  );
}

type ToldEnd = Pick<Started, 'tenantId' | 'actionId' | 'campaignId' | 'accountId' | 'postId' | 'kind'> & {
  readonly state: 'done' | 'failed' | 'skipped';
  readonly reason: string;
};

async function tellEnded(trx: EngagementTransaction, ended: readonly ToldEnd[]): Promise<void> {
  await tellEvents(
    trx,
    ended.map(({ tenantId, actionId, campaignId, accountId, postId, kind, state, reason }) => ({
      tenantId,
      entityId: actionId,
      payload: {
        case: 'actionEnded',
        value: { campaignId, actionId, accountId, postId, kind, outcome: state, reason },
      },
    })),
  );
}
