import { sql } from 'kysely';
import { transaction } from '#lib/postgres/transaction.ts';
import { NotFound } from '#lib/rpc/errors.ts';
import { endUnstarted } from '../actions/end.ts';
import { addActionJobs } from '../actions/jobs.ts';
import { appendAudit, OWN_SUBJECT, type AuditEntry } from '../audit.ts';
import type { Engagement } from '../engagement.ts';
import { CampaignEnded } from '../errors.ts';
import type { EngagementTransaction } from '../tables.ts';
import { checkNotStopped } from '../stopping/store.ts';
import { lockTarget } from '../targets/store.ts';
import { pauseCampaigns } from './pausing.ts';
import { paceAgain } from './plan.ts';
import { checkVerified } from './prepare.ts';
import { tellProgress, type ChangedCampaign } from './progress.ts';
import { lockCampaign, type CampaignRow } from './store.ts';

/** Who asks for a change, of which campaign. */
export interface Asked {
  readonly tenantId: string;
  readonly campaignId: string;
  readonly subject: string;
  readonly reason: string;
}

async function locked(trx: EngagementTransaction, { tenantId, campaignId }: Asked): Promise<CampaignRow> {
  const row = await lockCampaign(trx, tenantId, campaignId);
  if (!row) throw new NotFound('campaign', campaignId);
  return row;
}

/** Nothing of it begins after this; what is on its way ends. */
export function pauseCampaign({ database }: Engagement, asked: Asked): Promise<void> {
  const { campaignId, subject, reason } = asked;
  return transaction(database, async (trx) => {
    const { state } = await locked(trx, asked);
    if (state === 'done' || state === 'cancelled') throw new CampaignEnded(campaignId, state);
    await pauseCampaigns(trx, { campaignId }, { cause: 'caller', reason, subject });
  });
}

/** Actions not begun are left to `skipLeftovers`. */
export function cancelCampaign({ database }: Engagement, asked: Asked): Promise<void> {
  const { campaignId, reason } = asked;
  return transaction(database, async (trx) => {
    const { state } = await locked(trx, asked);
    if (state === 'cancelled') return;
    if (state === 'done') throw new CampaignEnded(campaignId, state);
    await endAs(trx, campaignId, { state: 'cancelled', reason, leftover: true });
    await note(trx, asked, 'cancel_campaign');
  });
}

async function endAs(
  trx: EngagementTransaction,
  campaignId: string,
  { state, reason, leftover }: { state: 'cancelled' | 'done'; reason: string; leftover: boolean },
): Promise<void> {
  const { rows } = await sql<ChangedCampaign>`
    update campaigns set state = ${state}, state_reason = ${reason}, pause_cause = '', leftover = ${leftover},
      next_look_time = null, finish_time = clock_timestamp()
    where campaign_id = ${campaignId}
    returning tenant_id, campaign_id, state, state_reason`.execute(trx);
  await tellProgress(trx, rows);
}

function note(trx: EngagementTransaction, asked: Asked, action: AuditEntry['action']): Promise<void> {
  const { tenantId, campaignId, subject, reason } = asked;
  return appendAudit(trx, [{ tenantId, subject, action, campaignId, detail: { reason } }]);
}

/**
 * Lets a paused campaign go on: one that never began waits to begin. What was due meanwhile gets new times at its pace,
 * before anything of it can begin.
 */
export function resumeCampaign(engagement: Engagement, asked: Asked): Promise<void> {
  const { campaignId } = asked;
  return transaction(engagement.database, async (trx) => {
    // Switches, then targets, then campaigns: as whatever stops things takes them.
    await checkNotStopped(trx, asked.tenantId);
    const { rows: of } = await sql<{ target_id: string }>`
      select target_id from campaigns
      where tenant_id = ${asked.tenantId} and campaign_id = ${campaignId}`.execute(trx);
    if (!of[0]) throw new NotFound('campaign', campaignId);
    const target = await lockTarget(trx, of[0].target_id);
    const row = await locked(trx, asked);
    if (row.state === 'running' || row.state === 'scheduled') return;
    if (row.state !== 'paused') throw new CampaignEnded(campaignId, row.state);
    checkVerified(target);
    const state = row.post_ids === null ? 'scheduled' : 'running';
    if (state === 'running') await moveOverdue(engagement, trx, row);
    const upcoming = row.plan.posts.by === 'upcoming' && state === 'running';
    const { rows } = await sql<ChangedCampaign>`
      update campaigns set state = ${state}, state_reason = '', pause_cause = '',
        -- Whoever is writing its actions goes on with that.
        claim_time = case when post_ids is not null and not planned then claim_time end,
        next_look_time = case when ${upcoming} then clock_timestamp() end
      where campaign_id = ${campaignId}
      returning tenant_id, campaign_id, state, state_reason`.execute(trx);
    await tellProgress(trx, rows);
    await note(trx, asked, 'resume_campaign');
  });
}

