import type { Timestamp } from '@bufbuild/protobuf/wkt';
import {
  CampaignKind,
  MediaCondition,
  ViewObject,
  type AccountSelection,
  type Campaign,
  type PostConditions as PostConditionsMessage,
  type PostSelection,
} from '#gen/telegate/engagement/v1/campaign_pb.ts';
import * as validate from '#lib/requests/validate.ts';
import type { FieldViolation } from '#lib/rpc/errors.ts';
import type { Limits } from '../limits.ts';
import type {
  AccountChoice,
  ActionKind,
  CampaignPlan,
  Pace,
  PostChoice,
  PostConditions,
  ViewPlan,
  WeightedReaction,
} from '../model.ts';
import type { Texts } from '../texts/texts.ts';

/** A campaign as it is asked for. */
export interface CampaignWish {
  readonly targetId: string;
  readonly kind: ActionKind;
  readonly plan: CampaignPlan;
  /** Epoch milliseconds; undefined: at once. */
  readonly startMs: number | undefined;
  readonly endMs: number | undefined;
}

export const MOST_POSTS = 500;
export const MOST_ACCOUNTS = 1_000;
const MOST_REACTIONS = 20;
const MOST_PARTS = 20;
const LONGEST_PART = 128;
const LONGEST_EMOJI = 32;
const HEAVIEST = 1_000;
const MOST_PARALLEL = 100;
const LARGEST_POST_ID = 2n ** 31n - 1n;
const DAY_MS = 86_400_000;
const LONGEST_INTERVAL_MS = 7 * DAY_MS;
const LONGEST_AGE_MS = 30 * DAY_MS;
const FURTHEST_MS = 365 * DAY_MS;

const KINDS: Readonly<Partial<Record<CampaignKind, ActionKind>>> = {
  [CampaignKind.COMMENT]: 'comment',
  [CampaignKind.REACTION]: 'reaction',
  [CampaignKind.VIEW]: 'view',
};

export interface Knowing {
  readonly nowMs: number;
  readonly limits: Limits;
  readonly texts: Pick<Texts, 'check'>;
}

/** All that can be known to be wrong without asking anybody, at once. */
export function readCampaign(campaign: Campaign | undefined, knowing: Knowing): CampaignWish {
  const faults: FieldViolation[] = [];
  if (!campaign) {
    validate.throwIfAny([{ field: 'campaign', description: 'is missing; send the campaign' }]);
    throw new Error('unreachable');
  }
  const targetId = validate.uuid(faults, 'campaign.target_id', campaign.targetId);
  const kind = KINDS[campaign.kind];
  if (kind === undefined)
    faults.push({ field: 'campaign.kind', description: 'is not taken here; send comment, reaction or view' });
  const { pace, startMs, endMs } = readPace(faults, campaign, knowing);
  const plan: CampaignPlan = {
    posts: readPosts(faults, campaign.posts),
    conditions: readConditions(faults, campaign.conditions),
    accounts: readAccounts(faults, campaign.accounts),
    pace,
    ...readOwn(faults, campaign, kind, knowing),
  };
  validate.throwIfAny(faults);
  return { targetId, kind: kind!, plan, startMs, endMs };
}

/** What only one kind has; given with another it is a misunderstanding, and said. */
function readOwn(
  faults: FieldViolation[],
  campaign: Campaign,
  kind: ActionKind | undefined,
  { texts }: Knowing,
): Pick<CampaignPlan, 'comments' | 'reactions' | 'view'> {
  const { comments, reactions, view } = campaign;
  const misplaced = (field: string, of: ActionKind): void => {
    if (kind !== undefined && kind !== of)
      faults.push({
        field: `campaign.${field}`,
        description: `is for campaigns of kind ${of} alone; leave it out`,
      });
  };
  if (comments) misplaced('comments', 'comment');
  if (reactions.length > 0) misplaced('reactions', 'reaction');
  if (view) misplaced('view', 'view');
  if (kind === 'comment') {
    if (!comments) {
      faults.push({
        field: 'campaign.comments',
        description: 'is missing; say what comments are about: a prompt for the model, or templates',
      });
      return {};
    }
    const { tone, language, prompt, templates } = comments;
    const plan = { tone, language, prompt, templates: [...templates] };
    faults.push(...texts.check(plan, 'campaign.comments', undefined));
    return { comments: plan };
  }
  if (kind === 'reaction') return { reactions: readReactions(faults, reactions) };
  if (kind === 'view') return { view: readView(faults, view) };
  return {};
}

