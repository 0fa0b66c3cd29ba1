import { sql } from 'kysely';
import { transaction } from '#lib/postgres/transaction.ts';
import type { Limits } from '../limits.ts';
import type { EngagementDatabase, EngagementTransaction } from '../tables.ts';
import {
  countRunning,
  holdLease,
  lockActions,
  lockCampaigns,
  lockChannels,
  lockSwitches,
  lockTurns,
  placeOf,
  readRows,
  readStanding,
  type ActionToBegin,
  type LockedAction,
} from './begin-store.ts';
import { endUnstarted } from './end.ts';
import { movePutOff, type PutOff } from './moving.ts';
import { takeTurns, type Candidate } from './pacing.ts';
import type { Started } from './started.ts';

/*
 * The one place where actions begin: whether one may is decided in the transaction that marks it running, under locks
 * that every other replica takes, so a pause, a kill switch and a limit hold from their commit on.
 */

/** An action whose job came up. */
export interface Beginning {
  readonly actionId: string;
  readonly workerId: string;
  readonly traceId: string;
}

export type Begun =
  | { readonly kind: 'go'; readonly action: Started }
  /** Nothing to do: it has ended, waits elsewhere, or is to be done later by another job. */
  | { readonly kind: 'none'; readonly why: string };

/** The job and its action agree to the millisecond, and the action's time may have more digits. */
const EARLY_MS = 100;
/** An account that is at something else, against the queues: looked at again soon. */
const BUSY_MS = 1_000;
/** A campaign whose readers are all at it. */
const PARALLEL_MS = 500;

/** One outcome an item, in order. All are of one worker. */
export function beginActions(
  database: EngagementDatabase,
  limits: Limits,
  items: readonly Beginning[],
): Promise<Begun[]> {
  return transaction(database, async (trx) => {
    await holdLease(trx, items[0]!.workerId);
    const rows = await readRows(trx, items);
    const stopped = await lockSwitches(trx, rows);
    const campaigns = await lockCampaigns(trx, rows);
    await lockChannels(trx, rows);
    const turns = await lockTurns(trx, rows);
    const { now, actions } = await lockActions(trx, rows);
    const running = await countRunning(trx, rows);

    const outcomes = new Map<string, Begun>();
    const none = (actionId: string, why: string): void => void outcomes.set(actionId, { kind: 'none', why });
    const putOff: PutOff[] = [];
    const wanting: { row: ActionToBegin; action: LockedAction; candidate: Candidate }[] = [];
    const picked = new Set<string>();
    for (const item of items) {
      const row = rows.get(item.actionId);
      const action = actions.get(item.actionId);
      if (!row || !action) {
        none(item.actionId, 'there is no such action');
        continue;
      }
      const { actionId } = item;
      const { account_id: accountId } = row;
      const campaign = campaigns.get(row.campaign_id);
      const turn = turns.get(accountId)!;
      // This worker asks only for what it has not under way: then it failed to say how a try ended.
      const isHeld = action.is_held && action.worker_id !== item.workerId;
      const isTakenOver = action.state === 'running' && !isHeld;
      if (action.state === 'running' && isHeld) none(actionId, 'it is under way');
      else if (action.state !== 'planned' && !isTakenOver) none(actionId, `it is ${action.state}`);
      // Its campaign brings it back when it goes on, or skips it.
      else if (campaign?.state !== 'running' || stopped.has('mesh') || stopped.has(row.tenant_id))
        none(actionId, 'its campaign does not run');
      else if (campaign.end_time && campaign.end_time.getTime() <= now)
        none(actionId, 'its campaign is over');
      else if (!isTakenOver && action.due_time.getTime() > now + EARLY_MS) none(actionId, 'it was put off');
      else if (picked.has(accountId) || (turn.busy_with !== null && turn.busy_with !== actionId)) {
        putOff.push({ row, why: 'account_busy', at: now + BUSY_MS });
        none(actionId, 'the account is at something else');
      } else if (!hasReader(row, running)) {
        putOff.push({ row, why: 'parallelism', at: now + PARALLEL_MS });
        none(actionId, 'as many as may are reading');
      } else {
        picked.add(accountId);
        wanting.push({
          row,
          action,
          candidate: {
            account: accountId,
            target: row.channel,
            place: placeOf(row),
            isCounted: action.start_time !== null,
            // The gap behind a try of its own is for others.
            isGoingOn: isTakenOver || (action.attempts > 0 && turn.action_id === actionId),
          },
        });
      }
    }

    const standing = await readStanding(trx, wanting, turns, limits, now);
    const decided = takeTurns(
      now,
      wanting.map(({ candidate }) => candidate),
      standing,
      limits,
    );
    const go: typeof wanting = [];
    const full: ActionToBegin[] = [];
    decided.forEach((turn, index) => {
      const one = wanting[index]!;
      const { action_id: actionId } = one.row;
      if (turn.kind === 'go') go.push(one);
      else if (turn.kind === 'full') {
        full.push(one.row);
        none(actionId, 'the post has had as many of these as one gets');
      } else {
        putOff.push({ row: one.row, why: turn.why, at: turn.at });
        none(actionId, `put off: ${turn.why}`);
      }
    });
    const traces = new Map(items.map(({ actionId, traceId }) => [actionId, traceId]));
    await markRunning(trx, go, { workerId: items[0]!.workerId, traces, limits, now });
    await endUnstarted(trx, full, 'the post has had as many of these as one gets');
    await movePutOff(trx, putOff, standing, limits, now);
    for (const { row, action } of go)
      outcomes.set(row.action_id, {
        kind: 'go',
        action: startedOf(row, action, now),
      });
    return items.map(({ actionId }) => outcomes.get(actionId)!);
  });
}

