import { sql } from 'kysely';
import type { PoolTransaction } from './slots.ts';

/** One thing that somebody did with a key, for the record. */
export interface AuditEntry {
  tenantId: string;
  /** Who did it: `key:…`, `user:…` or `service:…`. */
  subject: string;
  action: 'lease_credentials' | 'export_session' | 'import_session' | 'delete_session' | 'egress_key';
  sessionId: bigint;
  leaseId?: string;
  /** Whatever helps to understand it later; never anything secret. */
  detail?: Readonly<Record<string, string>>;
}

/** Written in the transaction that did it, so that there is no deed without its entry. */
export async function appendAudit(trx: PoolTransaction, entries: readonly AuditEntry[]): Promise<void> {
  if (entries.length === 0) return;
  await sql`
    insert into audit (tenant_id, subject, action, session_id, lease_id, detail)
    select * from unnest(
      ${entries.map(({ tenantId }) => tenantId)}::uuid[],
      ${entries.map(({ subject }) => subject)}::text[],
      ${entries.map(({ action }) => action)}::text[],
      ${entries.map(({ sessionId }) => sessionId)}::bigint[],
      ${entries.map(({ leaseId }) => leaseId ?? null)}::uuid[],
      ${entries.map(({ detail }) => JSON.stringify(detail ?? {}))}::jsonb[]
    )`.execute(trx);
}
