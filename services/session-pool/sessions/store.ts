import { sql, type Kysely, type RawBuilder, type SqlBool } from 'kysely';
import { SessionState } from '#gen/telegate/session_pool/v1/session_pb.ts';
import { NotFound } from '#lib/rpc/errors.ts';
import type { EventOrigin } from '../events.ts';
import { lockSlots, type PoolTransaction } from '../slots.ts';
import type { PoolTables } from '../tables.ts';
import type { SessionRow } from './model.ts';
import { clockTable, clockTime, stateSql } from './state-sql.ts';

type Executor = Kysely<PoolTables> | PoolTransaction;

/** Waits are imposed a method and peer: a session can have many, an answer has only so much room. */
const WAITS_SHOWN = 1_000;

function selectSessions(where: RawBuilder<SqlBool>, limit: number): RawBuilder<SessionRow> {
  return sql<SessionRow>`
    with ${clockTable}
    select sessions.session_id, sessions.tenant_id, sessions.name, sessions.account_id,
      sessions.environment, sessions.labels, sessions.condition_reason, sessions.data_center,
      sessions.source, sessions.has_file, sessions.revision, sessions.create_time,
      slots.condition, slots.paused, slots.event_sequence, slots.fencing_token, slots.lease_id, slots.holder, slots.credentials, slots.ttl_ms,
      slots.file_quarantine_ms, slots.acquire_time, slots.expire_time, slots.drain_time, slots.claim_process, slots.claim_expire_time,
      slots.quarantine_end_time, slots.wait_end_time, slots.last_used_time,
      waits.list as flood_waits, clock.at
    from clock cross join slots join sessions using (session_id)
    cross join lateral (
      select coalesce(json_agg(json_build_object(
        'method', method, 'peer', peer, 'end_ms', floor(extract(epoch from end_time) * 1000)
      ) order by end_time, method, peer), '[]') as list
      from (
        select method, peer, end_time from flood_waits
        where flood_waits.session_id = slots.session_id and end_time > clock.at
        order by end_time desc limit ${WAITS_SHOWN}
      ) as shown
    ) as waits
    where ${where}
    order by slots.session_id limit ${limit}`;
}

export type SessionName = { sessionId: bigint } | { name: string };

export async function findSession(
  executor: Executor,
  tenantId: string,
  which: SessionName,
): Promise<SessionRow | undefined> {
  const named =
    'name' in which
      ? sql<SqlBool>`sessions.tenant_id = ${tenantId}::uuid and sessions.name = ${which.name}`
      : sql<SqlBool>`slots.session_id = ${which.sessionId}`;
  const { rows } = await selectSessions(sql`slots.tenant_id = ${tenantId}::uuid and ${named}`, 1).execute(
    executor,
  );
  return rows[0];
}

export async function readSession(
  executor: Executor,
  tenantId: string,
  which: SessionName,
): Promise<SessionRow> {
  const row = await findSession(executor, tenantId, which);
  if (!row) throw new NotFound('session', 'name' in which ? which.name : String(which.sessionId));
  return row;
}

export interface SessionFilter {
  state: SessionState;
  labels: Readonly<Record<string, string>>;
  namePrefix: string;
}

/** By session id, from behind `after`. */
export async function listSessions(
  executor: Executor,
  options: { tenantId: string; filter: SessionFilter; after: bigint; limit: number },
): Promise<SessionRow[]> {
  const { tenantId, filter, after, limit } = options;
  const conditions = [
    sql<SqlBool>`slots.tenant_id = ${tenantId}::uuid`,
    sql<SqlBool>`slots.session_id > ${after}`,
  ];
  if (filter.state !== SessionState.UNSPECIFIED)
    conditions.push(sql`${stateSql(clockTime)} = ${filter.state}`);
  if (Object.keys(filter.labels).length > 0)
    conditions.push(sql`sessions.labels @> ${JSON.stringify(filter.labels)}::jsonb`);
  if (filter.namePrefix !== '') conditions.push(sql`starts_with(sessions.name, ${filter.namePrefix})`);
  const { rows } = await selectSessions(sql`${sql.join(conditions, sql` and `)}`, limit).execute(executor);
  return rows;
}

/** The session as it stands after the wait for its lock: nobody leases, claims or changes it meanwhile. */
export async function lockSession(
  trx: PoolTransaction,
  tenantId: string,
  sessionId: bigint,
): Promise<SessionRow> {
  // Asked first whose it is: one tenant's calls never wait for, or hold up, another's session.
  await readSession(trx, tenantId, { sessionId });
  await lockSlots(trx, [sessionId]);
  return readSession(trx, tenantId, { sessionId });
}

/** The place of one more event among the session's; the caller holds the slot's lock. */
export async function nextEvent(
  trx: PoolTransaction,
  { tenant_id, session_id }: { tenant_id: string; session_id: bigint },
): Promise<EventOrigin> {
  const { rows } = await sql<EventOrigin>`
    update slots set event_sequence = event_sequence + 1
    where session_id = ${session_id} and tenant_id = ${tenant_id}::uuid
    returning session_id, tenant_id, event_sequence, clock_timestamp() as occur_time`.execute(trx);
  return rows[0]!;
}
