import { withRetry } from '#lib/postgres/transaction.ts';
import { InvalidFields, NotFound, QuotaExceeded } from '#lib/rpc/errors.ts';
import type { Engagement, Parent } from '../engagement.ts';
import { TargetNotVerified } from '../errors.ts';
import type { ActionKind, CampaignPlan, WeightedReaction } from '../model.ts';
import { findTarget, keepFinding, type TargetRow } from '../targets/store.ts';
import { verifyKnown } from '../targets/verify.ts';
import { chooseAccounts, type ChosenAccounts } from './accounts.ts';
import { planActions, type Plan } from './plan.ts';
import { choosePosts, roomAt, type ChosenPosts } from './posts.ts';

/** A campaign as it would run now: who acts, on what, and when. */
export interface Prepared {
  readonly target: TargetRow;
  readonly plan: CampaignPlan;
  readonly accounts: ChosenAccounts;
  readonly posts: ChosenPosts;
  readonly dues: Plan['dues'];
  readonly warnings: readonly string[];
}

export interface ToPrepare {
  readonly tenantId: string;
  readonly targetId: string;
  readonly kind: ActionKind;
  readonly plan: CampaignPlan;
  /** Epoch milliseconds. */
  readonly startMs: number;
  readonly endMs: number | undefined;
}

const MOST_ACTIONS = 50_000;

/** The target; refused unless it is verified. */
export async function verifiedTarget(
  { database }: Engagement,
  tenantId: string,
  targetId: string,
): Promise<TargetRow> {
  const target = await withRetry(() => findTarget(database.kysely, tenantId, targetId));
  if (!target) throw new NotFound('target', targetId);
  checkVerified(target);
  return target;
}

export function checkVerified({ target_id: targetId, state, state_reason: why }: TargetRow): void {
  if (state === 'verified') return;
  throw new TargetNotVerified(
    targetId,
    `The target ${targetId} lapsed: ${why}. Make an account of the tenant its administrator with the right to post, ` +
      'then call VerifyTarget.',
  );
}

/** Asks Telegram whether the target is still administered here, and notes the answer. */
export async function verifyAnew(
  engagement: Engagement,
  parent: Parent,
  target: TargetRow,
  subject: string,
): Promise<TargetRow> {
  const finding = await verifyKnown(engagement, parent, target);
  const row = await keepFinding(engagement, target.target_id, subject, finding);
  engagement.wakeRelay();
  if (finding.kind === 'unknown') throw finding.error;
  checkVerified(row);
  return row;
}

/** Finds out all that a campaign needs, and plans it. Throws whatever is wrong with it. */
export async function prepare(
  engagement: Engagement,
  parent: Parent,
  target: TargetRow,
  wish: ToPrepare,
): Promise<Prepared> {
  const { kind } = wish;
  const plan = fitTarget(wish.plan, kind, target);
  const { limits } = engagement.settings;
  const accounts = await chooseAccounts(engagement, parent, plan.accounts, kind);
  const posts = await choosePosts(engagement, parent, target, plan.posts, plan.conditions);
  const pairs = accounts.accountIds.length * posts.posts.length;
  if (pairs > MOST_ACTIONS)
    throw new InvalidFields([
      {
        field: 'campaign',
        description: `${accounts.accountIds.length} accounts on ${posts.posts.length} posts are ${pairs} actions; ${MOST_ACTIONS} are the most of a campaign`,
      },
    ]);
  const room = await withRetry(() =>
    roomAt(
      engagement.database.kysely,
      { channel: target.channel, kind, ceiling: limits.postCeiling },
      posts.posts.map(({ postId }) => postId),
    ),
  );
  const { dues, withoutRoom } = planActions({
    startMs: wish.startMs,
    accounts: accounts.accountIds.map((accountId) => ({ accountId, has: new Set(), lastDueMs: undefined })),
    posts: posts.posts.map(({ postId, sendMs }) => ({
      postId,
      room: room.get(postId)!,
      notBeforeMs: plan.conditions.minAgeMs === 0 ? 0 : sendMs + plan.conditions.minAgeMs,
    })),
    pace: plan.pace,
    limits,
    random: engagement.random,
  });
  if (posts.posts.length > 0 && dues.length === 0)
    throw new QuotaExceeded(
      `post_${kind}s`,
      `Each of these posts has had ${limits.postCeiling} ${kind}s, which is the most that one gets, from all campaigns ` +
        'together. Choose others.',
    );
  checkTexts(engagement, plan, dues.length);
  return {
    target,
    plan,
    accounts,
    posts,
    dues,
    warnings: [
      ...accounts.warnings,
      ...posts.warnings,
      ...planWarnings(wish, dues, withoutRoom, limits.postCeiling),
    ],
  };
}

/** Whether there are as many texts as comments. */
function checkTexts({ texts }: Engagement, plan: CampaignPlan, actions: number): void {
  if (!plan.comments) return;
  const known = plan.posts.by === 'upcoming' ? undefined : actions;
  const faults = texts.check(plan.comments, 'campaign.comments', known);
  if (faults.length > 0) throw new InvalidFields(faults);
}

function planWarnings(
  { endMs, plan }: ToPrepare,
  dues: Plan['dues'],
  withoutRoom: number,
  ceiling: number,
): string[] {
  const warnings: string[] = [];
  if (withoutRoom > 0)
    warnings.push(
      `${withoutRoom} actions are left out: a post gets ${ceiling} of a kind at the most, from all campaigns together`,
    );
  const late = endMs === undefined ? 0 : dues.filter(({ dueMs }) => dueMs >= endMs).length;
  if (late > 0) warnings.push(`${late} actions would come after the end time and are going to be skipped`);
  if (plan.posts.by === 'upcoming' && endMs === undefined)
    warnings.push('it has no end time: it runs until it is cancelled');
  return warnings;
}

/** What the channel does not allow, and its own way to write what it does. */
function fitTarget(plan: CampaignPlan, kind: ActionKind, target: TargetRow): CampaignPlan {
  const needsComments = kind === 'comment' || plan.view?.object === 'comments';
  if (needsComments && target.linked_group === '')
    throw new InvalidFields([
      {
        field: kind === 'comment' ? 'campaign.kind' : 'campaign.view.object',
        description:
          'comments of the channel are closed: it has no discussion group. Link one to it in a Telegram app, then ' +
          'call VerifyTarget',
      },
    ]);
  if (!plan.reactions) return plan;
  return { ...plan, reactions: plan.reactions.map((one, index) => allowedReaction(one, index, target)) };
}

function allowedReaction(
  reaction: WeightedReaction,
  index: number,
  { all_reactions: all, allowed_reactions: allowed }: TargetRow,
): WeightedReaction {
  if (all) return reaction;
  // Some write ❤ with the mark that asks for colour, some without.
  const found = allowed.find((emoji) => bare(emoji) === bare(reaction.emoji));
  if (found !== undefined) return { ...reaction, emoji: found };
  throw new InvalidFields([
    {
      field: `campaign.reactions[${index}].emoji`,
      description:
        allowed.length === 0
          ? 'the channel allows no reactions; allow some in a Telegram app, then call VerifyTarget'
          : `the channel does not allow it; it allows ${allowed.slice(0, 30).join(' ')}`,
    },
  ]);
}

function bare(emoji: string): string {
  return emoji.replaceAll('\ufe0f', '');
}
