import type { OutgoingHttpHeaders } from 'node:http';

export type AllowedOrigins = ReadonlySet<string>;

const ALLOWED_HEADERS = [
  'authorization',
  'content-type',
  'x-api-key',
  'x-tenant-id',
  'x-lease-id',
  'idempotency-key',
  'traceparent',
  'tracestate',
  'connect-protocol-version',
  'connect-timeout-ms',
  'connect-accept-encoding',
  'connect-content-encoding',
  'grpc-timeout',
  'x-grpc-web',
  'x-user-agent',
].join(', ');

const EXPOSED_HEADERS = [
  'trace-id',
  'retry-after',
  'x-lease-id',
  'x-lease-ttl',
  'x-failed-profiles',
  'x-total-count',
  'www-authenticate',
  'grpc-status',
  'grpc-message',
  'grpc-status-details-bin',
  'connect-content-encoding',
].join(', ');

const PREFLIGHT_SECONDS = 7_200;

/** What lets a page of another origin read the answer; nothing for origins that are not allowed. */
export function corsHeaders(allowed: AllowedOrigins, origin: string | undefined): OutgoingHttpHeaders {
  if (allowed.size === 0 || origin === undefined) return {};
  const vary = { vary: 'origin' };
  if (!allowed.has('*') && !allowed.has(origin)) return vary;
  return { ...vary, 'access-control-allow-origin': origin, 'access-control-expose-headers': EXPOSED_HEADERS };
}

/** Of the answer to a browser that asks beforehand. */
export const preflightHeaders: OutgoingHttpHeaders = {
  'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
  'access-control-allow-headers': ALLOWED_HEADERS,
  'access-control-max-age': String(PREFLIGHT_SECONDS),
};