function readReactions(
  faults: FieldViolation[],
  reactions: Campaign['reactions'],
): readonly WeightedReaction[] {
  const field = 'campaign.reactions';
  if (reactions.length === 0)
    faults.push({ field, description: `are missing; send 1 to ${MOST_REACTIONS} emoji with their weights` });
  else if (reactions.length > MOST_REACTIONS)
    faults.push({ field, description: `are ${reactions.length}; send at most ${MOST_REACTIONS}` });
  const seen = new Set<string>();
  return reactions.slice(0, MOST_REACTIONS).map(({ emoji, weight }, index) => {
    const at = `${field}[${index}]`;
    validate.text(faults, `${at}.emoji`, emoji, { min: 1, max: LONGEST_EMOJI });
    if (seen.has(emoji))
      faults.push({ field: `${at}.emoji`, description: 'is there twice; add up the weights' });
    seen.add(emoji);
    if (weight < 1 || weight > HEAVIEST)
      faults.push({ field: `${at}.weight`, description: `is ${weight}; send 1 to ${HEAVIEST}` });
    return { emoji, weight };
  });
}

function readView(faults: FieldViolation[], view: Campaign['view']): ViewPlan {
  const { object = ViewObject.UNSPECIFIED, parallelism = 0 } = view ?? {};
  validate.oneOf(
    faults,
    'campaign.view.object',
    object,
    [ViewObject.UNSPECIFIED, ViewObject.POSTS, ViewObject.COMMENTS],
    'send posts or comments',
  );
  if (parallelism < 0 || parallelism > MOST_PARALLEL)
    faults.push({
      field: 'campaign.view.parallelism',
      description: `is ${parallelism}; send 1 to ${MOST_PARALLEL}, or 0 for 1`,
    });
  return { object: object === ViewObject.COMMENTS ? 'comments' : 'posts', parallelism: parallelism || 1 };
}

function readPosts(faults: FieldViolation[], posts: PostSelection | undefined): PostChoice {
  const field = 'campaign.posts';
  const { postIds = [], latest = 0, upcoming = false } = posts ?? {};
  const ways = [postIds.length > 0, latest !== 0, upcoming].filter(Boolean).length;
  if (ways !== 1) {
    faults.push({
      field,
      description: `${ways === 0 ? 'names no posts' : 'names posts in more than one way'}; send either post_ids, latest or upcoming`,
    });
    return { by: 'upcoming' };
  }
  if (upcoming) return { by: 'upcoming' };
  if (latest !== 0) {
    if (latest < 0 || latest > MOST_POSTS)
      faults.push({ field: `${field}.latest`, description: `is ${latest}; send 1 to ${MOST_POSTS}` });
    return { by: 'latest', count: latest };
  }
  if (postIds.length > MOST_POSTS)
    faults.push({
      field: `${field}.post_ids`,
      description: `has ${postIds.length} posts; send at most ${MOST_POSTS}`,
    });
  for (const [index, id] of postIds.slice(0, MOST_POSTS).entries())
    if (id < 1n || id > LARGEST_POST_ID)
      faults.push({
        field: `${field}.post_ids[${index}]`,
        description: 'is the number of no post; send the message_id that GetPosts gives',
      });
  return { by: 'ids', postIds: [...new Set(postIds.slice(0, MOST_POSTS).map(Number))] };
}

const MEDIA: Readonly<Record<MediaCondition, PostConditions['media']>> = {
  [MediaCondition.UNSPECIFIED]: 'any',
  [MediaCondition.SOME]: 'some',
  [MediaCondition.NONE]: 'none',
};

function readConditions(
  faults: FieldViolation[],
  conditions: PostConditionsMessage | undefined,
): PostConditions {
  const field = 'campaign.conditions';
  if (!conditions) return { contains: [], excludes: [], media: 'any', minAgeMs: 0, maxAgeMs: 0, author: '' };
  const { textContains, textExcludes, media, minAge, maxAge, author } = conditions;
  validate.oneOf(
    faults,
    `${field}.media`,
    media,
    [MediaCondition.UNSPECIFIED, MediaCondition.SOME, MediaCondition.NONE],
    'send some or none, or nothing for any',
  );
  const age = { minMs: 0, maxMs: LONGEST_AGE_MS, absentMs: 0 };
  const minAgeMs = validate.durationMs(faults, `${field}.min_age`, minAge, age);
  const maxAgeMs = validate.durationMs(faults, `${field}.max_age`, maxAge, {
    ...age,
    minMs: maxAge === undefined ? 0 : 1_000,
    maxMs: 10 * FURTHEST_MS,
  });
  if (maxAgeMs > 0 && minAgeMs > maxAgeMs)
    faults.push({ field: `${field}.max_age`, description: 'is under min_age: no post is ever meant' });
  return {
    contains: readParts(faults, `${field}.text_contains`, textContains),
    excludes: readParts(faults, `${field}.text_excludes`, textExcludes),
    media: MEDIA[media] ?? 'any',
    minAgeMs,
    maxAgeMs,
    author: validate.text(faults, `${field}.author`, author, { max: LONGEST_PART }),
  };
}

