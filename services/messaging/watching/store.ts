import { sql, type QueryExecutorProvider } from 'kysely';
import type { ConnectionState } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import type { ChannelState, UpdateState } from '#lib/telegram/updates/state.ts';
import type { MessagingDatabase } from '../tables.ts';

/** Where a session is to stand; what is absent stays as it is. */
export interface StateWrite {
  readonly sessionId: bigint;
  readonly writer: string;
  readonly counters?: {
    readonly pts: number;
    readonly qts: number;
    readonly date: number;
    readonly seq: number;
  };
  readonly connectionState?: number;
}

export interface NewRow {
  readonly tenantId: string;
  readonly sessionId: bigint;
  readonly messageKey: string | undefined;
  readonly body: Uint8Array;
}

export interface EventRow {
  readonly position: bigint;
  readonly session_id: bigint;
  readonly body: Buffer;
}

interface StateRow {
  session_id: bigint;
  pts: number | null;
  qts: number | null;
  date: number | null;
  seq: number | null;
  was_there: boolean;
}

export interface Reader {
  readonly sessionId: bigint;
  readonly tenantId: string;
  readonly writer: string;
}

export interface Standing {
  /** Undefined while nobody has written where the session stands. */
  readonly state: UpdateState | undefined;
  /** Somebody has read the session's updates before. */
  readonly wasRead: boolean;
}

/** Makes each the one that may write, and reads where its session stands; in the order given. */
export async function beginReading(
  executor: QueryExecutorProvider,
  readers: readonly Reader[],
): Promise<Standing[]> {
  const sessionIds = readers.map(({ sessionId }) => sessionId);
  const { rows } = await sql<StateRow>`
    insert into update_states (session_id, tenant_id, writer)
    select session_id, tenant_id, writer from unnest(
      ${sessionIds}::bigint[], ${readers.map(({ tenantId }) => tenantId)}::uuid[],
      ${readers.map(({ writer }) => writer)}::uuid[]
    ) as reader (session_id, tenant_id, writer) order by session_id
    on conflict (session_id) do update set writer = excluded.writer
    returning session_id, pts, qts, date, seq, xmax <> 0 as was_there`.execute(executor);
  const { rows: channels } = await sql<{
    session_id: bigint;
    channel_id: bigint;
    pts: number;
    access_hash: bigint;
  }>`
    select session_id, channel_id, pts, access_hash from update_channels
    where session_id = any(${sessionIds}::bigint[])`.execute(executor);
  const channelsOf = new Map<bigint, Map<bigint, ChannelState>>();
  for (const { session_id: sessionId, channel_id: id, pts, access_hash: accessHash } of channels) {
    const found = channelsOf.get(sessionId) ?? new Map<bigint, ChannelState>();
    channelsOf.set(sessionId, found.set(id, { pts, accessHash }));
  }
  const states = new Map(rows.map((row) => [row.session_id, row]));
  return sessionIds.map((sessionId) => {
    const { pts, qts, date, seq, was_there: wasRead } = states.get(sessionId)!;
    if (pts === null || qts === null || date === null || seq === null) return { state: undefined, wasRead };
    const known = channelsOf.get(sessionId) ?? new Map<bigint, ChannelState>();
    return { state: { pts, qts, date, seq, channels: known }, wasRead };
  });
}

/** Each session at most once. Answers those whose writer it still is; their rows stay locked to the commit. */
export async function writeStates(
  trx: QueryExecutorProvider,
  writes: readonly StateWrite[],
): Promise<Set<bigint>> {
  const column = <T>(value: (write: StateWrite) => T): T[] => writes.map(value);
  const { rows } = await sql<{ session_id: bigint }>`
    update update_states set pts = coalesce(told.pts, update_states.pts), qts = coalesce(told.qts, update_states.qts),
      date = coalesce(told.date, update_states.date), seq = coalesce(told.seq, update_states.seq),
      connection_state = coalesce(told.state, connection_state)
    from unnest(
      ${column(({ sessionId }) => sessionId)}::bigint[], ${column(({ writer }) => writer)}::uuid[],
      ${column(({ counters }) => counters?.pts ?? null)}::integer[],
      ${column(({ counters }) => counters?.qts ?? null)}::integer[],
      ${column(({ counters }) => counters?.date ?? null)}::integer[],
      ${column(({ counters }) => counters?.seq ?? null)}::integer[],
      ${column(({ connectionState }) => connectionState ?? null)}::smallint[]
    ) as told (session_id, writer, pts, qts, date, seq, state)
    where update_states.session_id = told.session_id and update_states.writer = told.writer
    returning update_states.session_id`.execute(trx);
  return new Set(rows.map(({ session_id: sessionId }) => sessionId));
}

