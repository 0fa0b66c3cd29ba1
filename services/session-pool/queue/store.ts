import { sql } from 'kysely';
import { RequestIdReused } from '#lib/rpc/errors.ts';
import { QueueFull } from '../errors.ts';
import { fits, lockFree } from '../leases/free.ts';
import { grantLeases, type Grant } from '../leases/grant.ts';
import { selectorFromKey, selectorKey, type LeaseRequest } from '../leases/model.ts';
import { sendNotices } from '../notices/notice.ts';
import type { Pool } from '../pool.ts';
import { findAnswers, type ReplayKey } from '#lib/requests/replay.ts';
import type { PoolTransaction } from '../slots.ts';
import type { PoolDatabase } from '../tables.ts';
import { requestFromRow, requestToRow, resultToRow, type RequestRow, type WaiterResult } from './model.ts';

/** Most waiters of a tenant that are looked at together. */
const WAITERS_A_PAGE = 1_000;

/** One at a time works on a tenant's queue, on any replica: that is what makes it first in, first out. */
export async function lockQueue(trx: PoolTransaction, tenantId: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('session_pool.queue.' || ${tenantId}, 0))`.execute(
    trx,
  );
}

/** Which of these tenants have somebody waiting. */
export async function tenantsThatWait(
  executor: PoolTransaction | PoolDatabase['kysely'],
  tenantIds: readonly string[],
): Promise<string[]> {
  if (tenantIds.length === 0) return [];
  const { rows } = await sql<{ tenant_id: string }>`
    select distinct tenant_id from waiters
    where granted is null and tenant_id = any(${[...new Set(tenantIds)]}::uuid[])`.execute(executor);
  return rows.map((row) => row.tenant_id);
}

export async function allTenantsThatWait(database: PoolDatabase): Promise<string[]> {
  const { rows } = await sql<{ tenant_id: string }>`
    select distinct tenant_id from waiters where granted is null`.execute(database.kysely);
  return rows.map((row) => row.tenant_id);
}

/** Puts a request at the end of its tenant's queue. */
export async function enqueue(trx: PoolTransaction, pool: Pool, request: LeaseRequest): Promise<bigint> {
  await lockQueue(trx, request.tenantId);
  const { rows } = await sql<{ waiter_id: bigint }>`
    insert into waiters (tenant_id, replica_id, selector_key, request)
    select ${request.tenantId}::uuid, ${pool.replicaId}::uuid, ${selectorKey(request.selector)},
      ${JSON.stringify(requestToRow(request))}::jsonb
    where (select count(*) from waiters where tenant_id = ${request.tenantId}::uuid) < ${pool.settings.queueLimit}
    returning waiter_id`.execute(trx);
  if (!rows[0]) throw new QueueFull(pool.settings.queueLimit);
  return rows[0].waiter_id;
}

interface WaiterRow {
  waiter_id: bigint;
  replica_id: string;
  selector_key: string;
  request: RequestRow;
}

/**
 * Gives what is free to those who wait, in their order; a waiter whose selector fits nothing free is passed
 * over. The results stay in the rows until the waiters' own replicas fetch them. The caller holds the lock of
 * the queue. Answers whether leases were granted.
 */
export async function serveTenant(trx: PoolTransaction, tenantId: string): Promise<boolean> {
  // A selector that fits nothing free is looked for once, however many wait for it.
  const inVain = new Set<string>();
  let served = false;
  for (let after = 0n; ;) {
    const rows = await readWaiters(trx, tenantId, after, inVain);
    if (rows.length > 0) served = (await servePage(trx, tenantId, rows, inVain)) || served;
    if (rows.length < WAITERS_A_PAGE) return served;
    after = rows.at(-1)!.waiter_id;
  }
}

async function readWaiters(
  trx: PoolTransaction,
  tenantId: string,
  after: bigint,
  inVain: ReadonlySet<string>,
): Promise<WaiterRow[]> {
  const { rows } = await sql<WaiterRow>`
    select waiters.waiter_id, waiters.replica_id, waiters.selector_key, waiters.request
    from waiters join replicas using (replica_id)
    where waiters.tenant_id = ${tenantId}::uuid and waiters.granted is null and waiters.waiter_id > ${after}
      and waiters.selector_key <> all(${[...inVain]}::text[])
      and replicas.stamp_time > clock_timestamp() - interval '5 s'
    order by waiters.waiter_id limit ${WAITERS_A_PAGE}`.execute(trx);
  return rows;
}

async function servePage(
  trx: PoolTransaction,
  tenantId: string,
  rows: readonly WaiterRow[],
  inVain: Set<string>,
): Promise<boolean> {
  const requests = new Map(rows.map((row) => [row, requestFromRow(row.request, tenantId, row.selector_key)]));
  const results = await answeredMeanwhile(trx, requests);
  const waiting = rows.filter((row) => !results.has(row));
  const chosen = await chooseInOrder(trx, tenantId, waiting, requests, inVain);
  const granted = await grantLeases(trx, [...chosen.values()]);
  for (const [row, { request }] of chosen) {
    const lease = granted.get(request);
    if (lease) results.set(row, { kind: 'granted', lease });
  }
  await storeResults(trx, results);
  return granted.size > 0;
}

/** Waiters whose request was answered under the same request_id by now. */
async function answeredMeanwhile(
  trx: PoolTransaction,
  requests: ReadonlyMap<WaiterRow, LeaseRequest>,
): Promise<Map<WaiterRow, WaiterResult>> {
  const results = new Map<WaiterRow, WaiterResult>();
  const byId = new Map<string, WaiterRow>();
  const keys: ReplayKey[] = [];
  for (const [row, { replay }] of requests) {
    if (!replay) continue;
    const id = JSON.stringify([replay.principal, replay.requestId]);
    // A second waiter with the id of one before it has its turn when that one has been answered.
    if (byId.has(id)) results.set(row, { kind: 'later' });
    else byId.set(id, row);
    keys.push(replay);
  }
  const answers = await findAnswers(trx, keys);
  for (const [row, { replay }] of requests) {
    const answer = replay && answers.get(replay);
    if (answer instanceof RequestIdReused) results.set(row, { kind: 'reused', requestId: replay!.requestId });
    else if (answer) results.set(row, { kind: 'replayed', answer });
  }
  return results;
}

async function chooseInOrder(
  trx: PoolTransaction,
  tenantId: string,
  waiting: readonly WaiterRow[],
  requests: ReadonlyMap<WaiterRow, LeaseRequest>,
  inVain: Set<string>,
): Promise<Map<WaiterRow, Grant>> {
  const sizes = new Map<string, number>();
  for (const { selector_key } of waiting) sizes.set(selector_key, (sizes.get(selector_key) ?? 0) + 1);
  const free = new Map<string, bigint[]>();
  const taken = new Set<bigint>();
  const chosen = new Map<WaiterRow, Grant>();
  for (const row of waiting) {
    const key = row.selector_key;
    if (!free.has(key)) {
      const wanted = sizes.get(key)! + taken.size;
      const selector = selectorFromKey(key);
      const { sessions } = await lockFree(trx, tenantId, selector, wanted, { behindQueue: true });
      free.set(key, sessions);
    }
    const candidates = free.get(key)!;
    while (candidates.length > 0 && taken.has(candidates[0]!)) candidates.shift();
    const sessionId = candidates.shift();
    if (sessionId === undefined) {
      inVain.add(key);
      continue;
    }
    taken.add(sessionId);
    chosen.set(row, { sessionId, request: requests.get(row)! });
  }
  return chosen;
}

async function storeResults(
  trx: PoolTransaction,
  results: ReadonlyMap<WaiterRow, WaiterResult>,
): Promise<void> {
  const settled = [...results].filter(([, result]) => result.kind !== 'later');
  if (settled.length === 0) return;
  await sql`
    update waiters set granted = result.granted
    from unnest(
      ${settled.map(([row]) => row.waiter_id)}::bigint[],
      ${settled.map(([, result]) => JSON.stringify(resultToRow(result)))}::jsonb[]
    ) as result (waiter_id, granted)
    where waiters.waiter_id = result.waiter_id`.execute(trx);
  const replicas = new Set(settled.map(([row]) => row.replica_id));
  await sendNotices(
    trx,
    [...replicas].map((replica) => ({ kind: 'granted', replica })),
  );
}

/** Takes the results of this replica's waiters out of their rows. */
export async function fetchResults(
  database: PoolDatabase,
  replicaId: string,
): Promise<{ waiter_id: bigint; granted: unknown }[]> {
  const { rows } = await sql<{ waiter_id: bigint; granted: unknown }>`
    delete from waiters where replica_id = ${replicaId}::uuid and granted is not null
    returning waiter_id, granted`.execute(database.kysely);
  return rows;
}

/** Leaves the queue; answers what the waiter was given at the last moment, if anything. */
export async function leaveQueue(database: PoolDatabase, waiterId: bigint): Promise<unknown> {
  const { rows } = await sql<{ granted: unknown }>`
    delete from waiters where waiter_id = ${waiterId} returning granted`.execute(database.kysely);
  return rows[0]?.granted ?? undefined;
}

/** Which of these still stand in the queue or have their result there. */
export async function readPresent(
  database: PoolDatabase,
  waiterIds: readonly bigint[],
): Promise<Set<bigint>> {
  const { rows } = await sql<{ waiter_id: bigint }>`
    select waiter_id from waiters where waiter_id = any(${waiterIds}::bigint[])`.execute(database.kysely);
  return new Set(rows.map((row) => row.waiter_id));
}

export interface QueuePosition {
  waiter_id: bigint;
  /** Earlier waiters with the same selector, plus one. */
  position: number;
}

export async function readPositions(
  database: PoolDatabase,
  waiters: readonly { waiterId: bigint; tenantId: string }[],
): Promise<QueuePosition[]> {
  const { rows } = await sql<QueuePosition>`
    select waiter_id, position from (
      select waiter_id, row_number() over (
        partition by tenant_id, selector_key order by waiter_id
      )::integer as position
      from waiters
      where granted is null
        and tenant_id = any(${[...new Set(waiters.map(({ tenantId }) => tenantId))]}::uuid[])
    ) as placed
    where waiter_id = any(${waiters.map(({ waiterId }) => waiterId)}::bigint[])`.execute(database.kysely);
  return rows;
}

/**
 * For the first, the second … of those who wait with this selector: milliseconds until a session is free at the
 * latest, if no holder renews. As many as there are sessions that fit.
 */
export async function readEstimates(
  database: PoolDatabase,
  { tenantId, selector }: LeaseRequest,
  count: number,
): Promise<number[]> {
  const { rows } = await sql<{ ms: number }>`
    select greatest(0, extract(epoch from (
      greatest(expire_time, claim_expire_time, quarantine_end_time, wait_end_time) - clock_timestamp()
    )) * 1000)::float8 as ms
    from slots
    where ${fits(tenantId, selector)} and condition = 0 and (not paused or ${selector.evenPaused ?? false})
    order by greatest(expire_time, claim_expire_time, quarantine_end_time, wait_end_time) nulls first
    limit ${count}`.execute(database.kysely);
  return rows.map((row) => row.ms ?? 0);
}