function startedOf(row: ActionToBegin, action: LockedAction, now: number): Started {
  return {
    actionId: row.action_id,
    tenantId: row.tenant_id,
    campaignId: row.campaign_id,
    targetId: row.target_id,
    owner: row.owner,
    channel: row.channel,
    username: row.username,
    accountId: row.account_id,
    postId: row.post_id,
    kind: row.kind,
    content: action.content,
    plan: row.plan,
    traceparent: row.traceparent,
    priorStart: action.start_time,
    lateMs: now - action.due_time.getTime(),
  };
}

/** Counts those that are let in, too. */
function hasReader(row: ActionToBegin, running: Map<string, number>): boolean {
  if (row.kind !== 'view') return true;
  const now = running.get(row.campaign_id) ?? 0;
  if (now >= Math.max(1, row.plan.view?.parallelism ?? 1)) return false;
  running.set(row.campaign_id, now + 1);
  return true;
}

async function markRunning(
  trx: EngagementTransaction,
  go: readonly { readonly row: ActionToBegin; readonly action: LockedAction }[],
  {
    workerId,
    traces,
    limits,
    now,
  }: { workerId: string; traces: ReadonlyMap<string, string>; limits: Limits; now: number },
): Promise<void> {
  if (go.length === 0) return;
  const actionIds = go.map(({ row }) => row.action_id);
  // One that a dead worker had may have taken effect.
  await sql`
    update actions set state = 'running', attempts = attempts + 1, start_time = ${new Date(now)},
      worker_id = ${workerId}, trace_id = begun.trace_id, unsure = unsure or state = 'running', reason = ''
    from unnest(${actionIds}::uuid[], ${actionIds.map((id) => traces.get(id) ?? '')}::text[])
      as begun (action_id, trace_id)
    where actions.action_id = begun.action_id`.execute(trx);
  // For the case that nobody comes back to say when it ended.
  await sql`
    update account_turns set action_id = begun.action_id,
      free_time = greatest(free_time, ${new Date(now + limits.accountGapMs)}::timestamptz)
    from unnest(${go.map(({ row }) => row.account_id)}::uuid[], ${actionIds}::uuid[])
      as begun (account_id, action_id)
    where account_turns.account_id = begun.account_id`.execute(trx);
}
