import { sql } from 'kysely';
import { transaction } from '#lib/postgres/transaction.ts';
import { appendAudit, OWN_SUBJECT } from '../audit.ts';
import { onOwnBehalf, type Engagement } from '../engagement.ts';
import { findTarget } from '../targets/store.ts';
import { planPosts } from './begin.ts';
import { fulfils } from './conditions.ts';
import { newestPosts } from './posts.ts';
import { tellProgress, type ChangedCampaign } from './progress.ts';
import { findCampaigns, type CampaignRow } from './store.ts';

const LIMIT_MS = 30_000;
/** A channel does not post more between two looks. */
const MOST_NEW = 1_000;
/** Actions that one look plans, at the most; the next looks plan the others. */
const MOST_ACTIONS = 10_000;

/** Campaigns that wait for posts and are to look now; each for this process alone until its next look. */
export async function claimLooks({ database, settings }: Engagement, limit: number): Promise<CampaignRow[]> {
  const everyMs = settings.newPostsEveryMs;
  const { rows } = await sql<{ campaign_id: string }>`
    update campaigns set next_look_time = clock_timestamp() + ${everyMs}::float8 * interval '1 millisecond'
    where campaign_id in (
      select campaign_id from campaigns
      where state = 'running' and planned and next_look_time <= clock_timestamp()
      order by next_look_time limit ${limit} for update skip locked
    )
    returning campaign_id`.execute(database.kysely);
  return findCampaigns(
    database.kysely,
    rows.map(({ campaign_id: id }) => id),
  );
}

/**
 * Asks the channel for posts above the newest that is known, and plans them. The mark moves only when their actions
 * are written, so that a process that dies in between loses none: who looks next finds the same ones.
 */
export async function lookForPosts(
  engagement: Engagement,
  row: CampaignRow,
  signal: AbortSignal,
): Promise<void> {
  const { database, clock } = engagement;
  const { campaign_id: campaignId, tenant_id: tenantId, newest_post_id: above } = row;
  const target = (await findTarget(database.kysely, tenantId, row.target_id))!;
  const all = await newestPosts(engagement, onOwnBehalf(tenantId, signal, LIMIT_MS), target, {
    most: MOST_NEW,
    above,
  });
  if (all.length === 0) return;
  const room = Math.floor(MOST_ACTIONS / Math.max(1, await countAccounts(engagement, campaignId)));
  // The oldest first: the mark stays below what is left for the next look.
  const found = all.toReversed().slice(0, Math.max(1, room));
  const { conditions } = row.plan;
  const posts = found
    .filter((post) => fulfils(conditions, post, clock.now()))
    .map(({ postId, sendMs }) => ({
      postId,
      notBeforeMs: conditions.minAgeMs === 0 ? 0 : sendMs + conditions.minAgeMs,
    }));
  const accounts = posts.length > 0 ? await planPosts(engagement, row, posts) : undefined;
  const newest = found.reduce((highest, { postId }) => (postId > highest ? postId : highest), above);
  await transaction(database, async (trx) => {
    const isOver = accounts === 0;
    const { rows } = await sql<ChangedCampaign>`
      update campaigns set newest_post_id = greatest(newest_post_id, ${newest}),
        post_ids = post_ids || ${posts.map(({ postId }) => String(postId))}::bigint[],
        next_look_time = case when ${isOver} then null else next_look_time end
      where campaign_id = ${campaignId} and newest_post_id < ${newest} and state in ('running', 'paused')
      returning tenant_id, campaign_id, state, state_reason`.execute(trx);
    if (rows.length === 0 || posts.length === 0) return;
    await tellProgress(trx, rows);
    await appendAudit(trx, [
      {
        tenantId,
        subject: OWN_SUBJECT,
        action: 'begin_campaign',
        campaignId,
        detail: { new_posts: posts.map(({ postId }) => postId).join(' ') },
      },
    ]);
  });
  engagement.wakeRelay();
}

async function countAccounts({ database }: Engagement, campaignId: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from campaign_accounts
    where campaign_id = ${campaignId} and drop_time is null`.execute(database.kysely);
  return rows[0]!.count;
}
