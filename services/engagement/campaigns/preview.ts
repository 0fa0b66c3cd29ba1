import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { PreviewCampaignResponseSchema } from '#gen/telegate/engagement/v1/engagement_service_pb.ts';
import { ActionState } from '#gen/telegate/engagement/v1/campaign_pb.ts';
import type { CallContext } from '#lib/rpc/implement.ts';
import { carriedOn, type Engagement } from '../engagement.ts';
import { KIND_VALUES } from './messages.ts';
import { drawWeighted } from './plan.ts';
import { prepare, verifiedTarget, type Prepared } from './prepare.ts';
import type { CampaignWish } from './requests.ts';
import { readClock } from './store.ts';

const SHOWN_ACTIONS = 100;

/** What a campaign would do if it were created now; nothing is changed, and nobody acts. */
export async function previewCampaign(
  engagement: Engagement,
  ctx: CallContext,
  wish: CampaignWish,
  sampleCount: number,
): Promise<MessageInitShape<typeof PreviewCampaignResponseSchema>> {
  const { tenantId } = ctx.principal;
  const target = await verifiedTarget(engagement, tenantId, wish.targetId);
  const nowMs = await readClock(engagement.database.kysely);
  const prepared = await prepare(engagement, carriedOn(ctx), target, {
    ...wish,
    tenantId,
    startMs: Math.max(nowMs, wish.startMs ?? nowMs),
  });
  const { texts, warnings } = await samples(engagement, ctx, wish, prepared, sampleCount);
  const { dues, plan } = prepared;
  const last = dues.at(-1);
  const endMs =
    plan.posts.by === 'upcoming' ? wish.endMs : last && Math.min(last.dueMs, wish.endMs ?? Infinity);
  return {
    actionCount: dues.length,
    accountCount: prepared.accounts.accountIds.length,
    postCount: prepared.posts.posts.length,
    ...(endMs === undefined ? {} : { estimatedEndTime: timestampFromMs(Math.ceil(endMs)) }),
    actions: dues.slice(0, SHOWN_ACTIONS).map(({ accountId, postId, dueMs }) => ({
      accountId,
      postId,
      targetId: target.target_id,
      kind: KIND_VALUES[wish.kind],
      state: ActionState.PLANNED,
      content: plan.reactions ? drawWeighted(plan.reactions, engagement.random).emoji : '',
      dueTime: timestampFromMs(Math.ceil(dueMs)),
    })),
    samples: texts,
    warnings: [...prepared.warnings, ...warnings],
  };
}

async function samples(
  { texts }: Engagement,
  { principal, signal }: CallContext,
  { kind }: CampaignWish,
  { plan, target, posts }: Prepared,
  count: number,
): Promise<{ texts: string[]; warnings: readonly string[] }> {
  if (kind !== 'comment' || !plan.comments) return { texts: [], warnings: [] };
  const post = { channelTitle: target.title, text: posts.posts[0]?.text ?? '' };
  const made = await texts.samples(principal.tenantId, plan.comments, post, count, signal);
  return { texts: [...made.texts], warnings: made.warnings };
}
