import { sql } from 'kysely';
import type { AssignmentState } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import { AssignmentPolicy, type ProxyState } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import type { RegistryTransaction } from '../tables.ts';
import type { Holding, Place } from './model.ts';
import type { Fit, Seat } from './seats.ts';

export interface PlaceRow {
  assignment_id: string;
  ordinal: bigint;
  tenant_id: string;
  account_id: string | null;
  session_id: bigint | null;
  proxy_id: string | null;
  state: AssignmentState;
  policy: AssignmentPolicy;
  labels: Record<string, string>;
  country: string;
  allow_direct: boolean;
  assign_time: Date;
}

export function placeOf(row: PlaceRow): Place {
  return {
    assignmentId: row.assignment_id,
    tenantId: row.tenant_id,
    accountId: row.account_id,
    sessionId: row.session_id,
    proxyId: row.proxy_id,
    state: row.state,
    policy: row.policy,
    labels: row.labels,
    country: row.country,
    allowDirect: row.allow_direct,
    assignTime: row.assign_time,
  };
}

/** Whose place: at least one of the two is known. */
export interface Occupant {
  readonly tenantId: string;
  readonly accountId: string | null;
  readonly sessionId: bigint | null;
}

/** Every place that any of them has; an account and its session may have one each. */
export async function loadPlaces(trx: RegistryTransaction, occupants: readonly Occupant[]): Promise<Place[]> {
  const { rows } = await sql<PlaceRow>`
    with wanted as (
      select * from unnest(
        ${occupants.map(({ tenantId }) => tenantId)}::uuid[],
        ${occupants.map(({ accountId }) => accountId)}::uuid[],
        ${occupants.map(({ sessionId }) => sessionId)}::bigint[]
      ) as wanted (tenant_id, account_id, session_id)
    )
    select assignments.* from assignments join wanted using (tenant_id, account_id)
    union
    select assignments.* from assignments join wanted using (tenant_id, session_id)`.execute(trx);
  return rows.map(placeOf);
}

/**
 * The holds that live, a place. Those that ran out are deleted first: the renewal of one that is under way at
 * this moment is waited for, and then it lives.
 */
export async function loadHoldings(
  trx: RegistryTransaction,
  assignmentIds: readonly string[],
): Promise<Map<string, Holding>> {
  if (assignmentIds.length === 0) return new Map();
  await sql`
    delete from holds
    where assignment_id = any(${assignmentIds}::uuid[]) and expire_time <= clock_timestamp()`.execute(trx);
  const { rows } = await sql<{
    assignment_id: string;
    proxy_id: string | null;
    process_id: string;
    expire_time: Date;
  }>`
    select distinct on (assignment_id) assignment_id, proxy_id, process_id, expire_time from holds
    where assignment_id = any(${assignmentIds}::uuid[]) and expire_time > clock_timestamp()
    order by assignment_id, expire_time desc`.execute(trx);
  return new Map(
    rows.map((row) => [
      row.assignment_id,
      { proxyId: row.proxy_id, processId: row.process_id, expireTime: row.expire_time },
    ]),
  );
}

interface SeatRow {
  proxy_id: string;
  ordinal: bigint;
  tenant_id: string;
  labels: Record<string, string>;
  country: string;
  state: ProxyState;
  capacity: number;
  assigned_count: number;
}

function seatOf(row: SeatRow): Seat {
  return {
    proxyId: row.proxy_id,
    ordinal: row.ordinal,
    tenantId: row.tenant_id,
    labels: row.labels,
    country: row.country,
    state: row.state,
    capacity: row.capacity,
    assigned: row.assigned_count,
  };
}

const capacityOf = (defaultCapacity: number) =>
  sql<number>`case proxies.capacity when 0 then ${defaultCapacity}::integer else proxies.capacity end`;

const seatColumns = (defaultCapacity: number) => sql`
  proxies.proxy_id, proxies.ordinal, proxies.tenant_id, proxies.labels, proxies.country, proxy_status.state,
  ${capacityOf(defaultCapacity)} as capacity, proxy_status.assigned_count`;

/** Of those tenants only: another's proxy is not there. */
export async function loadSeats(
  trx: RegistryTransaction,
  proxyIds: readonly string[],
  tenantIds: readonly string[],
  defaultCapacity: number,
): Promise<Seat[]> {
  if (proxyIds.length === 0) return [];
  const { rows } = await sql<SeatRow>`
    select ${seatColumns(defaultCapacity)} from proxies join proxy_status using (proxy_id)
    where proxies.proxy_id = any(${proxyIds}::uuid[]) and proxies.tenant_id = any(${tenantIds}::uuid[])
  `.execute(trx);
  return rows.map(seatOf);
}

