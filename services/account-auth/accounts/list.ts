import { sql, type QueryExecutorProvider, type SqlBool } from 'kysely';
import type { AccountRow } from './model.ts';
import type { AccountFilter } from './requests.ts';

/** By time of creation, from behind `after`. */
export async function listAccounts(
  db: QueryExecutorProvider,
  options: { tenantId: string; filter: AccountFilter; after: bigint; limit: number },
): Promise<AccountRow[]> {
  const { tenantId, filter, after, limit } = options;
  const { paused, state, labels, phone, query } = filter;
  const conditions = [sql<SqlBool>`tenant_id = ${tenantId}::uuid`, sql<SqlBool>`ordinal > ${after}`];
  if (paused !== undefined) conditions.push(sql`paused = ${paused}`);
  if (state !== undefined) conditions.push(sql`state = ${state}`);
  if (Object.keys(labels).length > 0) conditions.push(sql`labels @> ${JSON.stringify(labels)}::jsonb`);
  if (phone !== '') conditions.push(sql`phone = ${phone}`);
  if (query !== '')
    conditions.push(sql`(strpos(lower(name), lower(${query})) > 0 or strpos(lower(username), lower(${query})) > 0
      or strpos(phone, ${query}) > 0)`);
  const { rows } = await sql<AccountRow>`
    select * from accounts where ${sql.join(conditions, sql` and `)}
    order by ordinal limit ${limit}`.execute(db);
  return rows;
}
