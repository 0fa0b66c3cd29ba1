import { sql } from 'kysely';
import { transaction } from '#lib/postgres/transaction.ts';
import type { Limits } from '../limits.ts';
import type { ActionKind, ActionState, CampaignPlan, CampaignState } from '../model.ts';
import type { EngagementDatabase, EngagementTransaction } from '../tables.ts';
import { endUnstarted } from './end.ts';
import { movePutOff, type PutOff } from './moving.ts';
import { DAY_MS, HOUR_MS, takeTurns, type Candidate, type Standing } from './pacing.ts';
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

/** The worker's lease has ended: what it has is somebody else's. */
export class WorkerLeaseEnded extends Error {
  override readonly name = 'WorkerLeaseEnded';
}

interface Row {
  readonly action_id: string;
  readonly tenant_id: string;
  readonly campaign_id: string;
  readonly target_id: string;
  readonly channel: string;
  readonly username: string;
  readonly account_id: string;
  readonly post_id: bigint;
  readonly kind: ActionKind;
  readonly owner: string;
  readonly plan: CampaignPlan;
  readonly traceparent: string;
}

interface LockedAction {
  readonly action_id: string;
  readonly state: ActionState;
  readonly attempts: number;
  readonly due_time: Date;
  readonly start_time: Date | null;
  readonly worker_id: string;
  /** By a worker that lives. */
  readonly is_held: boolean;
  readonly content: string;
}

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
    const wanting: { row: Row; action: LockedAction; candidate: Candidate }[] = [];
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
    const full: Row[] = [];
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

