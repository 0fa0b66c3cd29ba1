import type { Proxy } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import { ProxyState } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import type {
  ImportProxiesRequest,
  ListProxiesRequest,
} from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import type { FieldViolation } from '#lib/rpc/errors.ts';
import { readPageToken } from '#lib/requests/page-token.ts';
import * as validate from '#lib/requests/validate.ts';
import { readHost, type Host } from '#lib/network/address.ts';
import { credentialFault } from './import-list.ts';

export const CAPACITY_MAX = 100_000;
const LIST_BYTES = 2 * 1024 * 1024;
const LIST_LINES = 10_000;
const STATES = Object.values(ProxyState);

export type GoodHost = Exclude<Host, { kind: 'fault' }>;

/** What an owner says about a proxy, in the form that the service works with. */
export interface ProxyWish {
  host: GoodHost;
  port: number;
  username: string;
  password: string;
  name: string;
  labels: Record<string, string>;
  country: string;
  capacity: number;
}

export type WishField = keyof ProxyWish;
export const wishFields: readonly WishField[] = [
  'host',
  'port',
  'username',
  'password',
  'name',
  'labels',
  'country',
  'capacity',
];

const noHost: GoodHost = { kind: 'name', host: '' };

/** Reads the fields that are asked for; the others are what an empty message has. */
export function readWish(
  violations: FieldViolation[],
  proxy: Proxy | undefined,
  fields: ReadonlySet<string> = new Set(wishFields),
): ProxyWish {
  const wish: ProxyWish = {
    host: noHost,
    port: 0,
    username: '',
    password: '',
    name: '',
    labels: {},
    country: '',
    capacity: 0,
  };
  if (!proxy) {
    violations.push({ field: 'proxy', description: 'is missing; send the proxy' });
    return wish;
  }
  if (fields.has('host')) wish.host = host(violations, proxy.host);
  if (fields.has('port')) wish.port = port(violations, proxy.port);
  if (fields.has('username'))
    wish.username = credential(violations, 'proxy.username', 'user name', proxy.username);
  if (fields.has('password'))
    wish.password = credential(violations, 'proxy.password', 'password', proxy.password);
  if (fields.has('username') && wish.username === '' && wish.password !== '')
    violations.push({ field: 'proxy.username', description: 'is missing; a password needs a user name' });
  if (fields.has('name')) wish.name = validate.text(violations, 'proxy.name', proxy.name, { max: 128 });
  if (fields.has('labels'))
    wish.labels = validate.labels(violations, 'proxy.labels', proxy.labels, {
      max: validate.LABELS_A_SESSION,
    });
  if (fields.has('country')) wish.country = country(violations, 'proxy.country', proxy.country);
  if (fields.has('capacity')) wish.capacity = capacity(violations, proxy.capacity);
  return wish;
}

function host(violations: FieldViolation[], raw: string): GoodHost {
  const read = readHost(raw);
  if (read.kind !== 'fault') return read;
  violations.push({ field: 'proxy.host', description: read.fault });
  return noHost;
}

function port(violations: FieldViolation[], value: number): number {
  if (value < 1 || value > 65_535)
    violations.push({ field: 'proxy.port', description: `is ${value}; send 1 to 65,535` });
  return value;
}

function credential(violations: FieldViolation[], field: string, what: string, value: string): string {
  const fault = credentialFault(what, value);
  if (fault !== undefined) violations.push({ field, description: `${fault}; correct it` });
  return value;
}

function capacity(violations: FieldViolation[], value: number): number {
  if (value < 0 || value > CAPACITY_MAX)
    violations.push({
      field: 'proxy.capacity',
      description: `is ${value}; send 1 to ${CAPACITY_MAX}, or 0 for the default`,
    });
  return value;
}

/** ISO 3166-1 alpha-2, or empty. */
export function country(violations: FieldViolation[], field: string, value: string): string {
  if (value !== '' && !/^[A-Za-z]{2}$/.test(value))
    violations.push({ field, description: 'is no country code; send two letters such as DE, or nothing' });
  return value.toUpperCase();
}

export function readImport(request: ImportProxiesRequest): {
  labels: Record<string, string>;
  country: string;
} {
  const violations: FieldViolation[] = [];
  const bytes = Buffer.byteLength(request.list);
  if (request.list.trim() === '')
    violations.push({ field: 'list', description: 'is empty; send a line for each proxy' });
  else if (bytes > LIST_BYTES)
    violations.push({
      field: 'list',
      description: `has ${bytes} bytes; send at most ${LIST_BYTES} at a time`,
    });
  else if (lineCount(request.list) > LIST_LINES)
    violations.push({
      field: 'list',
      description: `has over ${LIST_LINES} lines; send at most so many at a time`,
    });
  const labels = validate.labels(violations, 'labels', request.labels, { max: validate.LABELS_A_SESSION });
  const wanted = country(violations, 'country', request.country);
  validate.requestId(violations, 'request_id', request.requestId);
  validate.throwIfAny(violations);
  return { labels, country: wanted };
}

function lineCount(text: string): number {
  return (text.trimEnd().match(/\r\n|\n|\r/g)?.length ?? 0) + 1;
}

export function readListRequest(request: ListProxiesRequest, tenantId: string) {
  const violations: FieldViolation[] = [];
  const filter = {
    state: validate.oneOf(
      violations,
      'state',
      request.state,
      STATES,
      'send a state that ProxyState names, or none',
    ),
    labels: validate.labels(violations, 'labels', request.labels, { max: validate.LABELS_A_SESSION }),
    country: country(violations, 'country', request.country),
    withRoomOnly: request.withRoomOnly,
  };
  const filterId = ['ListProxies', tenantId, filter];
  const limit = validate.pageSize(violations, 'page_size', request.pageSize);
  const after = readPageToken(violations, 'page_token', request.pageToken, filterId);
  validate.throwIfAny(violations);
  return { filter, filterId, limit, after };
}
