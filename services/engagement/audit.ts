import { sql } from 'kysely';
import type { EngagementTransaction } from './tables.ts';

/** One change that somebody made, for the record. */
export interface AuditEntry {
  readonly tenantId: string;
  /** Who did it: `key:…`, `user:…` or `service:…`. */
  readonly subject: string;
  readonly action:
    | 'register_target'
    | 'verify_target'
    | 'lapse_target'
    | 'create_campaign'
    | 'begin_campaign'
    | 'pause_campaign'
    | 'resume_campaign'
    | 'cancel_campaign'
    | 'end_campaign'
    | 'drop_account'
    | 'set_kill_switch';
  readonly targetId?: string;
  readonly campaignId?: string;
  readonly accountId?: string;
  /** Whatever helps to understand it later; never anything secret. */
  readonly detail?: Readonly<Record<string, string>>;
}

/** Written in the transaction that did it, so that there is no deed without its entry. */
export async function appendAudit(trx: EngagementTransaction, entries: readonly AuditEntry[]): Promise<void> {
  if (entries.length === 0) return;
  await sql`
    insert into audit (tenant_id, subject, action, target_id, campaign_id, account_id, detail)
    select * from unnest(
      ${entries.map(({ tenantId }) => tenantId)}::uuid[],
      ${entries.map(({ subject }) => subject)}::text[],
      ${entries.map(({ action }) => action)}::text[],
      ${entries.map(({ targetId }) => targetId ?? null)}::uuid[],
      ${entries.map(({ campaignId }) => campaignId ?? null)}::uuid[],
      ${entries.map(({ accountId }) => accountId ?? null)}::uuid[],
      ${entries.map(({ detail }) => JSON.stringify(detail ?? {}))}::jsonb[]
    )`.execute(trx);
}

/** What the service does by itself. */
export const OWN_SUBJECT = 'service:engagement';
