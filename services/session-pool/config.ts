import { duration, integer, optionalText } from '#lib/config/config.ts';
import * as shared from '#lib/config/shared.ts';

export const fields = {
  databaseUrl: shared.databaseUrl,
  databasePoolSize: integer('DATABASE_POOL_SIZE', {
    doc: 'The most connections to the database that this process opens, besides two for events and notices.',
    default: 12,
    min: 4,
    max: 200,
  }),
  natsUrl: shared.natsUrl,
  grpcPort: shared.grpcPort(50_051),
  adminPort: shared.adminPort(9_051),
  listenHost: shared.listenHost,
  meshKey: shared.meshKey,
  masterKey: shared.masterKey,
  operatorKey: shared.operatorKey,
  operatorTenant: shared.operatorTenant,
  accountAuthAddress: shared.accountAuthAddress,
  quarantine: duration('POOL_QUARANTINE', {
    doc: 'How long a session is kept back after a lease with its key in hand that the holder did not release.',
    default: '2m',
    min: '0s',
    max: '24h',
  }),
  queueLimit: integer('POOL_QUEUE_LIMIT', {
    doc: 'The most acquires of one tenant that may wait in the queue.',
    default: 1_000,
    min: 1,
    max: 100_000,
  }),
  sessionsDir: optionalText('SESSIONS_DIR', {
    doc: "A folder whose session files are the pool's: what is added there joins, what is removed leaves.",
    maxLength: 4_096,
  }),
  syncEvery: duration('SESSIONS_SYNC_EVERY', {
    doc: 'How often the folder is compared with the pool, besides at the start and on call; 0s: not else.',
    default: '1h',
    min: '0s',
    max: '24h',
  }),
  removalLimit: integer('SESSIONS_REMOVAL_LIMIT', {
    doc:
      'A folder that lacks more than this share, in percent, of the sessions that came from it is taken for the ' +
      'wrong one, and nothing changes; 100: it is always believed.',
    default: 50,
    min: 1,
    max: 100,
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