export interface CandidateQuery {
  tenantId: string;
  policy: AssignmentPolicy;
  fit: Fit;
  lastOrdinal: bigint;
  /** As many as may be placed: then it can not be that only others, that were not read, have room. */
  limit: number;
  defaultCapacity: number;
}

export async function loadCandidates(trx: RegistryTransaction, query: CandidateQuery): Promise<Seat[]> {
  const { tenantId, policy, fit, lastOrdinal, limit, defaultCapacity } = query;
  const order =
    policy === AssignmentPolicy.RANDOM
      ? sql`random()`
      : policy === AssignmentPolicy.ROUND_ROBIN
        ? sql`proxies.ordinal <= ${lastOrdinal}, proxies.ordinal`
        : sql`proxy_status.assigned_count, proxies.ordinal`;
  const { rows } = await sql<SeatRow>`
    select ${seatColumns(defaultCapacity)} from proxies join proxy_status using (proxy_id)
    where proxies.tenant_id = ${tenantId}::uuid and proxy_status.state <> 4
      and proxy_status.assigned_count < ${capacityOf(defaultCapacity)}
      and proxies.labels @> ${JSON.stringify(fit.labels)}::jsonb
      and (${fit.country} = '' or proxies.country = ${fit.country})
    order by proxy_status.state = 3, ${order} limit ${limit}`.execute(trx);
  return rows.map(seatOf);
}

export async function tenantsWithProxies(
  trx: RegistryTransaction,
  tenantIds: readonly string[],
): Promise<Set<string>> {
  const { rows } = await sql<{ tenant_id: string }>`
    select tenant_id from unnest(${tenantIds}::uuid[]) as tenant_id
    where exists (select from proxies where proxies.tenant_id = tenant_id.tenant_id)`.execute(trx);
  return new Set(rows.map((row) => row.tenant_id));
}

export async function savePlaces(trx: RegistryTransaction, places: readonly Place[]): Promise<void> {
  if (places.length === 0) return;
  const column = <T>(value: (place: Place) => T): T[] => places.map(value);
  await sql`
    insert into assignments
      (assignment_id, tenant_id, account_id, session_id, proxy_id, state, policy, labels, country, allow_direct,
       assign_time)
    select assignment_id, tenant_id, account_id, session_id, proxy_id, state, policy, labels, country,
      allow_direct, assign_time
    from unnest(
      ${column(({ assignmentId }) => assignmentId)}::uuid[],
      ${column(({ tenantId }) => tenantId)}::uuid[],
      ${column(({ accountId }) => accountId)}::uuid[],
      ${column(({ sessionId }) => sessionId)}::bigint[],
      ${column(({ proxyId }) => proxyId)}::uuid[],
      ${column(({ state }) => state)}::smallint[],
      ${column(({ policy }) => policy)}::smallint[],
      ${column(({ labels }) => JSON.stringify(labels))}::jsonb[],
      ${column(({ country }) => country)}::text[],
      ${column(({ allowDirect }) => allowDirect)}::boolean[],
      ${column(({ assignTime }) => assignTime.toISOString())}::timestamptz[]
    ) with ordinality as place
      (assignment_id, tenant_id, account_id, session_id, proxy_id, state, policy, labels, country, allow_direct,
       assign_time, ordinality)
    order by ordinality
    on conflict (assignment_id) do update set account_id = excluded.account_id,
      session_id = excluded.session_id, proxy_id = excluded.proxy_id, state = excluded.state,
      policy = excluded.policy, labels = excluded.labels, country = excluded.country,
      allow_direct = excluded.allow_direct, assign_time = excluded.assign_time`.execute(trx);
}

export async function removePlaces(
  trx: RegistryTransaction,
  assignmentIds: readonly string[],
): Promise<void> {
  if (assignmentIds.length === 0) return;
  await sql`delete from assignments where assignment_id = any(${assignmentIds}::uuid[])`.execute(trx);
}

export async function addToCounts(
  trx: RegistryTransaction,
  deltas: ReadonlyMap<string, number>,
): Promise<void> {
  const changed = [...deltas].filter(([, delta]) => delta !== 0);
  if (changed.length === 0) return;
  await sql`
    update proxy_status set assigned_count = assigned_count + delta
    from unnest(
      ${changed.map(([proxyId]) => proxyId)}::uuid[], ${changed.map(([, delta]) => delta)}::integer[]
    ) as changed (proxy_id, delta)
    where proxy_status.proxy_id = changed.proxy_id`.execute(trx);
}

export async function saveTurn(
  trx: RegistryTransaction,
  tenantId: string,
  lastOrdinal: bigint,
): Promise<void> {
  await sql`
    update turns set last_ordinal = ${lastOrdinal} where tenant_id = ${tenantId}::uuid`.execute(trx);
}

export interface AssignmentFilter {
  proxyId: string | null;
  accountId: string | null;
  sessionId: bigint | null;
  state: AssignmentState;
}
