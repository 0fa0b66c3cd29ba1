import { sql, type RawBuilder, type SqlBool } from 'kysely';
import type { PoolTransaction } from '../slots.ts';
import type { Candidates } from './candidates.ts';
import { selectorKey, type Selector } from './model.ts';

/** Nothing stands in the way of a grant but a wait for a single method. */
export const grantable = (evenPaused: RawBuilder<boolean>): RawBuilder<SqlBool> => sql<SqlBool>`(
  slots.lease_id is null
  and slots.condition = 0
  and (not slots.paused or ${evenPaused})
  and (slots.claim_expire_time is null or slots.claim_expire_time <= clock_timestamp())
  and (slots.quarantine_end_time is null or slots.quarantine_end_time <= clock_timestamp())
  and (slots.wait_end_time is null or slots.wait_end_time <= clock_timestamp())
)`;

/** The sessions of a tenant that fit a selector, whatever they are doing. */
export function fits(tenantId: string, selector: Selector): RawBuilder<SqlBool> {
  const { sessionId, name, labels, hasFile = false, accountId } = selector;
  const conditions = [sql<SqlBool>`slots.tenant_id = ${tenantId}::uuid`];
  if (sessionId !== null) conditions.push(sql`slots.session_id = ${sessionId}`);
  if (name !== null || hasFile || Object.keys(labels).length > 0)
    conditions.push(sql`exists (
      select from sessions
      where sessions.session_id = slots.session_id
        and (${name}::text is null or sessions.name = ${name})
        and (sessions.has_file or not ${hasFile}::boolean)
        and sessions.labels @> ${JSON.stringify(labels)}::jsonb)`);
  // By the account's index, not by a look at each of the tenant's sessions.
  if (accountId !== undefined)
    conditions.push(sql`slots.session_id in (
      select session_id from sessions
      where sessions.tenant_id = ${tenantId}::uuid and sessions.account_id = ${accountId}
        and sessions.account_id <> '')`);
  return sql`(${sql.join(conditions, sql` and `)})`;
}

function methodIsFree(method: string): RawBuilder<SqlBool> {
  if (method === '') return sql`true`;
  return sql`not exists (
    select from flood_waits
    where flood_waits.session_id = slots.session_id
      and flood_waits.method in ('', ${method}) and flood_waits.peer = ''
      and flood_waits.end_time > clock_timestamp())`;
}

/** Most that a scan tells of beyond those it locks: a quarter of a second's grants, four thousand a second. */
const LOOKED_AHEAD = 1_024;

export interface Free {
  sessions: bigint[];
  /** There were others, and other transactions were busy with them. */
  busy: boolean;
}

/**
 * Locks up to `count` grantable sessions, the least recently used first. Passes over those that another
 * transaction is busy with, so it never waits.
 *
 * A scan of the tenant's slots: an index that was kept in the order of use would cost every grant and release
 * more than that. With `known`, what the scan saw beyond this batch serves the next ones, which lock by id.
 */
export async function lockFree(
  trx: PoolTransaction,
  tenantId: string,
  selector: Selector,
  count: number,
  options: { behindQueue: boolean; known?: Candidates },
): Promise<Free> {
  const { known } = options;
  const isFree = freeFor(tenantId, selector, options.behindQueue);
  const key = `${tenantId} ${selectorKey(selector)}`;
  const likely = known?.take(key, count);
  if (likely) {
    const sessions = await lockAmong(trx, likely, isFree);
    if (sessions.length === count) return { sessions, busy: false };
    // Others took some of them: a scan finds these again, and what has become free meanwhile.
    known?.forget(key);
  }
  // As many again, for those that others are busy with.
  const most = Math.max(2 * count, known ? LOOKED_AHEAD : 0);
  const { seen, sessions } = await scan(trx, isFree, count, most);
  if (sessions.length === count || seen.length < most) {
    const locked = new Set(sessions);
    const left = seen.filter((sessionId) => !locked.has(sessionId));
    known?.keep(key, left);
    return { sessions, busy: sessions.length < Math.min(count, seen.length) };
  }
  const all = await scan(trx, isFree, count, null);
  return { sessions: all.sessions, busy: all.sessions.length < Math.min(count, all.seen.length) };
}

/** Not for somebody who did not wait, while others of the tenant do. */
function freeFor(tenantId: string, selector: Selector, behindQueue: boolean): RawBuilder<SqlBool> {
  const nobodyWaits = behindQueue
    ? sql`true`
    : sql`not exists (select from waiters where waiters.tenant_id = ${tenantId}::uuid and waiters.granted is null)`;
  return sql`${fits(tenantId, selector)} and ${grantable(sql`${selector.evenPaused ?? false}::boolean`)} and ${methodIsFree(selector.forMethod)} and ${nobodyWaits}`;
}

/**
 * The candidates are found first, because PostgreSQL sorts the whole table when it locks and limits in one go:
 * of 5,000 slots, 7 ms became 2.
 */
async function scan(
  trx: PoolTransaction,
  isFree: RawBuilder<SqlBool>,
  count: number,
  most: number | null,
): Promise<{ seen: bigint[]; sessions: bigint[] }> {
  const { rows } = await sql<{ seen: bigint[]; sessions: bigint[] }>`
    with candidates as materialized (
      select slots.session_id from slots
      where ${isFree}
      order by slots.last_used_time nulls first, slots.session_id
      limit ${most}::integer
    ),
    locked as materialized (
      select slots.session_id from slots join candidates using (session_id)
      where ${isFree}
      order by slots.last_used_time nulls first, slots.session_id
      limit ${count}
      for update of slots skip locked
    )
    select array(select session_id from locked) as sessions, array(select session_id from candidates) as seen`.execute(
    trx,
  );
  return rows[0]!;
}

async function lockAmong(
  trx: PoolTransaction,
  sessionIds: readonly bigint[],
  isFree: RawBuilder<SqlBool>,
): Promise<bigint[]> {
  const { rows } = await sql<{ session_id: bigint }>`
    select slots.session_id from slots
    where slots.session_id = any(${sessionIds}::bigint[]) and ${isFree}
    order by slots.last_used_time nulls first, slots.session_id
    for update of slots skip locked`.execute(trx);
  return rows.map(({ session_id }) => session_id);
}
