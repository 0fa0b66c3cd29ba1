import { choice, duration, flag, integer, optionalText } from '#lib/config/config.ts';
import * as shared from '#lib/config/shared.ts';

export const fields = {
  databaseUrl: shared.databaseUrl,
  databasePoolSize: integer('DATABASE_POOL_SIZE', {
    doc: 'The most connections to the database that this process opens, besides one for events.',
    default: 12,
    min: 4,
    max: 200,
  }),
  natsUrl: shared.natsUrl,
  grpcPort: shared.grpcPort(50_054),
  adminPort: shared.adminPort(9_054),
  listenHost: shared.listenHost,
  meshKey: shared.meshKey,
  masterKey: shared.masterKey,
  operatorKey: shared.operatorKey,
  operatorTenant: optionalText('TELEGATE_OPERATOR_TENANT', {
    doc: "The tenant that the operator's key belongs to, a UUID.",
    maxLength: 36,
  }),
  localTelegramAddress: optionalText('LOCAL_TELEGRAM_ADDRESS', {
    doc: 'Where a local Telegram serves gRPC: proxies are checked against it, and accounts need no proxy. Unset: the real Telegram.',
    maxLength: 512,
  }),
  privateAddresses: choice('ALLOW_PRIVATE_PROXIES', {
    doc: "Which addresses besides public ones a proxy may have: none, this machine's own (loopback), or any of private networks (all).",
    values: ['none', 'loopback', 'all'],
    default: 'none',
  }),
  allowDirect: flag('ALLOW_DIRECT', {
    doc: 'Accounts of a tenant that has no proxies connect to Telegram directly. With a local Telegram they always do.',
    default: false,
  }),
  defaultProxy: optionalText('DEFAULT_PROXY', {
    doc: "The proxy that new sessions of the operator's tenant get first: its id, or socks5://user:password@host:port, which is added if it is not there.",
    secret: true,
    maxLength: 1_024,
  }),
  policy: choice('PROXY_POLICY', {
    doc: 'How accounts that name no policy get their proxy. Telegram ends sessions that hop between addresses: random and least_used choose anew at each connection.',
    values: ['sticky', 'round_robin', 'least_used', 'random'],
    default: 'sticky',
  }),
  whenDown: choice('PROXY_WHEN_DOWN', {
    doc: 'What an account whose kept proxy is down does when it connects: wait until it is up, or take another for good (replace).',
    values: ['wait', 'replace'],
    default: 'wait',
  }),
  capacity: integer('PROXY_CAPACITY', {
    doc: 'How many accounts a proxy takes that names no capacity of its own.',
    default: 10,
    min: 1,
    max: 100_000,
  }),
  proxyLimit: integer('PROXY_LIMIT', {
    doc: 'The most proxies that a tenant may have.',
    default: 10_000,
    min: 1,
    max: 1_000_000,
  }),
  checkEvery: duration('PROXY_CHECK_EVERY', {
    doc: 'How often a proxy that works is looked at; one that is down sooner at first, and ever later.',
    default: '5m',
    min: '1s',
    max: '24h',
  }),
  checkTimeout: duration('PROXY_CHECK_TIMEOUT', {
    doc: 'How long a proxy has to reach a data centre of Telegram before it counts as down.',
    default: '10s',
    min: '100ms',
    max: '25s',
  }),
  slowAfter: duration('PROXY_SLOW_AFTER', {
    doc: 'A proxy that takes longer to reach a data centre of Telegram is slow: it is assigned only when no other has room.',
    default: '2s',
    min: '1ms',
    max: '25s',
  }),
  checkConcurrency: integer('PROXY_CHECK_CONCURRENCY', {
    doc: 'How many proxies this process looks at at the same time in the background.',
    default: 16,
    min: 1,
    max: 1_000,
  }),
  shutdownGrace: shared.shutdownGrace,
  startTimeout: shared.startTimeout,
  tlsCertFile: shared.tlsCertFile,
  tlsKeyFile: shared.tlsKeyFile,
  tlsClientCaFile: shared.tlsClientCaFile,
  reflection: shared.reflection,
  logLevel: shared.logLevel,
};
