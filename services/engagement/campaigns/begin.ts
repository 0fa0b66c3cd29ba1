import { sql } from 'kysely';
import { transaction } from '#lib/postgres/transaction.ts';
import { DomainError } from '#lib/rpc/errors.ts';
import { appendAudit, OWN_SUBJECT } from '../audit.ts';
import { onOwnBehalf, type Engagement, type Parent } from '../engagement.ts';
import { checkNotStopped } from '../stopping/store.ts';
import { findTarget, lockTarget, watchClosely } from '../targets/store.ts';
import { verdictOfError } from '../targets/model.ts';
import { CLAIM_MS, keepAccounts } from './create.ts';
import { fillCampaign, type Filling } from './fill.ts';
import { pauseCampaigns } from './pausing.ts';
import { planActions, type PlanAccount } from './plan.ts';
import { choosePosts, roomAt } from './posts.ts';
import { checkVerified, prepare, verifyAnew } from './prepare.ts';
import { tellProgress, type ChangedCampaign } from './progress.ts';
import { findCampaigns, readClock, type CampaignRow } from './store.ts';
import { finishFilling } from './transitions.ts';

/** What is found out about a campaign before it begins takes no longer. */
const LIMIT_MS = 60_000;

/** Campaigns whose start has come, or whose actions nobody goes on writing; each for this process alone for a while. */
export async function claimCampaigns(
  { database }: Engagement,
  which: 'to_begin' | 'to_fill',
  limit: number,
): Promise<CampaignRow[]> {
  const condition =
    which === 'to_begin'
      ? sql`state = 'scheduled' and start_time <= clock_timestamp() and (claim_time is null or claim_time < clock_timestamp())`
      : sql`state in ('running', 'paused') and not planned and post_ids is not null
          and (claim_time is null or claim_time < clock_timestamp())`;
  const { rows } = await sql<{ campaign_id: string }>`
    update campaigns set claim_time = clock_timestamp() + ${CLAIM_MS}::float8 * interval '1 millisecond'
    where campaign_id in (
      select campaign_id from campaigns where ${condition}
      order by start_time limit ${limit} for update skip locked
    )
    returning campaign_id`.execute(database.kysely);
  return findCampaigns(
    database.kysely,
    rows.map(({ campaign_id: id }) => id),
  );
}

export function fillingOf(row: CampaignRow): Filling {
  return {
    campaignId: row.campaign_id,
    tenantId: row.tenant_id,
    targetId: row.target_id,
    channel: row.channel,
    kind: row.kind,
    plan: row.plan,
  };
}

/** Begins a campaign whose start has come: what was checked when it was created is checked again. */
export async function beginCampaign(
  engagement: Engagement,
  row: CampaignRow,
  signal: AbortSignal,
): Promise<void> {
  const { tenant_id: tenantId, campaign_id: campaignId } = row;
  const parent = onOwnBehalf(tenantId, signal, LIMIT_MS);
  try {
    await begin(engagement, row, parent);
  } catch (error) {
    // What is only so for now is tried again when the claim is over.
    if (!(error instanceof DomainError) || verdictOfError(error)?.kind === 'unknown') throw error;
    await transaction(engagement.database, (trx) =>
      pauseCampaigns(
        trx,
        { campaignId },
        {
          cause: 'start_failed',
          reason: `it could not begin: ${error.message}`,
          subject: OWN_SUBJECT,
        },
      ),
    );
  }
  engagement.wakeRelay();
}

