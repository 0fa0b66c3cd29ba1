import { duration, flag, integer, optionalText, text } from '#lib/config/config.ts';
import * as shared from '#lib/config/shared.ts';
import { telegramFields } from '#lib/telegram/find-environment.ts';
import { DEFAULT_CEILING } from './engaging/ceiling.ts';

export const fields = {
  databaseUrl: shared.databaseUrl,
  databasePoolSize: integer('DATABASE_POOL_SIZE', {
    doc: 'The most connections to the database that this process opens, besides one for events.',
    default: 12,
    min: 4,
    max: 200,
  }),
  natsUrl: shared.natsUrl,
  grpcPort: shared.grpcPort(50_053),
  adminPort: shared.adminPort(9_053),
  listenHost: shared.listenHost,
  advertisedAddress: optionalText('ADVERTISED_ADDRESS', {
    doc: "host:port at which this process's siblings reach its gRPC: calls for a session are sent on to the process that holds it. Unset: LISTEN_HOST and the port, or this machine's first address where that is every interface. With TLS: a name of the certificate.",
    maxLength: 512,
  }),
  meshKey: shared.meshKey,
  masterKey: shared.masterKey,
  operatorKey: shared.operatorKey,
  operatorTenant: shared.operatorTenant,
  accountAuthAddress: shared.accountAuthAddress,
  ...telegramFields,
  sessionPoolAddress: text('SESSION_POOL_ADDRESS', {
    doc: 'Where session-pool serves gRPC: host:port, or a gRPC target such as dns:///session-pool:50051. Several, separated by commas: one for each replica, of which one is asked until it fails.',
    default: '127.0.0.1:50051',
    maxLength: 2_048,
  }),
  proxyRegistryAddress: optionalText('PROXY_REGISTRY_ADDRESS', {
    doc: 'Where proxy-registry serves gRPC: it says through which proxy an account connects. Unset: accounts connect directly, with a local Telegram or ALLOW_DIRECT; else not at all.',
    maxLength: 512,
  }),
  allowDirect: flag('ALLOW_DIRECT', {
    doc: 'Accounts without a proxy connect to Telegram directly. With a local Telegram they always may.',
    default: false,
  }),
  idleLimit: duration('IDLE_LIMIT', {
    doc: 'A session that nobody used or watched for so long is given back.',
    default: '5m',
    min: '1s',
    max: '24h',
  }),
  mostSessions: integer('MOST_SESSIONS', {
    doc: 'The most sessions that this process holds at once.',
    default: 10_000,
    min: 1,
    max: 50_000,
  }),
  watchLogEvents: integer('WATCH_LOG_EVENTS', {
    doc: "The most events of an account that are kept for watchers who come back or read slowly. They are encrypted with a key of the tenant's.",
    default: 10_000,
    min: 10,
    max: 1_000_000,
  }),
  watchLogKeep: duration('WATCH_LOG_KEEP', {
    doc: 'How long they are kept.',
    default: '24h',
    min: '1s',
    max: '7d',
  }),
  postCeiling: integer('POST_CEILING', {
    doc: 'How many comments, and how many reactions, one post gets from all accounts and callers together. On the real Telegram never more than 50, whatever is set.',
    default: DEFAULT_CEILING,
    min: 1,
    max: 1_000_000,
  }),
  shutdownGrace: shared.shutdownGrace,
  startTimeout: shared.startTimeout,
  tlsCertFile: shared.tlsCertFile,
  tlsKeyFile: shared.tlsKeyFile,
  tlsClientCaFile: shared.tlsClientCaFile,
  meshCaFile: shared.meshCaFile,
  meshCertFile: shared.meshCertFile,
  meshKeyFile: shared.meshKeyFile,
  reflection: shared.reflection,
  logLevel: shared.logLevel,
  logCalls: shared.logCalls,
};
