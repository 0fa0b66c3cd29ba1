export type TargetState = 'verified' | 'lapsed';

/**
 * Actions begin only while their campaign is `running`: whatever stops it (its owner, a target that lapsed, a kill switch)
 * changes that in one transaction. `done` and `cancelled` are for good.
 */
export type CampaignState = 'scheduled' | 'running' | 'paused' | 'done' | 'cancelled';

export type PauseCause = '' | 'caller' | 'target_lapsed' | 'kill_switch' | 'start_failed';

export type ActionKind = 'comment' | 'reaction' | 'view';

/** planned → running → done, failed or skipped; running → planned where a try is to be repeated. */
export type ActionState = 'planned' | 'running' | 'done' | 'failed' | 'skipped';

/** What a campaign was asked for, as it is kept. */
export interface CampaignPlan {
  readonly posts: PostChoice;
  readonly conditions: PostConditions;
  readonly accounts: AccountChoice;
  readonly pace: Pace;
  /** Only of kind comment. */
  readonly comments?: CommentPlan;
  /** Only of kind reaction. */
  readonly reactions?: readonly WeightedReaction[];
  /** Only of kind view. */
  readonly view?: ViewPlan;
}

export type PostChoice =
  | { readonly by: 'ids'; readonly postIds: readonly number[] }
  | { readonly by: 'latest'; readonly count: number }
  | { readonly by: 'upcoming' };

export interface PostConditions {
  readonly contains: readonly string[];
  readonly excludes: readonly string[];
  readonly media: 'any' | 'some' | 'none';
  readonly minAgeMs: number;
  /** 0: however old. */
  readonly maxAgeMs: number;
  /** Empty: whoever. */
  readonly author: string;
}

export interface AccountChoice {
  readonly accountIds: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** 0: all. */
  readonly maxCount: number;
}

export interface Pace {
  readonly intervalMs: number;
  /** Share of the interval, either way. */
  readonly variation: number;
}

export interface CommentPlan {
  readonly tone: string;
  readonly language: string;
  readonly prompt: string;
  readonly templates: readonly string[];
}

export interface WeightedReaction {
  readonly emoji: string;
  readonly weight: number;
}

export interface ViewPlan {
  readonly object: 'posts' | 'comments';
  /** How many of the campaign's accounts read at the same time. */
  readonly parallelism: number;
}

/** An action as it is planned; what runs it knows it by its id. */
export interface PlannedAction {
  readonly actionId: string;
  readonly accountId: string;
  readonly postId: bigint;
  readonly dueTime: Date;
  /** The emoji; empty for others. */
  readonly content: string;
}
