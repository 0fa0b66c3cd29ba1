import { randomUUIDv7 } from 'node:crypto';
import { sql } from 'kysely';
import { transaction } from '#lib/postgres/transaction.ts';
import { addActionJobs } from '../actions/jobs.ts';
import type { Engagement } from '../engagement.ts';
import type { ActionKind, CampaignPlan, PlannedAction } from '../model.ts';
import type { EngagementTransaction } from '../tables.ts';
import { drawWeighted, type PlannedDue } from './plan.ts';

export interface Filling {
  readonly campaignId: string;
  readonly tenantId: string;
  readonly targetId: string;
  readonly channel: string;
  readonly kind: ActionKind;
  readonly plan: CampaignPlan;
}

const ACTIONS_A_TRANSACTION = 1_000;

/**
 * Writes planned actions with their jobs, a thousand a transaction, the earliest first. What is there already stays as
 * it is, so that whoever goes on where somebody died does nothing twice.
 */
export async function fillCampaign(
  { database, random }: Pick<Engagement, 'database' | 'random'>,
  campaign: Filling,
  dues: readonly PlannedDue[],
): Promise<void> {
  const { reactions } = campaign.plan;
  for (let start = 0; start < dues.length; start += ACTIONS_A_TRANSACTION) {
    const actions = dues
      .slice(start, start + ACTIONS_A_TRANSACTION)
      .map(({ accountId, postId, dueMs }): PlannedAction => ({
        actionId: randomUUIDv7(),
        accountId,
        postId,
        dueTime: new Date(Math.ceil(dueMs)),
        content: reactions ? drawWeighted(reactions, random).emoji : '',
      }));
    await transaction(database, async (trx) => {
      const added = await insertActions(trx, campaign, actions);
      await addActionJobs(
        trx,
        actions.filter(({ actionId }) => added.has(actionId)),
      );
    });
  }
}

async function insertActions(
  trx: EngagementTransaction,
  { campaignId, tenantId, targetId, channel, kind }: Filling,
  actions: readonly PlannedAction[],
): Promise<ReadonlySet<string>> {
  const { rows } = await sql<{ action_id: string }>`
    insert into actions (action_id, tenant_id, campaign_id, target_id, channel, account_id, post_id, kind, content, due_time)
    select action_id, ${tenantId}::uuid, ${campaignId}::uuid, ${targetId}::uuid, ${channel}, account_id, post_id,
      ${kind}, content, due_time
    from unnest(
      ${actions.map(({ actionId }) => actionId)}::uuid[],
      ${actions.map(({ accountId }) => accountId)}::uuid[],
      ${actions.map(({ postId }) => String(postId))}::bigint[],
      ${actions.map(({ content }) => content)}::text[],
      ${actions.map(({ dueTime }) => dueTime)}::timestamptz[]
    ) as action (action_id, account_id, post_id, content, due_time)
    on conflict (campaign_id, account_id, post_id) do nothing
    returning action_id`.execute(trx);
  return new Set(rows.map(({ action_id: id }) => id));
}
