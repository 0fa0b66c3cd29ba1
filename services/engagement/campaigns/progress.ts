import { tellEvents } from '../events.ts';
import type { CampaignState } from '../model.ts';
import type { EngagementTransaction } from '../tables.ts';
import { NO_ACTIONS, readCounts, totalOf } from './counts.ts';

export interface ChangedCampaign {
  readonly tenant_id: string;
  readonly campaign_id: string;
  readonly state: CampaignState;
  readonly state_reason: string;
}

/** Publishes how campaigns stand, in the transaction that changed them. */
export async function tellProgress(
  trx: EngagementTransaction,
  campaigns: readonly ChangedCampaign[],
): Promise<void> {
  if (campaigns.length === 0) return;
  const counts = await readCounts(
    trx,
    campaigns.map(({ campaign_id: id }) => id),
  );
  await tellEvents(
    trx,
    campaigns.map(({ tenant_id: tenantId, campaign_id: campaignId, state, state_reason: reason }) => {
      const known = counts.get(campaignId) ?? NO_ACTIONS;
      const { done, failed, skipped } = known;
      return {
        tenantId,
        entityId: campaignId,
        payload: {
          case: 'campaignProgressed',
          value: { campaignId, state, done, failed, skipped, total: totalOf(known), reason },
        },
      };
    }),
  );
}