export interface ChannelWrite extends ChannelState {
  readonly sessionId: bigint;
  readonly channelId: bigint;
}

/** Each channel of a session at most once. */
export async function writeChannels(
  trx: QueryExecutorProvider,
  moved: readonly ChannelWrite[],
  gone: readonly Pick<ChannelWrite, 'sessionId' | 'channelId'>[],
): Promise<void> {
  if (moved.length > 0)
    await sql`
      insert into update_channels (session_id, channel_id, pts, access_hash)
      select * from unnest(
        ${moved.map(({ sessionId }) => sessionId)}::bigint[], ${moved.map(({ channelId }) => channelId)}::bigint[],
        ${moved.map(({ pts }) => pts)}::integer[], ${moved.map(({ accessHash }) => accessHash)}::bigint[]
      )
      on conflict (session_id, channel_id) do update set pts = excluded.pts, access_hash = excluded.access_hash`.execute(
      trx,
    );
  if (gone.length > 0)
    await sql`
      delete from update_channels using unnest(
        ${gone.map(({ sessionId }) => sessionId)}::bigint[], ${gone.map(({ channelId }) => channelId)}::bigint[]
      ) as gone (session_id, channel_id)
      where update_channels.session_id = gone.session_id and update_channels.channel_id = gone.channel_id`.execute(
      trx,
    );
}

/** Of these messages those that the log has, each as `<session id> <key>`. */
export async function findTold(
  trx: QueryExecutorProvider,
  messages: readonly { sessionId: bigint; messageKey: string }[],
): Promise<Set<string>> {
  if (messages.length === 0) return new Set();
  const { rows } = await sql<{ session_id: bigint; message_key: string }>`
    select session_id, message_key from watch_events
    join unnest(
      ${messages.map(({ sessionId }) => sessionId)}::bigint[], ${messages.map(({ messageKey }) => messageKey)}::text[]
    ) as wanted (session_id, message_key) using (session_id, message_key)`.execute(trx);
  return new Set(rows.map((row) => `${row.session_id} ${row.message_key}`));
}

/** Appends in the order given. Answers the last position of each tenant; the head's lock is kept to the commit. */
export async function appendEvents(
  trx: QueryExecutorProvider,
  events: readonly NewRow[],
): Promise<Map<string, bigint>> {
  const counts = new Map<string, number>();
  const places = events.map(({ tenantId }) => {
    const place = (counts.get(tenantId) ?? 0) + 1;
    counts.set(tenantId, place);
    return place;
  });
  const tenants = [...counts.keys()].toSorted();
  const column = <T>(value: (event: NewRow) => T): T[] => events.map(value);
  const { rows } = await sql<{ tenant_id: string; last_position: bigint }>`
    with head as (
      insert into watch_heads (tenant_id, last_position)
      select tenant_id, count from unnest(
        ${tenants}::uuid[], ${tenants.map((tenant) => counts.get(tenant)!)}::bigint[]
      ) as told (tenant_id, count) order by tenant_id
      on conflict (tenant_id) do update set last_position = watch_heads.last_position + excluded.last_position
      returning tenant_id, last_position
    ), counted as (
      select * from unnest(
        ${tenants}::uuid[], ${tenants.map((tenant) => counts.get(tenant)!)}::bigint[]
      ) as told (tenant_id, count)
    ), written as (
      insert into watch_events (tenant_id, position, session_id, message_key, body)
      select event.tenant_id, head.last_position - counted.count + place, session_id, message_key, body
      from unnest(
        ${column(({ tenantId }) => tenantId)}::uuid[], ${places}::bigint[],
        ${column(({ sessionId }) => sessionId)}::bigint[],
        ${column(({ messageKey }) => messageKey ?? null)}::text[],
        ${column(({ body }) => body)}::bytea[]
      ) as event (tenant_id, place, session_id, message_key, body)
      join head on head.tenant_id = event.tenant_id join counted on counted.tenant_id = event.tenant_id
    )
    select tenant_id, last_position from head`.execute(trx);
  return new Map(rows.map((row) => [row.tenant_id, row.last_position]));
}

