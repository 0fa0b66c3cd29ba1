import { createHash } from 'node:crypto';
import { toBinary, toJson, type DescMessage, type JsonValue, type MessageShape } from '@bufbuild/protobuf';
import { sql, type QueryExecutorProvider } from 'kysely';
import { RequestIdReused } from '#lib/rpc/errors.ts';
import { canonicalText } from './canonical.ts';

/** A request that must not happen twice. */
export interface ReplayKey {
  principal: string;
  method: string;
  requestId: string;
  bodyHash: Uint8Array;
}

/** None when the caller gave no request_id: then a repeat is a new request. */
export function replayKey<Desc extends DescMessage>(
  caller: { tenantId: string; subject: string },
  method: string,
  requestId: string,
  schema: Desc,
  body: MessageShape<Desc>,
): ReplayKey | undefined {
  if (requestId === '') return undefined;
  const bodyHash = createHash('sha256').update(canonicalBody(schema, body)).digest();
  return { principal: `${caller.tenantId}/${caller.subject}`, method, requestId, bodyHash };
}

/**
 * Not the bytes, for a client may write the entries of a map in another order each time; but those where a body has no
 * JSON form, as with a time out of range in a field that nobody reads.
 */
function canonicalBody<Desc extends DescMessage>(
  schema: Desc,
  body: MessageShape<Desc>,
): string | Uint8Array {
  let json: JsonValue;
  try {
    json = toJson(schema, body);
  } catch {
    return toBinary(schema, body);
  }
  return canonicalText(json);
}

/** The answers given before, by request id. Throws when an id was used for another body. */
export async function findAnswers(
  trx: QueryExecutorProvider,
  keys: readonly ReplayKey[],
): Promise<Map<ReplayKey, Uint8Array | RequestIdReused>> {
  const found = new Map<ReplayKey, Uint8Array | RequestIdReused>();
  if (keys.length === 0) return found;
  const { rows } = await sql<{ ordinal: bigint; body_hash: Buffer; answer: Buffer }>`
    select wanted.ordinal, replays.body_hash, replays.answer
    from unnest(
      ${keys.map((key) => key.principal)}::text[],
      ${keys.map((key) => key.method)}::text[],
      ${keys.map((key) => key.requestId)}::text[]
    ) with ordinality as wanted (principal, method, request_id, ordinal)
    join replays using (principal, method, request_id)
    where replays.create_time > clock_timestamp() - interval '24 hours'`.execute(trx);
  for (const row of rows) {
    const key = keys[Number(row.ordinal) - 1]!;
    found.set(key, row.body_hash.equals(key.bodyHash) ? row.answer : new RequestIdReused(key.requestId));
  }
  return found;
}

/**
 * Keeps answers in the transaction that made them true. When another transaction answered the same request at
 * the same time, this throws and the work is undone; see withReplayRetry.
 */
export async function saveAnswers(
  trx: QueryExecutorProvider,
  answers: readonly { key: ReplayKey; answer: Uint8Array }[],
): Promise<void> {
  if (answers.length === 0) return;
  await sql`
    insert into replays (principal, method, request_id, body_hash, answer)
    select * from unnest(
      ${answers.map(({ key }) => key.principal)}::text[],
      ${answers.map(({ key }) => key.method)}::text[],
      ${answers.map(({ key }) => key.requestId)}::text[],
      ${answers.map(({ key }) => key.bodyHash)}::bytea[],
      ${answers.map(({ answer }) => answer)}::bytea[]
    )
    on conflict (principal, method, request_id) do update
      set body_hash = excluded.body_hash, answer = excluded.answer, create_time = clock_timestamp()
      where replays.create_time <= clock_timestamp() - interval '24 hours'
    returning request_id`
    .execute(trx)
    .then(({ rows }) => {
      if (rows.length < answers.length) throw new ReplayRace();
    });
}

/** The same request was answered by another transaction meanwhile: start over, and its answer will be found. */
export class ReplayRace extends Error {
  override name = 'ReplayRace';
}

/** A batch may lose a race for each of its requests, one after the other; it never loses the same twice. */
const RACES = 20;

/** Runs `body` again when it lost such a race: then the answer is there. */
export async function withReplayRetry<T>(body: () => Promise<T>): Promise<T> {
  for (let lost = 1; ; lost += 1) {
    try {
      return await body();
    } catch (error) {
      if (!(error instanceof ReplayRace) || lost === RACES) throw error;
    }
  }
}

/** Forgets answers that are older than a day, a bounded number at a time. */
export async function pruneAnswers(trx: QueryExecutorProvider, limit: number): Promise<number> {
  const { rows } = await sql<{ count: bigint }>`
    with old as (
      delete from replays where ctid = any(array(
        select ctid from replays where create_time <= clock_timestamp() - interval '24 hours'
        limit ${limit} for update skip locked
      )) returning 1
    ) select count(*) as count from old`.execute(trx);
  return Number(rows[0]!.count);
}
