import type { ActionKind, CampaignPlan } from '../model.ts';

/** What is to be done now, as it was stored before. */
export interface Started {
  readonly actionId: string;
  readonly tenantId: string;
  readonly campaignId: string;
  readonly targetId: string;
  readonly owner: string;
  readonly channel: string;
  /** The channel's, without "@"; empty for a private one. */
  readonly username: string;
  readonly accountId: string;
  readonly postId: bigint;
  readonly kind: ActionKind;
  readonly content: string;
  readonly plan: CampaignPlan;
  readonly traceparent: string;
  /** When an earlier try began. */
  readonly priorStart: Date | null;
  readonly lateMs: number;
}