export async function headOf({ kysely }: MessagingDatabase, tenantId: string): Promise<bigint> {
  const { rows } = await sql<{ last_position: bigint }>`
    select last_position from watch_heads where tenant_id = ${tenantId}::uuid`.execute(kysely);
  return rows[0]?.last_position ?? 0n;
}

export interface PageWanted {
  readonly tenantId: string;
  readonly after: bigint;
  readonly limit: number;
  /** All of the tenant when absent. */
  readonly sessionIds?: readonly bigint[];
}

export async function readEvents({ kysely }: MessagingDatabase, wanted: PageWanted): Promise<EventRow[]> {
  const { tenantId, after, limit, sessionIds } = wanted;
  const ofThese = sessionIds ? sql`and session_id = any(${sessionIds}::bigint[])` : sql``;
  const { rows } = await sql<EventRow>`
    select position, session_id, body from watch_events
    where tenant_id = ${tenantId}::uuid and position > ${after} ${ofThese}
    order by position limit ${limit}`.execute(kysely);
  return rows;
}

/** Sessions of which events behind the position are gone, and how far. */
export async function findPruned(
  { kysely }: MessagingDatabase,
  { tenantId, after, sessionIds }: Omit<PageWanted, 'limit'>,
): Promise<{ sessionId: bigint; position: bigint }[]> {
  const ofThese = sessionIds ? sql`and session_id = any(${sessionIds}::bigint[])` : sql``;
  const { rows } = await sql<{ session_id: bigint; pruned_position: bigint }>`
    select session_id, pruned_position from update_states
    where tenant_id = ${tenantId}::uuid and pruned_position > ${after} ${ofThese}
    order by session_id`.execute(kysely);
  return rows.map(({ session_id: sessionId, pruned_position: position }) => ({ sessionId, position }));
}

/** How the connections of these sessions stand that a living process holds. */
export async function connectionStates(
  { kysely }: MessagingDatabase,
  tenantId: string,
  sessionIds: readonly bigint[],
): Promise<Map<bigint, ConnectionState>> {
  const { rows } = await sql<{ session_id: bigint; connection_state: ConnectionState }>`
    select session_id, connection_state
    from update_states join held_sessions using (session_id) join processes using (process_id)
    where update_states.tenant_id = ${tenantId}::uuid and session_id = any(${sessionIds}::bigint[])
      and connection_state <> 0 and expire_time > clock_timestamp()`.execute(kysely);
  return new Map(rows.map((row) => [row.session_id, row.connection_state]));
}

/** Not in the transaction that wrote: notifying takes a lock at commit that all commits of the database share. */
export async function notify(
  { kysely }: MessagingDatabase,
  channel: string,
  payloads: readonly string[],
): Promise<void> {
  await sql`select pg_notify(${channel}, payload) from unnest(${payloads}::text[]) as payload`.execute(
    kysely,
  );
}

/** Events that are too old, at most `limit` of them. */
export async function pruneByAge(
  executor: QueryExecutorProvider,
  keepMs: number,
  limit: number,
): Promise<number> {
  return noteGone(
    executor,
    sql`select ctid from watch_events
      where create_time < clock_timestamp() - ${keepMs} * interval '1 ms'
      limit ${limit} for update skip locked`,
  );
}

/** Of a session what is more than `most`, the oldest first. */
export async function pruneByCount(
  executor: QueryExecutorProvider,
  sessionId: bigint,
  { most, limit }: { most: number; limit: number },
): Promise<number> {
  return noteGone(
    executor,
    sql`select ctid from watch_events where session_id = ${sessionId} and position <= (
        select position from watch_events where session_id = ${sessionId}
        order by position desc offset ${most} limit 1
      ) order by position limit ${limit} for update skip locked`,
  );
}

async function noteGone(executor: QueryExecutorProvider, old: ReturnType<typeof sql>): Promise<number> {
  const { rows } = await sql<{ count: bigint }>`
    with gone as (
      delete from watch_events where ctid = any(array(${old})) returning session_id, position
    ), furthest as (
      select session_id, max(position) as position from gone group by session_id
    ), noted as (
      update update_states set pruned_position = furthest.position from furthest
      where update_states.session_id = furthest.session_id and pruned_position < furthest.position
    )
    select count(*) as count from gone`.execute(executor);
  return Number(rows[0]!.count);
}
