import {
  CampaignKind,
  CampaignState,
  type Campaign,
  type Target,
} from '#gen/telegate/engagement/v1/campaign_pb.ts';
import { nullable, object, text, time, wholeNumber } from '../docs/schema.ts';
import { isoTime } from '../profiles/shapes.ts';

const KINDS: Readonly<Record<CampaignKind, string>> = {
  [CampaignKind.UNSPECIFIED]: 'unknown',
  [CampaignKind.COMMENT]: 'comment',
  [CampaignKind.REACTION]: 'reaction',
  [CampaignKind.VIEW]: 'view',
};

export const STATES = {
  scheduled: CampaignState.SCHEDULED,
  running: CampaignState.RUNNING,
  paused: CampaignState.PAUSED,
  done: CampaignState.DONE,
  cancelled: CampaignState.CANCELLED,
} as const;

export type StateName = keyof typeof STATES;

export const stateNames = Object.keys(STATES) as StateName[];

/** A campaign as a task; its channel is the target's name. */
export function taskJson(campaign: Campaign, target: Target | undefined) {
  const { counts, nextActionTime, estimatedEndTime, createTime, finishTime, state } = campaign;
  const { planned = 0, running = 0, done = 0, failed = 0, skipped = 0 } = counts ?? {};
  return {
    id: campaign.campaignId,
    type: KINDS[campaign.kind] ?? 'unknown',
    status: stateNames.find((name) => STATES[name] === state) ?? 'scheduled',
    status_reason: campaign.stateReason || null,
    channel: target ? (target.username === '' ? target.channel : `@${target.username}`) : null,
    progress: { total: planned + running + done + failed + skipped, planned, running, done, failed, skipped },
    created_at: isoTime(createTime!),
    next_action_at: nextActionTime ? isoTime(nextActionTime) : null,
    estimated_end_at: estimatedEndTime ? isoTime(estimatedEndTime) : null,
    finished_at: finishTime ? isoTime(finishTime) : null,
  };
}

const count = (description: string, example: number): object => wholeNumber(description, example);

export const taskSchema = object({
  id: text('A UUID.'),
  type: { type: 'string', enum: Object.values(KINDS), example: 'reaction' },
  status: { type: 'string', enum: stateNames, example: 'running' },
  status_reason: nullable('string', 'Why it is paused or cancelled.'),
  channel: nullable('string', 'Where it acts.', '@my_channel'),
  progress: object({
    total: count('Actions in all.', 30),
    planned: count('Not begun.', 20),
    running: count('On their way.', 1),
    done: count('Done.', 8),
    failed: count('Failed for good.', 0),
    skipped: count('Left out.', 1),
  }),
  created_at: time('When it was created.'),
  next_action_at: nullable('string', 'When its next action is due.'),
  estimated_end_at: nullable('string', 'When it may be done at this pace.'),
  finished_at: nullable('string', 'When it ended.'),
});
