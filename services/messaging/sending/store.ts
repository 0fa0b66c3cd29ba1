import { sql, type QueryExecutorProvider } from 'kysely';

/** A send as it was asked for, and by whom. */
export interface SendKey {
  readonly principal: string;
  readonly method: string;
  readonly requestId: string;
  readonly bodyHash: Uint8Array;
  readonly tenantId: string;
  readonly sessionId: bigint;
  /** Empty where no account is known for the session. */
  readonly accountId: string;
}

/** As the table's `state`. */
export const UNKNOWN = 1;
export const SENT = 2;
export const REFUSED = 3;

export interface SendRow {
  readonly body_hash: Buffer;
  readonly session_id: bigint;
  readonly account_id: string;
  readonly random_id: bigint;
  readonly state: number;
  readonly answer: Buffer | null;
  readonly create_time: Date;
}

export interface NewSend {
  readonly key: SendKey;
  readonly randomId: bigint;
}

/** How long the first result of a request is given again. */
const KEPT = sql.raw("interval '24 hours'");

/**
 * Writes those that were not asked for before, one statement whatever their number; answers the row of each, its own
 * or the one that was there. No two may have the same principal, method and request_id.
 */
export async function beginSends(
  executor: QueryExecutorProvider,
  sends: readonly NewSend[],
): Promise<SendRow[]> {
  // In one order everywhere, so that no two statements wait for each other.
  const sorted = sends.toSorted((a, b) => (sortKey(a.key) < sortKey(b.key) ? -1 : 1));
  const column = <T>(value: (one: NewSend) => T): T[] => sorted.map(value);
  const { rows } = await sql<SendRow & { request: string }>`
    insert into sends
      (principal, method, request_id, body_hash, tenant_id, session_id, account_id, random_id)
    select * from unnest(
      ${column(({ key }) => key.principal)}::text[],
      ${column(({ key }) => key.method)}::text[],
      ${column(({ key }) => key.requestId)}::text[],
      ${column(({ key }) => key.bodyHash)}::bytea[],
      ${column(({ key }) => key.tenantId)}::uuid[],
      ${column(({ key }) => key.sessionId)}::bigint[],
      ${column(({ key }) => key.accountId)}::text[],
      ${column(({ randomId }) => randomId)}::bigint[]
    )
    on conflict (principal, method, request_id) do update set
      body_hash = excluded.body_hash, tenant_id = excluded.tenant_id, session_id = excluded.session_id,
      account_id = excluded.account_id, random_id = excluded.random_id, state = ${UNKNOWN}, peer = '',
      message_id = 0, answer = null, create_time = clock_timestamp()
      where sends.create_time <= clock_timestamp() - ${KEPT}
    returning principal || ' ' || method || ' ' || request_id as request,
      body_hash, session_id, account_id, random_id, state, answer, create_time`.execute(executor);
  const found = new Map<string, SendRow>(rows.map((row) => [row.request, row]));
  const before = sends.filter(({ key }) => !found.has(sortKey(key)));
  for (const { key } of before) {
    const row = await findSend(executor, key);
    if (row) found.set(sortKey(key), row);
  }
  return sends.map(({ key }) => found.get(sortKey(key))!);
}

function sortKey({ principal, method, requestId }: SendKey): string {
  return `${principal} ${method} ${requestId}`;
}

export async function findSend(
  executor: QueryExecutorProvider,
  key: Pick<SendKey, 'principal' | 'method' | 'requestId'>,
): Promise<SendRow | undefined> {
  const { rows } = await sql<SendRow>`
    select body_hash, session_id, account_id, random_id, state, answer, create_time from sends
    where principal = ${key.principal} and method = ${key.method} and request_id = ${key.requestId}`.execute(
    executor,
  );
  return rows[0];
}

export interface EndedSend {
  readonly key: SendKey;
  readonly randomId: bigint;
  readonly state: typeof SENT | typeof REFUSED;
  readonly peer: string;
  readonly messageId: bigint;
  readonly answer: Uint8Array;
}

/** Answers which of them were not ended before. */
export async function endSends(
  trx: QueryExecutorProvider,
  ended: readonly EndedSend[],
): Promise<ReadonlySet<bigint>> {
  const column = <T>(value: (one: EndedSend) => T): T[] => ended.map(value);
  const { rows } = await sql<{ random_id: bigint }>`
    update sends set state = done.state, peer = done.peer, message_id = done.message_id, answer = done.answer
    from unnest(
      ${column(({ key }) => key.principal)}::text[],
      ${column(({ key }) => key.method)}::text[],
      ${column(({ key }) => key.requestId)}::text[],
      ${column(({ randomId }) => randomId)}::bigint[],
      ${column(({ state }) => state)}::smallint[],
      ${column(({ peer }) => peer)}::text[],
      ${column(({ messageId }) => messageId)}::bigint[],
      ${column(({ answer }) => answer)}::bytea[]
    ) as done (principal, method, request_id, random_id, state, peer, message_id, answer)
    where sends.principal = done.principal and sends.method = done.method
      and sends.request_id = done.request_id and sends.random_id = done.random_id
      and sends.state = ${UNKNOWN}
    returning sends.random_id`.execute(trx);
  return new Set(rows.map((row) => row.random_id));
}

/** Of these numbers in a chat, those that are known to be another request's message. */
export async function knownMessages(
  executor: QueryExecutorProvider,
  where: { sessionId: bigint; peer: string; messageIds: readonly number[] },
): Promise<ReadonlySet<number>> {
  const { rows } = await sql<{ message_id: bigint }>`
    select message_id from sends
    where session_id = ${where.sessionId} and peer = ${where.peer} and message_id <> 0
      and message_id = any(${where.messageIds}::bigint[])`.execute(executor);
  return new Set(rows.map((row) => Number(row.message_id)));
}

/** Forgets sends whose time is over, a bounded number at a time. */
export async function pruneSends(executor: QueryExecutorProvider, limit: number): Promise<number> {
  const { rows } = await sql<{ count: bigint }>`
    with old as (
      delete from sends where ctid = any(array(
        select ctid from sends where create_time <= clock_timestamp() - ${KEPT}
        limit ${limit} for update skip locked
      )) returning 1
    ) select count(*) as count from old`.execute(executor);
  return Number(rows[0]!.count);
}
