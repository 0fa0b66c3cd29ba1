import { sql } from 'kysely';
import { appendAudit } from '../audit.ts';
import type { PauseCause } from '../model.ts';
import type { EngagementTransaction } from '../tables.ts';
import { tellProgress, type ChangedCampaign } from './progress.ts';

/** Which campaigns to pause: one, all of a target, all of a tenant, or all. */
export type Which =
  | { readonly campaignId: string }
  | { readonly targetId: string }
  | { readonly tenantId: string }
  | 'all';

/** Pauses what runs or is to run. Answers how many it were. Nothing of them begins after the commit. */
export async function pauseCampaigns(
  trx: EngagementTransaction,
  which: Which,
  why: { cause: Exclude<PauseCause, ''>; reason: string; subject: string },
): Promise<number> {
  const { cause, reason, subject } = why;
  const { rows } = await sql<ChangedCampaign>`
    update campaigns set state = 'paused', pause_cause = ${cause}, state_reason = ${reason}
    where campaign_id in (
      select campaign_id from campaigns
      where state in ('scheduled', 'running') and ${condition(which)}
      order by campaign_id for update
    )
    returning tenant_id, campaign_id, state, state_reason`.execute(trx);
  await tellProgress(trx, rows);
  await appendAudit(
    trx,
    rows.map(({ tenant_id: tenantId, campaign_id: campaignId }) => ({
      tenantId,
      subject,
      action: 'pause_campaign',
      campaignId,
      detail: { cause, reason },
    })),
  );
  return rows.length;
}

function condition(which: Which): ReturnType<typeof sql> {
  if (which === 'all') return sql`true`;
  if ('campaignId' in which) return sql`campaign_id = ${which.campaignId}`;
  if ('targetId' in which) return sql`target_id = ${which.targetId}`;
  return sql`tenant_id = ${which.tenantId}`;
}
