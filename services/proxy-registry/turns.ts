import { sql } from 'kysely';
import type { RegistryTransaction } from './tables.ts';

/**
 * Waits for its turn to change these tenants' proxies and assignments; it is over with the transaction. Answers
 * the ordinal of the proxy that was last assigned in turn, a tenant.
 */
export async function takeTurns(
  trx: RegistryTransaction,
  tenantIds: Iterable<string>,
): Promise<Map<string, bigint>> {
  // Always in the same order, so that no two transactions wait for each other.
  const wanted = [...new Set(tenantIds)].toSorted();
  await sql`
    insert into turns (tenant_id) select unnest(${wanted}::uuid[]) order by 1
    on conflict do nothing`.execute(trx);
  const { rows } = await sql<{ tenant_id: string; last_ordinal: bigint }>`
    select tenant_id, last_ordinal from turns
    where tenant_id = any(${wanted}::uuid[]) order by tenant_id for update`.execute(trx);
  return new Map(rows.map((row) => [row.tenant_id, row.last_ordinal]));
}
