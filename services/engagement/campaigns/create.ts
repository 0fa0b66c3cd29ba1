import { randomUUIDv7 } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { sql } from 'kysely';
import {
  CreateCampaignRequestSchema,
  CreateCampaignResponseSchema,
  type CreateCampaignRequest,
  type CreateCampaignResponse,
} from '#gen/telegate/engagement/v1/engagement_service_pb.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import {
  findAnswers,
  replayKey,
  saveAnswers,
  withReplayRetry,
  type ReplayKey,
} from '#lib/requests/replay.ts';
import { QuotaExceeded, RequestIdReused } from '#lib/rpc/errors.ts';
import type { CallContext } from '#lib/rpc/implement.ts';
import { currentTraceparent } from '#lib/telemetry/spans.ts';
import { appendAudit } from '../audit.ts';
import { carriedOn, type Engagement } from '../engagement.ts';
import { checkNotStopped, readSwitches, throwIfStopped } from '../stopping/store.ts';
import type { EngagementTransaction } from '../tables.ts';
import { lockTarget, watchClosely } from '../targets/store.ts';
import { NO_ACTIONS } from './counts.ts';
import { fillCampaign } from './fill.ts';
import { campaignMessage } from './messages.ts';
import { checkVerified, prepare, verifiedTarget, verifyAnew, type Prepared } from './prepare.ts';
import { tellProgress } from './progress.ts';
import type { CampaignWish } from './requests.ts';
import { findCampaign, readClock, type CampaignRow } from './store.ts';
import { finishFilling } from './transitions.ts';

/** Campaigns of a tenant that have not ended, at the most. */
const MOST_OPEN = 1_000;
/** A process that dies while it writes a campaign's actions is followed by another after so long. */
export const CLAIM_MS = 60_000;

/** Creates the campaign and, unless it starts later, plans it; answers when it is planned. */
export async function createCampaign(
  engagement: Engagement,
  ctx: CallContext,
  request: CreateCampaignRequest,
  wish: CampaignWish,
): Promise<CreateCampaignResponse> {
  const { database } = engagement;
  const { principal } = ctx;
  const key = replayKey(principal, 'CreateCampaign', request.requestId, CreateCampaignRequestSchema, request);
  const before = key && (await earlier(database.kysely, key));
  if (before) return before;
  throwIfStopped(await readSwitches(database.kysely, principal.tenantId));
  const parent = carriedOn(ctx);
  const known = await verifiedTarget(engagement, principal.tenantId, wish.targetId);
  const target = await verifyAnew(engagement, parent, known, principal.subject);
  const nowMs = await readClock(database.kysely);
  const startMs = Math.max(nowMs, wish.startMs ?? nowMs);
  const prepared = await prepare(engagement, parent, target, {
    ...wish,
    tenantId: principal.tenantId,
    startMs,
  });
  const beginsNow = startMs <= nowMs;
  const created = await withReplayRetry(() =>
    transaction(database, async (trx) => {
      const answered = key && (await earlier(trx, key));
      if (answered) return { answer: answered, campaignId: undefined };
      const campaignId = await insertCampaign(trx, ctx, { wish, prepared, startMs, beginsNow });
      const row = (await findCampaign(trx, principal.tenantId, campaignId))!;
      const answer = answerOf(engagement, row, beginsNow ? prepared.dues : [], prepared.warnings);
      if (key) await saveAnswers(trx, [{ key, answer: toBinary(CreateCampaignResponseSchema, answer) }]);
      return { answer, campaignId };
    }),
  );
  engagement.wakeRelay();
  const { campaignId, answer } = created;
  if (campaignId === undefined || !beginsNow) return answer;
  await watchClosely(engagement, target.target_id);
  await fillCampaign(
    engagement,
    {
      campaignId,
      tenantId: principal.tenantId,
      targetId: target.target_id,
      channel: target.channel,
      kind: wish.kind,
      plan: prepared.plan,
    },
    prepared.dues,
  );
  await finishFilling(engagement, campaignId);
  return answer;
}

