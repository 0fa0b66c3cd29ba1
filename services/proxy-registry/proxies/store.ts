import { sql, type QueryExecutorProvider, type RawBuilder, type SqlBool } from 'kysely';
import { ProxyState } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import { NotFound, QuotaExceeded } from '#lib/rpc/errors.ts';
import type { RegistryTransaction } from '../tables.ts';
import { proxyLabel, type ProxyRow } from './model.ts';

function selectProxies(where: RawBuilder<SqlBool>, limit: number): RawBuilder<ProxyRow> {
  return sql<ProxyRow>`
    select proxies.*, proxy_status.state, proxy_status.state_reason, proxy_status.latency_ms,
      proxy_status.exit_address, proxy_status.check_time, proxy_status.assigned_count
    from proxies join proxy_status using (proxy_id)
    where ${where}
    order by proxies.ordinal limit ${limit}`;
}

export async function readProxy(
  executor: QueryExecutorProvider,
  tenantId: string,
  proxyId: string,
): Promise<ProxyRow> {
  const { rows } = await selectProxies(
    sql`proxies.tenant_id = ${tenantId}::uuid and proxies.proxy_id = ${proxyId}::uuid`,
    1,
  ).execute(executor);
  if (!rows[0]) throw new NotFound('proxy', proxyId);
  return rows[0];
}

/** Whoever's they are: for those who know that already. */
export async function readProxies(
  executor: QueryExecutorProvider,
  proxyIds: readonly string[],
): Promise<ProxyRow[]> {
  if (proxyIds.length === 0) return [];
  const { rows } = await selectProxies(
    sql`proxies.proxy_id = any(${proxyIds}::uuid[])`,
    proxyIds.length,
  ).execute(executor);
  return rows;
}

export interface ProxyFilter {
  state: ProxyState;
  labels: Readonly<Record<string, string>>;
  country: string;
  withRoomOnly: boolean;
}

/** In the order of creation, from behind `after`. `capacity` is that of proxies that name none. */
export async function listProxies(
  executor: QueryExecutorProvider,
  options: { tenantId: string; filter: ProxyFilter; after: bigint; limit: number; capacity: number },
): Promise<ProxyRow[]> {
  const { tenantId, filter, after, limit, capacity } = options;
  const conditions = [
    sql<SqlBool>`proxies.tenant_id = ${tenantId}::uuid`,
    sql<SqlBool>`proxies.ordinal > ${after}`,
  ];
  if (filter.state !== ProxyState.UNSPECIFIED) conditions.push(sql`proxy_status.state = ${filter.state}`);
  if (Object.keys(filter.labels).length > 0)
    conditions.push(sql`proxies.labels @> ${JSON.stringify(filter.labels)}::jsonb`);
  if (filter.country !== '') conditions.push(sql`proxies.country = ${filter.country}`);
  if (filter.withRoomOnly)
    conditions.push(
      sql`proxy_status.assigned_count < case proxies.capacity when 0 then ${capacity} else proxies.capacity end`,
    );
  const { rows } = await selectProxies(sql`${sql.join(conditions, sql` and `)}`, limit).execute(executor);
  return rows;
}

export interface NewProxy {
  proxyId: string;
  host: string;
  port: number;
  username: string;
  name: string;
  labels: Readonly<Record<string, string>>;
  country: string;
  capacity: number;
  pinnedAddress: string;
}

/** Those that were added, in the order given; what is there already is left out. The caller has the turn. */
export async function insertProxies(
  trx: RegistryTransaction,
  tenantId: string,
  proxies: readonly NewProxy[],
): Promise<string[]> {
  if (proxies.length === 0) return [];
  const column = <T>(value: (proxy: NewProxy) => T): T[] => proxies.map(value);
  const { rows } = await sql<{ proxy_id: string }>`
    with wanted as (
      select * from unnest(
        ${column(({ proxyId }) => proxyId)}::uuid[],
        ${column(({ host }) => host)}::text[],
        ${column(({ port }) => port)}::integer[],
        ${column(({ username }) => username)}::text[],
        ${column(({ name }) => name)}::text[],
        ${column(({ labels }) => JSON.stringify(labels))}::jsonb[],
        ${column(({ country }) => country)}::text[],
        ${column(({ capacity }) => capacity)}::integer[],
        ${column(({ pinnedAddress }) => pinnedAddress)}::text[]
      ) with ordinality as wanted
        (proxy_id, host, port, username, name, labels, country, capacity, pinned_address, place)
    ),
    added as (
      insert into proxies
        (proxy_id, tenant_id, host, port, username, name, labels, country, capacity, pinned_address)
      select proxy_id, ${tenantId}::uuid, host, port, username, name, labels, country, capacity, pinned_address
      from wanted order by place
      on conflict (tenant_id, host, port, username) do nothing
      returning proxy_id
    ),
    noted as (
      insert into proxy_status (proxy_id, tenant_id) select proxy_id, ${tenantId}::uuid from added
    )
    select proxy_id from added join wanted using (proxy_id) order by place`.execute(trx);
  return rows.map(({ proxy_id }) => proxy_id);
}

/** Throws when the tenant has more than it may; asked after adding, so that duplicates do not count. */
export async function checkProxyLimit(
  trx: RegistryTransaction,
  tenantId: string,
  limit: number,
): Promise<void> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::integer as count from proxies where tenant_id = ${tenantId}::uuid`.execute(trx);
  if (rows[0]!.count > limit)
    throw new QuotaExceeded(
      'proxies',
      `A tenant may have ${limit} proxies. Delete some, or ask the operator for more (PROXY_LIMIT).`,
    );
}

export async function findByPlace(
  executor: QueryExecutorProvider,
  tenantId: string,
  place: { host: string; port: number; username: string },
): Promise<ProxyRow> {
  const { rows } = await selectProxies(
    sql`proxies.tenant_id = ${tenantId}::uuid and proxies.host = ${place.host}
      and proxies.port = ${place.port} and proxies.username = ${place.username}`,
    1,
  ).execute(executor);
  if (!rows[0]) throw new NotFound('proxy', proxyLabel(place));
  return rows[0];
}
