import { duration, integer, list, text, type Field } from '#lib/config/config.ts';
import * as shared from '#lib/config/shared.ts';
import { edgeLimits } from './limits.ts';

/** The gateway has no data: this is for deployments whose events travel through PostgreSQL. */
const eventsDatabaseUrl: Field<string | undefined> = {
  ...shared.databaseUrl,
  doc: 'Without NATS_URL: the PostgreSQL server that events travel through, as postgres://user:password@host:port/database.',
  defaultText: 'unset',
  parse: (raw) => (raw === undefined ? undefined : shared.databaseUrl.parse(raw)),
};

export const fields = {
  grpcPort: integer('GRPC_PORT', {
    doc: 'Where callers are served: gRPC, gRPC-Web, Connect and plain HTTP, over HTTP/1.1 and HTTP/2 on one port; 0 takes a free one.',
    default: 8_080,
    min: 0,
    max: 65_535,
  }),
  adminPort: shared.adminPort(9_080),
  listenHost: shared.listenHost,
  sessionPoolAddress: text('SESSION_POOL_ADDRESS', {
    doc: 'Where session-pool serves gRPC: host:port, or a gRPC target such as dns:///session-pool:50051, whose addresses share the calls.',
    default: '127.0.0.1:50051',
    maxLength: 512,
  }),
  accountAuthAddress: shared.accountAuthAddress,
  messagingAddress: text('MESSAGING_ADDRESS', {
    doc: 'Where messaging serves gRPC: host:port, or a gRPC target such as dns:///messaging:50053.',
    default: '127.0.0.1:50053',
    maxLength: 512,
  }),
  proxyRegistryAddress: text('PROXY_REGISTRY_ADDRESS', {
    doc: 'Where proxy-registry serves gRPC: host:port, or a gRPC target such as dns:///proxy-registry:50054.',
    default: '127.0.0.1:50054',
    maxLength: 512,
  }),
  engagementAddress: text('ENGAGEMENT_ADDRESS', {
    doc: 'Where engagement serves gRPC: host:port, or a gRPC target such as dns:///engagement:50055.',
    default: '127.0.0.1:50055',
    maxLength: 512,
  }),
  natsUrl: shared.natsUrl,
  eventsDatabaseUrl,
  meshKey: shared.meshKey,
  operatorKey: shared.operatorKey,
  operatorTenant: shared.operatorTenant,
  corsOrigins: list('CORS_ORIGINS', {
    doc: "The web pages that may call from a browser, as https://app.example.org, with commas between; * is every page. None: only the gateway's own.",
    default: [],
    maxItems: 100,
  }),
  callsPerSecond: integer('GATEWAY_CALLS_PER_SECOND', {
    doc: 'How many calls one API key or user may make a second through this process, twice that at once; more are answered 429. 0: no limit.',
    default: edgeLimits.callsPerSecond,
    min: 0,
    max: 1_000_000,
  }),
  callsPerSecondOfAddress: integer('GATEWAY_ADDRESS_CALLS_PER_SECOND', {
    doc: 'The same for one network address, whoever calls from it; raise it, or set it to 0, where callers come through a proxy and have one address. 0: no limit.',
    default: edgeLimits.callsPerSecondOfAddress,
    min: 0,
    max: 1_000_000,
  }),
  maxUnaryPerCaller: integer('GATEWAY_CALLS_AT_ONCE', {
    doc: 'How many calls of one API key or user may run at once in this process, streams not counted.',
    default: edgeLimits.maxUnaryPerCaller,
    min: 1,
    max: 100_000,
  }),
  maxConnections: integer('GATEWAY_CONNECTIONS', {
    doc: 'How many connections this process takes; more are closed at once.',
    default: edgeLimits.maxConnections,
    min: 1,
    max: 1_000_000,
  }),
  httpLeaseTtl: duration('GATEWAY_HTTP_LEASE_TTL', {
    doc: 'How long a session taken by GET /session stays taken when it is not released.',
    default: '30m',
    min: '1m',
    max: '1h',
  }),
  httpQuarantine: duration('GATEWAY_HTTP_QUARANTINE', {
    doc: 'How long a session taken by GET /session is kept back when that time ends without a release. 0s: it is free at once.',
    default: '0s',
    min: '0s',
    max: '24h',
  }),
  reflection: shared.reflection,
  shutdownGrace: shared.shutdownGrace,
  startTimeout: shared.startTimeout,
  tlsCertFile: shared.tlsCertFile,
  tlsKeyFile: shared.tlsKeyFile,
  tlsClientCaFile: shared.tlsClientCaFile,
  meshCaFile: shared.meshCaFile,
  meshCertFile: shared.meshCertFile,
  meshKeyFile: shared.meshKeyFile,
  logLevel: shared.logLevel,
  logCalls: shared.logCalls,
};