function readParts(faults: FieldViolation[], field: string, parts: readonly string[]): string[] {
  if (parts.length > MOST_PARTS)
    faults.push({ field, description: `has ${parts.length} texts; send at most ${MOST_PARTS}` });
  return parts
    .slice(0, MOST_PARTS)
    .map((part, index) => validate.text(faults, `${field}[${index}]`, part, { min: 1, max: LONGEST_PART }));
}

function readAccounts(faults: FieldViolation[], accounts: AccountSelection | undefined): AccountChoice {
  const field = 'campaign.accounts';
  const { accountIds = [], labels = {}, maxCount = 0 } = accounts ?? {};
  const hasLabels = Object.keys(labels).length > 0;
  if (accountIds.length > 0 === hasLabels)
    faults.push({
      field,
      description: `${hasLabels ? 'names accounts in two ways' : 'names no accounts'}; send either account_ids or labels`,
    });
  if (accountIds.length > MOST_ACCOUNTS)
    faults.push({
      field: `${field}.account_ids`,
      description: `has ${accountIds.length} accounts; send at most ${MOST_ACCOUNTS}`,
    });
  if (maxCount < 0 || maxCount > MOST_ACCOUNTS)
    faults.push({
      field: `${field}.max_count`,
      description: `is ${maxCount}; send 1 to ${MOST_ACCOUNTS}, or 0 for all`,
    });
  const ids = accountIds
    .slice(0, MOST_ACCOUNTS)
    .map((id, index) => validate.uuid(faults, `${field}.account_ids[${index}]`, id));
  return {
    accountIds: [...new Set(ids)],
    labels: validate.labels(faults, `${field}.labels`, labels, { max: validate.LABELS_A_SELECTOR }),
    maxCount,
  };
}

function readPace(
  faults: FieldViolation[],
  { pace }: Campaign,
  { nowMs, limits }: Knowing,
): { pace: Pace; startMs: number | undefined; endMs: number | undefined } {
  const field = 'campaign.pace';
  const intervalMs = validate.durationMs(faults, `${field}.interval`, pace?.interval, {
    minMs: limits.accountGapMs,
    maxMs: LONGEST_INTERVAL_MS,
    absentMs: limits.accountGapMs,
  });
  const variation = pace?.variation ?? 0.2;
  if (!(variation >= 0 && variation <= 0.9))
    faults.push({ field: `${field}.variation`, description: `is ${variation}; send 0 to 0.9` });
  const startMs = readTime(faults, `${field}.start_time`, pace?.startTime);
  const endMs = readTime(faults, `${field}.end_time`, pace?.endTime);
  if (startMs !== undefined && startMs > nowMs + FURTHEST_MS)
    faults.push({ field: `${field}.start_time`, description: 'is more than a year ahead; come back later' });
  if (endMs !== undefined && endMs <= nowMs)
    faults.push({ field: `${field}.end_time`, description: 'is past; send a time to come, or none' });
  else if (endMs !== undefined && startMs !== undefined && endMs <= startMs)
    faults.push({
      field: `${field}.end_time`,
      description: 'is not after start_time; nothing would be done',
    });
  else if (endMs !== undefined && endMs > nowMs + 2 * FURTHEST_MS)
    faults.push({
      field: `${field}.end_time`,
      description: 'is more than two years ahead; send an earlier one',
    });
  return { pace: { intervalMs, variation }, startMs, endMs };
}

const LARGEST_SECONDS = 253_402_300_799n;

function readTime(faults: FieldViolation[], field: string, time: Timestamp | undefined): number | undefined {
  if (!time) return undefined;
  const { seconds, nanos } = time;
  if (seconds < 0n || seconds > LARGEST_SECONDS || nanos < 0 || nanos > 999_999_999) {
    faults.push({ field, description: 'is no time of these ages; send one of the years 1970 to 9999' });
    return undefined;
  }
  return Number(seconds) * 1_000 + Math.floor(nanos / 1_000_000);
}