async function earlier(
  executor: Parameters<typeof findAnswers>[0],
  key: ReplayKey,
): Promise<CreateCampaignResponse | undefined> {
  const found = (await findAnswers(executor, [key])).get(key);
  if (found instanceof RequestIdReused) throw found;
  return found && fromBinary(CreateCampaignResponseSchema, found);
}

/** As it is when all its actions are written: a repeat gets the same. */
function answerOf(
  { texts }: Engagement,
  row: CampaignRow,
  dues: Prepared['dues'],
  warnings: readonly string[],
): CreateCampaignResponse {
  return create(CreateCampaignResponseSchema, {
    warnings: [...warnings],
    campaign: campaignMessage(
      {
        row,
        counts: { ...NO_ACTIONS, planned: dues.length },
        firstDue: dueTime(dues[0]),
        lastDue: dueTime(dues.at(-1)),
        dropped: [],
      },
      texts.disclosureLine,
    ),
  });
}

function dueTime(due: Prepared['dues'][number] | undefined): Date | null {
  return due ? new Date(Math.ceil(due.dueMs)) : null;
}

async function insertCampaign(
  trx: EngagementTransaction,
  { principal }: CallContext,
  {
    wish,
    prepared,
    startMs,
    beginsNow,
  }: { wish: CampaignWish; prepared: Prepared; startMs: number; beginsNow: boolean },
): Promise<string> {
  const { tenantId, subject } = principal;
  const { plan, posts, accounts } = prepared;
  await checkNotStopped(trx, tenantId);
  const target = await lockTarget(trx, prepared.target.target_id);
  checkVerified(target);
  await checkQuota(trx, tenantId);
  const campaignId = randomUUIDv7();
  const upcoming = plan.posts.by === 'upcoming';
  const postIds = beginsNow ? posts.posts.map(({ postId }) => String(postId)) : null;
  const { rows } = await sql<CampaignRow>`
    insert into campaigns (campaign_id, tenant_id, owner, target_id, channel, kind, plan, state, start_time, end_time,
      post_ids, newest_post_id, next_look_time, claim_time, traceparent)
    values (${campaignId}, ${tenantId}, ${subject}, ${target.target_id}, ${target.channel}, ${wish.kind},
      ${JSON.stringify(plan)}, ${beginsNow ? 'running' : 'scheduled'}, ${new Date(startMs)},
      ${wish.endMs === undefined ? null : new Date(wish.endMs)}, ${postIds}::bigint[], ${posts.newestPostId},
      case when ${upcoming && beginsNow} then clock_timestamp() end,
      case when ${beginsNow} then clock_timestamp() + ${CLAIM_MS}::float8 * interval '1 millisecond' end,
      ${currentTraceparent() ?? ''})
    returning tenant_id, campaign_id, state, state_reason`.execute(trx);
  if (beginsNow) await keepAccounts(trx, campaignId, accounts.accountIds);
  await tellProgress(trx, rows);
  await appendAudit(trx, [
    {
      tenantId,
      subject,
      action: 'create_campaign',
      targetId: target.target_id,
      campaignId,
      detail: {
        kind: wish.kind,
        accounts: String(accounts.accountIds.length),
        actions: String(prepared.dues.length),
      },
    },
  ]);
  return campaignId;
}

async function checkQuota(trx: EngagementTransaction, tenantId: string): Promise<void> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from campaigns
    where tenant_id = ${tenantId} and state in ('scheduled', 'running', 'paused')`.execute(trx);
  if (rows[0]!.count >= MOST_OPEN)
    throw new QuotaExceeded(
      'open_campaigns',
      `The tenant has ${MOST_OPEN} campaigns that have not ended, which is the most. Cancel some.`,
    );
}

/** Who acts is settled when it begins. */
export async function keepAccounts(
  trx: EngagementTransaction,
  campaignId: string,
  accountIds: readonly string[],
): Promise<void> {
  await sql`
    insert into campaign_accounts (campaign_id, account_id)
    select ${campaignId}::uuid, unnest(${[...accountIds]}::uuid[]) on conflict do nothing`.execute(trx);
}