/** The actions of accounts that have something overdue. */
async function moveOverdue(
  { settings, random }: Engagement,
  trx: EngagementTransaction,
  row: CampaignRow,
): Promise<void> {
  const { rows } = await sql<{ action_id: string; account_id: string; due_time: Date; now: Date }>`
    select action_id, account_id, due_time, clock.now
    from actions, (select clock_timestamp() as now) as clock
    where campaign_id = ${row.campaign_id} and state = 'planned'
    order by account_id, due_time`.execute(trx);
  if (rows.length === 0) return;
  const nowMs = rows[0]!.now.getTime();
  const moved = [...Map.groupBy(rows, ({ account_id: id }) => id).values()].flatMap((mine) => {
    if (mine[0]!.due_time.getTime() >= nowMs) return [];
    const times = paceAgain(
      mine.map(({ due_time: due }) => due.getTime()),
      { nowMs, pace: row.plan.pace, limits: settings.limits, random },
    );
    return mine.map((action, index) => ({
      actionId: action.action_id,
      accountId: action.account_id,
      dueTime: new Date(Math.ceil(times[index]!)),
    }));
  });
  await sql`
    update actions set due_time = moved.due_time
    from unnest(
      ${moved.map(({ actionId }) => actionId)}::uuid[], ${moved.map(({ dueTime }) => dueTime)}::timestamptz[]
    ) as moved (action_id, due_time)
    where actions.action_id = moved.action_id`.execute(trx);
  await addActionJobs(trx, moved);
}

const SKIPPED_AT_ONCE = 1_000;

/** Skips what a campaign that has ended left planned, a thousand a transaction. Answers whether all is skipped. */
export async function skipLeftovers({ database, wakeRelay }: Engagement, campaignId: string): Promise<void> {
  for (let more = true; more;) {
    more = await transaction(database, async (trx) => {
      const { rows: ended } = await sql<{ state: string; state_reason: string }>`
        select state, state_reason from campaigns where campaign_id = ${campaignId} and leftover
        for update`.execute(trx);
      if (!ended[0]) return false;
      const { rows } = await sql<Parameters<typeof endUnstarted>[1][number]>`
        select action_id, tenant_id, campaign_id, account_id, post_id, kind from actions
        where campaign_id = ${campaignId} and state = 'planned'
        order by action_id limit ${SKIPPED_AT_ONCE} for update`.execute(trx);
      const why = ended[0].state === 'cancelled' ? 'the campaign was cancelled' : 'the campaign has ended';
      await endUnstarted(trx, rows, why);
      if (rows.length === SKIPPED_AT_ONCE) return true;
      await sql`update campaigns set leftover = false where campaign_id = ${campaignId}`.execute(trx);
      return false;
    });
    wakeRelay();
  }
}

/** All its actions are written; where there are none it is done. */
export async function finishFilling(engagement: Engagement, campaignId: string): Promise<void> {
  await sql`
    update campaigns set planned = true, claim_time = null
    where campaign_id = ${campaignId}`.execute(engagement.database.kysely);
  await settleCampaigns(engagement, campaignId);
}

/**
 * Ends campaigns all of whose actions have ended, unless they wait for posts: one, or all that there are. Two actions
 * that end together may each see the other on its way, so a sweep calls this too.
 */
export async function settleCampaigns(
  { database, wakeRelay }: Pick<Engagement, 'database' | 'wakeRelay'>,
  campaignId?: string,
): Promise<number> {
  const settled = await transaction(database, async (trx) => {
    const { rows } = await sql<ChangedCampaign>`
      update campaigns set state = 'done', state_reason = '', finish_time = clock_timestamp()
      where campaign_id in (
        select campaign_id from campaigns
        where state = 'running' and planned and next_look_time is null
          and ${campaignId === undefined ? sql`true` : sql`campaign_id = ${campaignId}`}
          and not exists (
            select from actions
            where actions.campaign_id = campaigns.campaign_id and actions.state = 'planned'
          )
          and not exists (
            select from actions
            where actions.campaign_id = campaigns.campaign_id and actions.state = 'running'
          )
        order by campaign_id for update skip locked
      )
      returning tenant_id, campaign_id, state, state_reason`.execute(trx);
    await tellProgress(trx, rows);
    await appendAudit(
      trx,
      rows.map(({ tenant_id: tenantId, campaign_id: id }) => ({
        tenantId,
        subject: OWN_SUBJECT,
        action: 'end_campaign',
        campaignId: id,
      })),
    );
    return rows.length;
  });
  if (settled > 0) wakeRelay();
  return settled;
}

/** Ends campaigns whose time is over. Answers which. */
export function endOverdue({ database }: Engagement): Promise<string[]> {
  return transaction(database, async (trx) => {
    const { rows } = await sql<ChangedCampaign>`
      update campaigns set state = 'done', state_reason = 'its end time has come', pause_cause = '', leftover = true,
        next_look_time = null, finish_time = clock_timestamp()
      where campaign_id in (
        select campaign_id from campaigns
        where end_time <= clock_timestamp() and state in ('scheduled', 'running', 'paused')
        order by campaign_id limit 100 for update skip locked
      )
      returning tenant_id, campaign_id, state, state_reason`.execute(trx);
    await tellProgress(trx, rows);
    await appendAudit(
      trx,
      rows.map(({ tenant_id: tenantId, campaign_id: campaignId }) => ({
        tenantId,
        subject: OWN_SUBJECT,
        action: 'end_campaign',
        campaignId,
        detail: { reason: 'its end time has come' },
      })),
    );
    return rows.map(({ campaign_id: id }) => id);
  });
}
