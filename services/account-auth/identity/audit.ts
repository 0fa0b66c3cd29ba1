import { sql, type QueryExecutorProvider } from 'kysely';

export interface AuditEntry {
  tenantId: string;
  /** Who did it: `key:…`, `user:…` or `service:…`. */
  subject: string;
  action:
    | 'register'
    | 'create_invitation'
    | 'change_password'
    | 'refresh_token_reused'
    | 'create_api_key'
    | 'revoke_api_key'
    | 'create_operator'
    | 'delete_account'
    | 'log_out_account'
    | 'log_in_account'
    | 'export_session_file';
  entityId: string;
  /** Whatever helps to understand it later; never anything secret. */
  detail?: Readonly<Record<string, string>>;
}

/** Written in the transaction that did it, so that there is no deed without its entry. */
export async function appendAudit(trx: QueryExecutorProvider, entry: AuditEntry): Promise<void> {
  const { tenantId, subject, action, entityId, detail = {} } = entry;
  await sql`
    insert into audit (tenant_id, subject, action, entity_id, detail)
    values (${tenantId}::uuid, ${subject}, ${action}, ${entityId}, ${JSON.stringify(detail)}::jsonb)`.execute(
    trx,
  );
}