function startedOf(row: Row, action: LockedAction, now: number): Started {
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

function placeOf({ channel, post_id: postId, kind }: Pick<Row, 'channel' | 'post_id' | 'kind'>): string {
  return `${channel} ${postId} ${kind}`;
}

/** Counts those that are let in, too. */
function hasReader(row: Row, running: Map<string, number>): boolean {
  if (row.kind !== 'view') return true;
  const now = running.get(row.campaign_id) ?? 0;
  if (now >= Math.max(1, row.plan.view?.parallelism ?? 1)) return false;
  running.set(row.campaign_id, now + 1);
  return true;
}

async function holdLease(trx: EngagementTransaction, workerId: string): Promise<void> {
  const { rows } = await sql`
    select worker_id from action_workers
    where worker_id = ${workerId} and expire_time > clock_timestamp() for key share`.execute(trx);
  if (rows.length === 0) throw new WorkerLeaseEnded('the lease of this worker has ended');
}

/** What never changes of them. */
async function readRows(
  trx: EngagementTransaction,
  items: readonly Beginning[],
): Promise<ReadonlyMap<string, Row>> {
  const { rows } = await sql<Row>`
    select action_id, actions.tenant_id, campaign_id, actions.target_id, actions.channel, username, account_id,
      post_id, actions.kind, owner, plan, traceparent
    from actions join campaigns using (campaign_id) join targets on targets.target_id = actions.target_id
    where action_id = any(${items.map(({ actionId }) => actionId)}::uuid[])`.execute(trx);
  return new Map(rows.map((row) => [row.action_id, row]));
}

const distinct = (rows: ReadonlyMap<string, Row>, key: (row: Row) => string): string[] =>
  [...new Set([...rows.values()].map(key))].toSorted();

/** The scopes in which nothing may begin. */
async function lockSwitches(
  trx: EngagementTransaction,
  rows: ReadonlyMap<string, Row>,
): Promise<ReadonlySet<string>> {
  const scopes = ['mesh', ...distinct(rows, ({ tenant_id: tenantId }) => tenantId)];
  const { rows: switches } = await sql<{ scope: string; is_on: boolean }>`
    select scope, is_on from kill_switches where scope = any(${scopes}::text[]) order by scope for share`.execute(
    trx,
  );
  return new Set(switches.filter(({ is_on: isOn }) => isOn).map(({ scope }) => scope));
}

async function lockCampaigns(
  trx: EngagementTransaction,
  rows: ReadonlyMap<string, Row>,
): Promise<ReadonlyMap<string, { state: CampaignState; end_time: Date | null }>> {
  const { rows: campaigns } = await sql<{ campaign_id: string; state: CampaignState; end_time: Date | null }>`
    select campaign_id, state, end_time from campaigns
    where campaign_id = any(${distinct(rows, ({ campaign_id: id }) => id)}::uuid[])
    order by campaign_id for share`.execute(trx);
  return new Map(campaigns.map((one) => [one.campaign_id, one]));
}

/** Two replicas can not both see the last place of a channel or a post. */
async function lockChannels(trx: EngagementTransaction, rows: ReadonlyMap<string, Row>): Promise<void> {
  for (const channel of distinct(rows, (row) => row.channel))
    await sql`select pg_advisory_xact_lock(hashtextextended(${`telegate engagement ${channel}`}, 0))`.execute(
      trx,
    );
}

interface AccountTurn {
  readonly account_id: string;
  readonly free_time: Date;
  readonly action_id: string | null;
  /** The action that a living worker does as this account now. */
  readonly busy_with: string | null;
}

async function lockTurns(
  trx: EngagementTransaction,
  rows: ReadonlyMap<string, Row>,
): Promise<ReadonlyMap<string, AccountTurn>> {
  const accountIds = distinct(rows, ({ account_id: accountId }) => accountId);
  await sql`
    insert into account_turns (account_id, free_time)
    select account_id, '-infinity' from unnest(${accountIds}::uuid[]) as wanted (account_id) order by account_id
    on conflict do nothing`.execute(trx);
  await sql`
    select account_id from account_turns where account_id = any(${accountIds}::uuid[])
    order by account_id for update`.execute(trx);
  const { rows: turns } = await sql<AccountTurn>`
    select account_id, greatest(free_time, 'epoch') as free_time, turns.action_id,
      (select actions.action_id from actions join action_workers using (worker_id)
       where actions.action_id = turns.action_id and actions.state = 'running'
         and expire_time > clock_timestamp()) as busy_with
    from account_turns as turns where account_id = any(${accountIds}::uuid[])`.execute(trx);
  return new Map(turns.map((turn) => [turn.account_id, turn]));
}

async function lockActions(
  trx: EngagementTransaction,
  rows: ReadonlyMap<string, Row>,
): Promise<{ now: number; actions: ReadonlyMap<string, LockedAction> }> {
  const actionIds = [...rows.keys()].toSorted();
  await sql`
    select action_id from actions where action_id = any(${actionIds}::uuid[])
    order by action_id for update`.execute(trx);
  const { rows: locked } = await sql<LockedAction & { now: Date }>`
    select action_id, state, attempts, due_time, start_time, content, worker_id, clock_timestamp() as now,
      exists (select from action_workers where action_workers.worker_id = actions.worker_id
        and expire_time > clock_timestamp()) as is_held
    from actions where action_id = any(${actionIds}::uuid[])`.execute(trx);
  return {
    now: locked[0]?.now.getTime() ?? 0,
    actions: new Map(locked.map((action) => [action.action_id, action])),
  };
}

async function countRunning(
  trx: EngagementTransaction,
  rows: ReadonlyMap<string, Row>,
): Promise<Map<string, number>> {
  const views = [...rows.values()].filter(({ kind }) => kind === 'view');
  if (views.length === 0) return new Map();
  // Those of dead workers hold nobody up.
  const { rows: counted } = await sql<{ campaign_id: string; count: bigint }>`
    select campaign_id, count(*) as count from actions join action_workers using (worker_id)
    where campaign_id = any(${[...new Set(views.map(({ campaign_id: id }) => id))]}::uuid[]) and state = 'running'
      and expire_time > clock_timestamp()
    group by campaign_id`.execute(trx);
  return new Map(counted.map(({ campaign_id: id, count }) => [id, Number(count)]));
}

/** A limit that only a local Telegram can have: nothing is counted for it. */
const UNCOUNTED = 100_000;

async function readStanding(
  trx: EngagementTransaction,
  wanting: readonly { readonly row: Row }[],
  turns: ReadonlyMap<string, AccountTurn>,
  limits: Limits,
  now: number,
): Promise<Standing> {
  const keys = (of: (row: Row) => string): string[] => [...new Set(wanting.map(({ row }) => of(row)))];
  const accounts = keys(({ account_id: accountId }) => accountId);
  const channels = keys(({ channel }) => channel);
  return {
    freeFrom: new Map(accounts.map((account) => [account, turns.get(account)!.free_time.getTime()])),
    accountTimes: await timesOf(trx, 'account_id', accounts, {
      limit: limits.accountDaily,
      since: new Date(now - DAY_MS),
    }),
    targetTimes: await timesOf(trx, 'channel', channels, {
      limit: limits.targetHourly,
      since: new Date(now - HOUR_MS),
    }),
    placeCounts: await countPlaces(trx, wanting, limits.postCeiling),
  };
}

async function timesOf(
  trx: EngagementTransaction,
  column: 'account_id' | 'channel',
  keys: readonly string[],
  { limit, since }: { limit: number; since: Date },
): Promise<ReadonlyMap<string, readonly number[]>> {
  if (keys.length === 0 || limit >= UNCOUNTED) return new Map();
  const type = sql.raw(column === 'account_id' ? 'uuid' : 'text');
  const { rows } = await sql<{ key: string; times: number[] }>`
    select wanted.key, array(
      select extract(epoch from start_time)::float8 * 1000 from (
        select start_time from actions
        where ${sql.ref(column)} = wanted.key and start_time > ${since}
        order by start_time desc limit ${limit}
      ) as latest order by start_time
    ) as times
    from unnest(${keys}::${type}[]) as wanted (key)`.execute(trx);
  return new Map(rows.map(({ key, times }) => [key, times]));
}

async function countPlaces(
  trx: EngagementTransaction,
  wanting: readonly { readonly row: Row }[],
  ceiling: number,
): Promise<ReadonlyMap<string, number>> {
  if (wanting.length === 0 || ceiling >= UNCOUNTED) return new Map();
  const places = [...new Map(wanting.map(({ row }) => [placeOf(row), row])).values()];
  const { rows } = await sql<{ channel: string; post_id: bigint; kind: ActionKind; count: bigint }>`
    select channel, post_id, kind, (
      select count(*) from actions
      where actions.channel = places.channel and actions.post_id = places.post_id and actions.kind = places.kind
        and state in ('planned', 'running', 'done') and start_time is not null
    ) as count
    from unnest(
      ${places.map(({ channel }) => channel)}::text[], ${places.map(({ post_id: id }) => id)}::bigint[],
      ${places.map(({ kind }) => kind)}::text[]
    ) as places (channel, post_id, kind)`.execute(trx);
  return new Map(rows.map((row) => [placeOf(row), Number(row.count)]));
}

async function markRunning(
  trx: EngagementTransaction,
  go: readonly { readonly row: Row; readonly action: LockedAction }[],
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