async function begin(engagement: Engagement, row: CampaignRow, parent: Parent): Promise<void> {
  const { database } = engagement;
  const { tenant_id: tenantId, campaign_id: campaignId, target_id: targetId } = row;
  const known = (await findTarget(database.kysely, tenantId, targetId))!;
  checkVerified(known);
  const target = await verifyAnew(engagement, parent, known, OWN_SUBJECT);
  const prepared = await prepare(engagement, parent, target, {
    tenantId,
    targetId,
    kind: row.kind,
    plan: row.plan,
    startMs: Math.max(await readClock(database.kysely), row.start_time.getTime()),
    endMs: row.end_time?.getTime(),
  });
  const { plan, posts, accounts } = prepared;
  const began = await transaction(database, async (trx) => {
    await checkNotStopped(trx, tenantId);
    checkVerified(await lockTarget(trx, targetId));
    const { rows } = await sql<ChangedCampaign>`
      update campaigns set state = 'running', post_ids = ${posts.posts.map(({ postId }) => String(postId))}::bigint[],
        newest_post_id = ${posts.newestPostId}, plan = ${JSON.stringify(plan)},
        claim_time = clock_timestamp() + ${CLAIM_MS}::float8 * interval '1 millisecond',
        next_look_time = case when ${plan.posts.by === 'upcoming'} then clock_timestamp() end
      where campaign_id = ${campaignId} and state = 'scheduled'
      returning tenant_id, campaign_id, state, state_reason`.execute(trx);
    if (rows.length === 0) return false;
    await keepAccounts(trx, campaignId, accounts.accountIds);
    await tellProgress(trx, rows);
    await appendAudit(trx, [
      {
        tenantId,
        subject: OWN_SUBJECT,
        action: 'begin_campaign',
        targetId,
        campaignId,
        detail: { accounts: String(accounts.accountIds.length), actions: String(prepared.dues.length) },
      },
    ]);
    return true;
  });
  if (!began) return;
  await watchClosely(engagement, targetId);
  await fillCampaign(engagement, { ...fillingOf(row), plan }, prepared.dues);
  await finishFilling(engagement, campaignId);
}

/** Goes on where the process died that wrote its actions: those that are there stay. */
export async function refillCampaign(
  engagement: Engagement,
  row: CampaignRow,
  signal: AbortSignal,
): Promise<void> {
  const { plan } = row;
  const { minAgeMs } = plan.conditions;
  const postIds = row.post_ids ?? [];
  // How old they are is known to Telegram alone, and asked only where it matters.
  const sent = new Map<bigint, number>();
  if (minAgeMs > 0 && postIds.length > 0) {
    const target = (await findTarget(engagement.database.kysely, row.tenant_id, row.target_id))!;
    const parent = onOwnBehalf(row.tenant_id, signal, LIMIT_MS);
    const { posts } = await choosePosts(
      engagement,
      parent,
      target,
      { by: 'ids', postIds: postIds.map(Number) },
      plan.conditions,
    );
    for (const { postId, sendMs } of posts) sent.set(postId, sendMs);
  }
  await planPosts(
    engagement,
    row,
    postIds.map((postId) => ({
      postId,
      notBeforeMs: minAgeMs === 0 ? 0 : (sent.get(postId) ?? engagement.clock.now()) + minAgeMs,
    })),
  );
  await finishFilling(engagement, row.campaign_id);
}

/** Plans posts for the accounts that still act in a campaign, behind what they have to do in it already. */
export async function planPosts(
  engagement: Engagement,
  row: CampaignRow,
  posts: readonly { readonly postId: bigint; readonly notBeforeMs: number }[],
): Promise<number> {
  const { database, settings, random } = engagement;
  const accounts = await actingAccounts(engagement, row.campaign_id);
  const room = await roomAt(
    database.kysely,
    { channel: row.channel, kind: row.kind, ceiling: settings.limits.postCeiling },
    posts.map(({ postId }) => postId),
  );
  const { dues } = planActions({
    startMs: Math.max(await readClock(database.kysely), row.start_time.getTime()),
    accounts,
    posts: posts.map((post) => ({ ...post, room: room.get(post.postId)! })),
    pace: row.plan.pace,
    limits: settings.limits,
    random,
  });
  await fillCampaign(engagement, fillingOf(row), dues);
  return accounts.length;
}

async function actingAccounts({ database }: Engagement, campaignId: string): Promise<PlanAccount[]> {
  const { rows } = await sql<{ account_id: string; post_ids: bigint[] | null; last_due: Date | null }>`
    select account_id, array_agg(post_id) filter (where post_id is not null) as post_ids, max(due_time) as last_due
    from campaign_accounts left join actions using (campaign_id, account_id)
    where campaign_id = ${campaignId} and drop_time is null
    group by account_id order by account_id`.execute(database.kysely);
  return rows.map(({ account_id: accountId, post_ids: ids, last_due: last }) => ({
    accountId,
    has: new Set((ids ?? []).map(BigInt)),
    lastDueMs: last?.getTime(),
  }));
}
