import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  CampaignKind,
  CampaignState,
  MediaCondition,
  PauseCause,
  ViewObject,
  type CampaignSchema,
} from '#gen/telegate/engagement/v1/campaign_pb.ts';
import type { ActionKind, CampaignPlan, CampaignState as State, PauseCause as Cause } from '../model.ts';
import type { ShownCampaign } from './store.ts';

export type CampaignInit = MessageInitShape<typeof CampaignSchema>;

export const KIND_VALUES: Readonly<Record<ActionKind, CampaignKind>> = {
  comment: CampaignKind.COMMENT,
  reaction: CampaignKind.REACTION,
  view: CampaignKind.VIEW,
};

const STATE_VALUES: Readonly<Record<State, CampaignState>> = {
  scheduled: CampaignState.SCHEDULED,
  running: CampaignState.RUNNING,
  paused: CampaignState.PAUSED,
  done: CampaignState.DONE,
  cancelled: CampaignState.CANCELLED,
};

export const STATE_NAMES: Readonly<Record<CampaignState, State | undefined>> = {
  [CampaignState.UNSPECIFIED]: undefined,
  [CampaignState.SCHEDULED]: 'scheduled',
  [CampaignState.RUNNING]: 'running',
  [CampaignState.PAUSED]: 'paused',
  [CampaignState.DONE]: 'done',
  [CampaignState.CANCELLED]: 'cancelled',
};

const CAUSE_VALUES: Readonly<Record<Cause, PauseCause>> = {
  '': PauseCause.UNSPECIFIED,
  caller: PauseCause.CALLER,
  target_lapsed: PauseCause.TARGET_LAPSED,
  kill_switch: PauseCause.KILL_SWITCH,
  start_failed: PauseCause.START_FAILED,
};

const MEDIA_VALUES = {
  any: MediaCondition.UNSPECIFIED,
  some: MediaCondition.SOME,
  none: MediaCondition.NONE,
} as const;

/** `disclosure`: the deployment's line, which comments end with. */
export function campaignMessage(shown: ShownCampaign, disclosure: string): CampaignInit {
  const { row, counts, firstDue, lastDue, dropped } = shown;
  const isOpen = row.state === 'running' || row.state === 'scheduled';
  // While it waits for posts nobody knows when it is over, unless it was told.
  const end = row.plan.posts.by === 'upcoming' ? row.end_time : earlier(lastDue, row.end_time);
  return {
    campaignId: row.campaign_id,
    targetId: row.target_id,
    kind: KIND_VALUES[row.kind],
    ...planMessage(row.plan),
    pace: {
      ...paceMessage(row.plan),
      startTime: timestampFromDate(row.start_time),
      ...(row.end_time ? { endTime: timestampFromDate(row.end_time) } : {}),
    },
    state: STATE_VALUES[row.state],
    stateReason: row.state_reason,
    pauseCause: CAUSE_VALUES[row.pause_cause],
    counts,
    ...(isOpen && firstDue ? { nextActionTime: timestampFromDate(firstDue) } : {}),
    ...(isOpen && end ? { estimatedEndTime: timestampFromDate(end) } : {}),
    createTime: timestampFromDate(row.create_time),
    disclosure: row.kind === 'comment' ? disclosure : '',
    droppedAccounts: dropped.map((one) => ({
      accountId: one.account_id,
      reason: one.drop_reason,
      dropTime: timestampFromDate(one.drop_time),
    })),
    owner: row.owner,
    ...(row.finish_time ? { finishTime: timestampFromDate(row.finish_time) } : {}),
  };
}

function earlier(a: Date | null, b: Date | null): Date | null {
  if (!a || !b) return a;
  return a < b ? a : b;
}

function paceMessage({ pace }: CampaignPlan) {
  return { interval: durationFromMs(pace.intervalMs), variation: pace.variation };
}

function planMessage(plan: CampaignPlan) {
  const { posts, conditions, accounts, comments, reactions, view } = plan;
  return {
    posts:
      posts.by === 'ids'
        ? { postIds: posts.postIds.map(BigInt) }
        : posts.by === 'latest'
          ? { latest: posts.count }
          : { upcoming: true },
    conditions: {
      textContains: [...conditions.contains],
      textExcludes: [...conditions.excludes],
      media: MEDIA_VALUES[conditions.media],
      ...(conditions.minAgeMs > 0 ? { minAge: durationFromMs(conditions.minAgeMs) } : {}),
      ...(conditions.maxAgeMs > 0 ? { maxAge: durationFromMs(conditions.maxAgeMs) } : {}),
      author: conditions.author,
    },
    accounts: {
      accountIds: [...accounts.accountIds],
      labels: { ...accounts.labels },
      maxCount: accounts.maxCount,
    },
    ...(comments ? { comments: { ...comments, templates: [...comments.templates] } } : {}),
    ...(reactions ? { reactions: reactions.map((one) => ({ ...one })) } : {}),
    ...(view
      ? {
          view: {
            object: view.object === 'comments' ? ViewObject.COMMENTS : ViewObject.POSTS,
            parallelism: view.parallelism,
          },
        }
      : {}),
  };
}
