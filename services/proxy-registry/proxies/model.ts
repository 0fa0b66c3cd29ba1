import { create } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { ProxySchema, type Proxy, type ProxyState } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';

/** A proxy and how it does, as one statement read it. */
export interface ProxyRow {
  proxy_id: string;
  ordinal: bigint;
  tenant_id: string;
  host: string;
  port: number;
  username: string;
  name: string;
  labels: Record<string, string>;
  country: string;
  capacity: number;
  pinned_address: string;
  dial_revision: bigint;
  revision: bigint;
  create_time: Date;
  state: ProxyState;
  state_reason: string;
  latency_ms: number | null;
  exit_address: string;
  check_time: Date | null;
  assigned_count: number;
}

export function etagOf(row: { revision: bigint }): string {
  return String(row.revision);
}

export function proxyMessage(row: ProxyRow): Proxy {
  return create(ProxySchema, {
    proxyId: row.proxy_id,
    host: row.host,
    port: row.port,
    username: row.username,
    name: row.name,
    labels: row.labels,
    country: row.country,
    capacity: row.capacity,
    assignedCount: row.assigned_count,
    state: row.state,
    stateReason: row.state_reason,
    latency: row.latency_ms === null ? undefined : durationFromMs(row.latency_ms),
    exitAddress: row.exit_address,
    checkTime: row.check_time === null ? undefined : timestampFromDate(row.check_time),
    createTime: timestampFromDate(row.create_time),
    etag: etagOf(row),
    pinnedAddress: row.pinned_address,
  });
}

/** How a proxy is called in errors: it has no name of its own that is always there. */
export function proxyLabel({
  host,
  port,
  username,
}: {
  host: string;
  port: number;
  username: string;
}): string {
  const place = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return username === '' ? place : `${username}@${place}`;
}

/** Of a page's answer, well below the 4 MiB that a message may have. */
const PAGE_BYTES = 3 * 1024 * 1024;
const ROW_BYTES = 512;
const BYTES_A_CHARACTER = 4;

/** How many of these rows one answer holds, at least one; the rest come with the next page. */
export function rowsThatFit(rows: readonly { labels: Record<string, string> }[]): number {
  let bytes = 0;
  for (const [index, { labels }] of rows.entries()) {
    const text = Object.entries(labels).reduce((sum, [key, value]) => sum + key.length + value.length + 8, 0);
    bytes += ROW_BYTES + text * BYTES_A_CHARACTER;
    if (bytes > PAGE_BYTES && index > 0) return index;
  }
  return rows.length;
}
