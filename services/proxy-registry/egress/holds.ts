import { sql } from 'kysely';
import type { Registry } from '../registry.ts';
import { HOLD_TTL_MS } from '../registry.ts';
import type { RegistryTransaction } from '../tables.ts';

export interface NewHold {
  readonly holdId: string;
  readonly tenantId: string;
  readonly assignmentId: string | null;
  readonly proxyId: string | null;
  readonly processId: string;
}

/** Holds from now, by the database's clock; answers when they run out. */
export async function openHolds(trx: RegistryTransaction, holds: readonly NewHold[]): Promise<Date> {
  const { rows } = await sql<{ expire_time: Date }>`
    with clock as materialized (select clock_timestamp() + ${HOLD_TTL_MS} * interval '1 ms' as expire_time),
    opened as (
      insert into holds (hold_id, tenant_id, assignment_id, proxy_id, process_id, expire_time)
      select wanted.*, clock.expire_time from clock, unnest(
        ${holds.map(({ holdId }) => holdId)}::uuid[],
        ${holds.map(({ tenantId }) => tenantId)}::uuid[],
        ${holds.map(({ assignmentId }) => assignmentId)}::uuid[],
        ${holds.map(({ proxyId }) => proxyId)}::uuid[],
        ${holds.map(({ processId }) => processId)}::text[]
      ) as wanted
    )
    select expire_time from clock`.execute(trx);
  return rows[0]!.expire_time;
}

/**
 * Renews the holds of a process and ends others of its own; answers those that hold no longer. One that ran out
 * is never brought back: its account may be elsewhere by now.
 */
export async function holdEgress(
  { database }: Pick<Registry, 'database'>,
  processId: string,
  { held, closed }: { held: readonly string[]; closed: readonly string[] },
): Promise<string[]> {
  if (closed.length > 0)
    await sql`
      delete from holds
      where hold_id = any(${closed}::uuid[]) and process_id = ${processId}`.execute(database.kysely);
  if (held.length === 0) return [];
  // In the order of their ids, so that no two renewals wait for each other.
  const { rows } = await sql<{ hold_id: string }>`
    with mine as (
      select hold_id from holds
      where hold_id = any(${held}::uuid[]) and process_id = ${processId}
      order by hold_id for no key update
    )
    update holds set expire_time = clock_timestamp() + ${HOLD_TTL_MS} * interval '1 ms'
    from mine where holds.hold_id = mine.hold_id and holds.expire_time > clock_timestamp()
    returning holds.hold_id`.execute(database.kysely);
  const living = new Set(rows.map((row) => row.hold_id));
  return held.filter((holdId) => !living.has(holdId));
}

/** Removes what ran out, a bounded number at a time. */
export async function forgetHolds({ database }: Pick<Registry, 'database'>, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from holds where hold_id in (
      select hold_id from holds where expire_time <= clock_timestamp() limit ${limit} for update skip locked
    )`.execute(database.kysely);
  return Number(numAffectedRows ?? 0);
}
