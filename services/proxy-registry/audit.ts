import { sql } from 'kysely';
import type { RegistryTransaction } from './tables.ts';

/** One change that somebody made, for the record. */
export interface AuditEntry {
  tenantId: string;
  /** Who did it: `key:…`, `user:…` or `service:…`. */
  subject: string;
  action:
    | 'create_proxy'
    | 'import_proxies'
    | 'update_proxy'
    | 'delete_proxy'
    | 'assign_proxy'
    | 'release_assignment'
    | 'allow_direct';
  proxyId?: string | null;
  accountId?: string | null;
  sessionId?: bigint | null;
  /** Whatever helps to understand it later; never anything secret. */
  detail?: Readonly<Record<string, string>>;
}

/** Written in the transaction that did it, so that there is no deed without its entry. */
export async function appendAudit(trx: RegistryTransaction, entries: readonly AuditEntry[]): Promise<void> {
  if (entries.length === 0) return;
  await sql`
    insert into audit (tenant_id, subject, action, proxy_id, account_id, session_id, detail)
    select * from unnest(
      ${entries.map(({ tenantId }) => tenantId)}::uuid[],
      ${entries.map(({ subject }) => subject)}::text[],
      ${entries.map(({ action }) => action)}::text[],
      ${entries.map(({ proxyId }) => proxyId ?? null)}::uuid[],
      ${entries.map(({ accountId }) => accountId ?? null)}::uuid[],
      ${entries.map(({ sessionId }) => sessionId ?? null)}::bigint[],
      ${entries.map(({ detail }) => JSON.stringify(detail ?? {}))}::jsonb[]
    )`.execute(trx);
}
