import { sql } from 'kysely';
import type { Limits } from '../limits.ts';
import type { ActionKind, ActionState, CampaignPlan, CampaignState } from '../model.ts';
import type { EngagementTransaction } from '../tables.ts';
import { DAY_MS, HOUR_MS, type Standing } from './pacing.ts';

/* What begin.ts locks and reads, in this order everywhere: switches, campaigns, channels, accounts, actions. */

/** The worker's lease has ended: what it has is somebody else's. */
export class WorkerLeaseEnded extends Error {
  override readonly name = 'WorkerLeaseEnded';
}

export interface ActionToBegin {
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

export interface LockedAction {
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

export function placeOf({
  channel,
  post_id: postId,
  kind,
}: Pick<ActionToBegin, 'channel' | 'post_id' | 'kind'>): string {
  return `${channel} ${postId} ${kind}`;
}

export async function holdLease(trx: EngagementTransaction, workerId: string): Promise<void> {
  const { rows } = await sql`
    select worker_id from action_workers
    where worker_id = ${workerId} and expire_time > clock_timestamp() for key share`.execute(trx);
  if (rows.length === 0) throw new WorkerLeaseEnded('the lease of this worker has ended');
}

/** What never changes of them. */
export async function readRows(
  trx: EngagementTransaction,
  items: readonly { readonly actionId: string }[],
): Promise<ReadonlyMap<string, ActionToBegin>> {
  const { rows } = await sql<ActionToBegin>`
    select action_id, actions.tenant_id, campaign_id, actions.target_id, actions.channel, username, account_id,
      post_id, actions.kind, owner, plan, traceparent
    from actions join campaigns using (campaign_id) join targets on targets.target_id = actions.target_id
    where action_id = any(${items.map(({ actionId }) => actionId)}::uuid[])`.execute(trx);
  return new Map(rows.map((row) => [row.action_id, row]));
}

const distinct = (rows: ReadonlyMap<string, ActionToBegin>, key: (row: ActionToBegin) => string): string[] =>
  [...new Set([...rows.values()].map(key))].toSorted();

/** The scopes in which nothing may begin. */
export async function lockSwitches(
  trx: EngagementTransaction,
  rows: ReadonlyMap<string, ActionToBegin>,
): Promise<ReadonlySet<string>> {
  const scopes = ['mesh', ...distinct(rows, ({ tenant_id: tenantId }) => tenantId)];
  const { rows: switches } = await sql<{ scope: string; is_on: boolean }>`
    select scope, is_on from kill_switches where scope = any(${scopes}::text[]) order by scope for share`.execute(
    trx,
  );
  return new Set(switches.filter(({ is_on: isOn }) => isOn).map(({ scope }) => scope));
}

export async function lockCampaigns(
  trx: EngagementTransaction,
  rows: ReadonlyMap<string, ActionToBegin>,
): Promise<ReadonlyMap<string, { state: CampaignState; end_time: Date | null }>> {
  const { rows: campaigns } = await sql<{ campaign_id: string; state: CampaignState; end_time: Date | null }>`
    select campaign_id, state, end_time from campaigns
    where campaign_id = any(${distinct(rows, ({ campaign_id: id }) => id)}::uuid[])
    order by campaign_id for share`.execute(trx);
  return new Map(campaigns.map((one) => [one.campaign_id, one]));
}

/** Two replicas can not both see the last place of a channel or a post. */
export async function lockChannels(
  trx: EngagementTransaction,
  rows: ReadonlyMap<string, ActionToBegin>,
): Promise<void> {
  for (const channel of distinct(rows, (row) => row.channel))
    await sql`select pg_advisory_xact_lock(hashtextextended(${`telegate engagement ${channel}`}, 0))`.execute(
      trx,
    );
}

export interface AccountTurn {
  readonly account_id: string;
  readonly free_time: Date;
  readonly action_id: string | null;
  /** The action that a living worker does as this account now. */
  readonly busy_with: string | null;
}

export async function lockTurns(
  trx: EngagementTransaction,
  rows: ReadonlyMap<string, ActionToBegin>,
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

export async function lockActions(
  trx: EngagementTransaction,
  rows: ReadonlyMap<string, ActionToBegin>,
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

export async function countRunning(
  trx: EngagementTransaction,
  rows: ReadonlyMap<string, ActionToBegin>,
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

export async function readStanding(
  trx: EngagementTransaction,
  wanting: readonly { readonly row: ActionToBegin }[],
  turns: ReadonlyMap<string, AccountTurn>,
  limits: Limits,
  now: number,
): Promise<Standing> {
  const keys = (of: (row: ActionToBegin) => string): string[] => [
    ...new Set(wanting.map(({ row }) => of(row))),
  ];
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
  wanting: readonly { readonly row: ActionToBegin }[],
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
