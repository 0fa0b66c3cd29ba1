import { sql, type QueryExecutorProvider } from 'kysely';
import type { ActionKind, CampaignPlan, CampaignState, PauseCause } from '../model.ts';
import type { EngagementTransaction } from '../tables.ts';
import { NO_ACTIONS, readCounts, type Counts } from './counts.ts';

export interface CampaignRow {
  readonly campaign_id: string;
  readonly ordinal: bigint;
  readonly tenant_id: string;
  readonly owner: string;
  readonly target_id: string;
  readonly channel: string;
  readonly kind: ActionKind;
  readonly plan: CampaignPlan;
  readonly state: CampaignState;
  readonly state_reason: string;
  readonly pause_cause: PauseCause;
  readonly start_time: Date;
  readonly end_time: Date | null;
  readonly post_ids: readonly bigint[] | null;
  readonly planned: boolean;
  readonly newest_post_id: bigint;
  readonly next_look_time: Date | null;
  readonly create_time: Date;
  readonly finish_time: Date | null;
}

/** A campaign and all that is shown of it. */
export interface ShownCampaign {
  readonly row: CampaignRow;
  readonly counts: Counts;
  /** Of its planned actions. */
  readonly firstDue: Date | null;
  readonly lastDue: Date | null;
  readonly dropped: readonly { account_id: string; drop_reason: string; drop_time: Date }[];
}

const COLUMNS = sql.raw(
  'campaign_id, ordinal, tenant_id, owner, target_id, channel, kind, plan, state, state_reason, pause_cause, ' +
    'start_time, end_time, post_ids, planned, newest_post_id, next_look_time, create_time, finish_time',
);

export async function findCampaign(
  executor: QueryExecutorProvider,
  tenantId: string,
  campaignId: string,
): Promise<CampaignRow | undefined> {
  const { rows } = await sql<CampaignRow>`
    select ${COLUMNS} from campaigns
    where tenant_id = ${tenantId} and campaign_id = ${campaignId}`.execute(executor);
  return rows[0];
}

export async function findCampaigns(
  executor: QueryExecutorProvider,
  campaignIds: readonly string[],
): Promise<CampaignRow[]> {
  const { rows } = await sql<CampaignRow>`
    select ${COLUMNS} from campaigns where campaign_id = any(${campaignIds}::uuid[])`.execute(executor);
  return rows;
}

/** Nothing of it begins and nobody else changes it until the transaction ends. */
export async function lockCampaign(
  trx: EngagementTransaction,
  tenantId: string,
  campaignId: string,
): Promise<CampaignRow | undefined> {
  const { rows } = await sql<CampaignRow>`
    select ${COLUMNS} from campaigns
    where tenant_id = ${tenantId} and campaign_id = ${campaignId} for update`.execute(trx);
  return rows[0];
}

export interface CampaignFilter {
  readonly tenantId: string;
  readonly targetId: string | undefined;
  readonly state: CampaignState | undefined;
  /** Ordinals under it; 0: from the newest. */
  readonly before: bigint;
  readonly limit: number;
}

export async function listCampaigns(
  executor: QueryExecutorProvider,
  { tenantId, targetId, state, before, limit }: CampaignFilter,
): Promise<CampaignRow[]> {
  const { rows } = await sql<CampaignRow>`
    select ${COLUMNS} from campaigns
    where tenant_id = ${tenantId}
      and ${before === 0n ? sql`true` : sql`ordinal < ${before}`}
      and ${targetId === undefined ? sql`true` : sql`target_id = ${targetId}`}
      and ${state === undefined ? sql`true` : sql`state = ${state}`}
    order by ordinal desc limit ${limit}`.execute(executor);
  return rows;
}

/** By the database's clock, which alone counts: those of processes may differ, or be set. Epoch milliseconds. */
export async function readClock(executor: QueryExecutorProvider): Promise<number> {
  const { rows } = await sql<{ now: Date }>`select clock_timestamp() as now`.execute(executor);
  return rows[0]!.now.getTime();
}

/** What stands beside campaigns' own rows, in three statements whatever their number. */
export async function shown(
  executor: QueryExecutorProvider,
  rows: readonly CampaignRow[],
): Promise<ShownCampaign[]> {
  if (rows.length === 0) return [];
  const ids = rows.map(({ campaign_id: id }) => id);
  const counts = await readCounts(executor, ids);
  const { rows: dues } = await sql<{ campaign_id: string; first_due: Date | null; last_due: Date | null }>`
    select wanted.campaign_id,
      (select min(due_time) from actions
        where actions.campaign_id = wanted.campaign_id and state = 'planned') as first_due,
      (select max(due_time) from actions
        where actions.campaign_id = wanted.campaign_id and state = 'planned') as last_due
    from unnest(${ids}::uuid[]) as wanted (campaign_id)`.execute(executor);
  const { rows: dropped } = await sql<{
    campaign_id: string;
    account_id: string;
    drop_reason: string;
    drop_time: Date;
  }>`
    select campaign_id, account_id, drop_reason, drop_time from campaign_accounts
    where campaign_id = any(${ids}::uuid[]) and drop_time is not null
    order by drop_time, account_id`.execute(executor);
  const duesOf = new Map(dues.map((due) => [due.campaign_id, due]));
  return rows.map((row) => {
    const due = duesOf.get(row.campaign_id);
    return {
      row,
      counts: counts.get(row.campaign_id) ?? NO_ACTIONS,
      firstDue: due?.first_due ?? null,
      lastDue: due?.last_due ?? null,
      dropped: dropped.filter(({ campaign_id: id }) => id === row.campaign_id),
    };
  });
}
