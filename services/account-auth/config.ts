import { choice, duration, integer, text } from '#lib/config/config.ts';
import * as shared from '#lib/config/shared.ts';

export const fields = {
  databaseUrl: shared.databaseUrl,
  databasePoolSize: integer('DATABASE_POOL_SIZE', {
    doc: 'The most connections to the database that this process opens, besides two for events.',
    default: 12,
    min: 4,
    max: 200,
  }),
  natsUrl: shared.natsUrl,
  grpcPort: shared.grpcPort(50_052),
  adminPort: shared.adminPort(9_052),
  listenHost: shared.listenHost,
  meshKey: shared.meshKey,
  masterKey: shared.masterKey,
  operatorKey: shared.operatorKey,
  operatorTenant: shared.operatorTenant,
  operatorEmail: text('OPERATOR_EMAIL', {
    doc: 'The e-mail address of the first operator, who is created when there is none. The password is printed on standard error, once.',
    default: 'operator@telegate.local',
    maxLength: 254,
  }),
  registration: choice('REGISTRATION', {
    doc: 'Who may register: everybody, each with a tenant of its own, or only who was invited to one.',
    values: ['open', 'invited'],
    default: 'open',
  }),
  loginTtl: duration('LOGIN_TTL', {
    doc: 'How long a login lasts from the last time its tokens were refreshed.',
    default: '30d',
    min: '1h',
    max: '365d',
  }),
  signingKeyLife: duration('SIGNING_KEY_LIFE', {
    doc: 'How long a key signs access tokens before the next one does.',
    default: '30d',
    min: '2h',
    max: '365d',
  }),
  attemptsPerUser: integer('LOGIN_ATTEMPTS_PER_USER', {
    doc: 'Wrong passwords of one user within LOGIN_ATTEMPTS_WINDOW, from wherever; then it is refused until the end of that.',
    default: 10,
    min: 1,
    max: 10_000,
  }),
  attemptsPerAddress: integer('LOGIN_ATTEMPTS_PER_ADDRESS', {
    doc: 'Wrong passwords from one address (of IPv6: one /64) within LOGIN_ATTEMPTS_WINDOW, of whomever.',
    default: 100,
    min: 1,
    max: 1_000_000,
  }),
  registrationsPerAddress: integer('REGISTRATIONS_PER_ADDRESS', {
    doc: 'Registrations from one address within LOGIN_ATTEMPTS_WINDOW.',
    default: 30,
    min: 1,
    max: 1_000_000,
  }),
  attemptsWindow: duration('LOGIN_ATTEMPTS_WINDOW', {
    doc: 'How long attempts count.',
    default: '15m',
    min: '1s',
    max: '24h',
  }),
  shutdownGrace: shared.shutdownGrace,
  startTimeout: shared.startTimeout,
  tlsCertFile: shared.tlsCertFile,
  tlsKeyFile: shared.tlsKeyFile,
  tlsClientCaFile: shared.tlsClientCaFile,
  reflection: shared.reflection,
  logLevel: shared.logLevel,
};
