import { duration, integer, list, optionalText, text } from '#lib/config/config.ts';
import * as shared from '#lib/config/shared.ts';

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
  meshKey: shared.meshKey,
  operatorKey: shared.operatorKey,
  operatorTenant: optionalText('TELEGATE_OPERATOR_TENANT', {
    doc: "The tenant that the operator's key belongs to, a UUID.",
    maxLength: 36,
  }),
  corsOrigins: list('CORS_ORIGINS', {
    doc: "The web pages that may call from a browser, as https://app.example.org, with commas between; * is every page. None: only the gateway's own.",
    default: [],
    maxItems: 100,
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
  shutdownGrace: shared.shutdownGrace,
  startTimeout: shared.startTimeout,
  tlsCertFile: shared.tlsCertFile,
  tlsKeyFile: shared.tlsKeyFile,
  tlsClientCaFile: shared.tlsClientCaFile,
  meshCaFile: optionalText('MESH_CA_FILE', {
    doc: 'The authority (PEM) of the services behind the gateway; set, they are called over TLS.',
    maxLength: 4_096,
  }),
  meshCertFile: optionalText('MESH_CERT_FILE', {
    doc: 'With MESH_CA_FILE and MESH_KEY_FILE: the certificate (PEM) shown to the services.',
    maxLength: 4_096,
  }),
  meshKeyFile: optionalText('MESH_KEY_FILE', {
    doc: 'The private key (PEM) of MESH_CERT_FILE.',
    maxLength: 4_096,
  }),
  logLevel: shared.logLevel,
};
