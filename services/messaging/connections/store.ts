import { sql } from 'kysely';
import type { MessagingDatabase } from '../tables.ts';

/** A process says so often that it lives, and is believed for so long. */
export const BEAT_MS = 2_000;
const ALIVE_MS = 6_000;
export const KEEP_EVERY_MS = 4_000;
const KEEP_MS = 15_000;
const FORGET_MS = 3_600_000;

export interface Holder {
  readonly sessionId: bigint;
  readonly processId: string;
  readonly address: string;
}

export async function beat(
  { kysely }: MessagingDatabase,
  own: { processId: string; address: string },
): Promise<void> {
  await sql`
    insert into processes (process_id, address, expire_time)
    values (${own.processId}, ${own.address}, clock_timestamp() + ${ALIVE_MS} * interval '1 ms')
    on conflict (process_id) do update
    set address = excluded.address, expire_time = excluded.expire_time`.execute(kysely);
}

export async function leave({ kysely }: MessagingDatabase, processId: string): Promise<void> {
  await sql`delete from held_sessions where process_id = ${processId}`.execute(kysely);
  await sql`delete from keeps where process_id = ${processId}`.execute(kysely);
  await sql`delete from processes where process_id = ${processId}`.execute(kysely);
}

/** Undefined for one that does not live. */
export async function addressOf(
  { kysely }: MessagingDatabase,
  processId: string,
): Promise<string | undefined> {
  const { rows } = await sql<{ address: string }>`
    select address from processes
    where process_id = ${processId} and expire_time > clock_timestamp()`.execute(kysely);
  return rows[0]?.address;
}

export async function living({
  kysely,
}: MessagingDatabase): Promise<{ processId: string; address: string }[]> {
  const { rows } = await sql<{ process_id: string; address: string }>`
    select process_id, address from processes where expire_time > clock_timestamp()
    order by process_id limit 1000`.execute(kysely);
  return rows.map(({ process_id: processId, address }) => ({ processId, address }));
}

/** The living process that said it holds the session. */
export async function findHolder(
  { kysely }: MessagingDatabase,
  wanted: { tenantId: string; sessionId?: bigint; accountId?: string },
): Promise<Holder | undefined> {
  const { tenantId, sessionId, accountId } = wanted;
  const named =
    sessionId === undefined ? sql`held.account_id = ${accountId ?? ''}` : sql`held.session_id = ${sessionId}`;
  const { rows } = await sql<{ session_id: bigint; process_id: string; address: string }>`
    select held.session_id, held.process_id, processes.address
    from held_sessions held join processes using (process_id)
    where held.tenant_id = ${tenantId}::uuid and ${named} and processes.expire_time > clock_timestamp()
    limit 1`.execute(kysely);
  const [row] = rows;
  return row && { sessionId: row.session_id, processId: row.process_id, address: row.address };
}

export interface HeldRow {
  readonly sessionId: bigint;
  readonly tenantId: string;
  readonly accountId: string;
}

export async function noteHeld(
  { kysely }: MessagingDatabase,
  processId: string,
  held: readonly HeldRow[],
): Promise<void> {
  await sql`
    insert into held_sessions (session_id, tenant_id, account_id, process_id)
    select session_id, tenant_id, account_id, ${processId} from unnest(
      ${held.map((one) => one.sessionId)}::bigint[],
      ${held.map((one) => one.tenantId)}::uuid[],
      ${held.map((one) => one.accountId)}::text[]
    ) as held (session_id, tenant_id, account_id) order by session_id
    on conflict (session_id) do update set tenant_id = excluded.tenant_id, account_id = excluded.account_id,
      process_id = excluded.process_id`.execute(kysely);
}

export async function noteGone(
  { kysely }: MessagingDatabase,
  processId: string,
  sessionIds: readonly bigint[],
): Promise<void> {
  await sql`
    delete from held_sessions
    where session_id = any(${sessionIds}::bigint[]) and process_id = ${processId}`.execute(kysely);
}

/** Has the holders of these keep them. Answers those that nobody alive holds. */
export async function renewKeeps(
  { kysely }: MessagingDatabase,
  processId: string,
  kept: readonly { sessionId: bigint; tenantId: string }[],
): Promise<bigint[]> {
  const sessionIds = kept.map(({ sessionId }) => sessionId);
  const { rows } = await sql<{ session_id: bigint }>`
    with kept as (
      insert into keeps (session_id, process_id, tenant_id, expire_time)
      select session_id, ${processId}, tenant_id, clock_timestamp() + ${KEEP_MS} * interval '1 ms'
      from unnest(${sessionIds}::bigint[], ${kept.map(({ tenantId }) => tenantId)}::uuid[])
        as wanted (session_id, tenant_id) order by session_id
      on conflict (session_id, process_id) do update set expire_time = excluded.expire_time
      returning session_id
    )
    select session_id from kept where not exists (
      select from held_sessions held join processes using (process_id)
      where held.session_id = kept.session_id and processes.expire_time > clock_timestamp()
    )`.execute(kysely);
  return rows.map(({ session_id: sessionId }) => sessionId);
}

export async function endKeep(
  { kysely }: MessagingDatabase,
  processId: string,
  sessionId: bigint,
): Promise<void> {
  await sql`delete from keeps where session_id = ${sessionId} and process_id = ${processId}`.execute(kysely);
}

/** Of these sessions those that some process wants kept. */
export async function keptAmong(
  { kysely }: MessagingDatabase,
  sessionIds: readonly bigint[],
): Promise<Set<bigint>> {
  const { rows } = await sql<{ session_id: bigint }>`
    select distinct session_id from keeps
    where session_id = any(${sessionIds}::bigint[]) and expire_time > clock_timestamp()`.execute(kysely);
  return new Set(rows.map(({ session_id: sessionId }) => sessionId));
}

export async function userOf({ kysely }: MessagingDatabase, sessionId: bigint): Promise<bigint | undefined> {
  const { rows } = await sql<{ user_id: bigint }>`
    select user_id from session_users where session_id = ${sessionId}`.execute(kysely);
  return rows[0]?.user_id;
}

export async function noteUser(
  { kysely }: MessagingDatabase,
  known: { sessionId: bigint; tenantId: string; userId: bigint },
): Promise<void> {
  await sql`
    insert into session_users (session_id, tenant_id, user_id)
    values (${known.sessionId}, ${known.tenantId}::uuid, ${known.userId})
    on conflict (session_id) do update set user_id = excluded.user_id`.execute(kysely);
}

/** Rows of processes that died, and keeps that ran out. */
export async function forgetTheDead({ kysely }: MessagingDatabase, rows: number): Promise<number> {
  const died = await sql`
    with dead as (
      delete from processes where expire_time < clock_timestamp() - ${FORGET_MS} * interval '1 ms'
      returning process_id
    ), forgotten as (
      delete from held_sessions using dead where held_sessions.process_id = dead.process_id
      returning 1
    )
    select count(*) from forgotten`.execute(kysely);
  const over = await sql`
    delete from keeps where ctid = any(array(
      select ctid from keeps where expire_time < clock_timestamp() limit ${rows}
    ))`.execute(kysely);
  return Number(died.numAffectedRows ?? 0n) + Number(over.numAffectedRows ?? 0n);
}
