import { duration, integer, text } from '#lib/config/config.ts';
import * as shared from '#lib/config/shared.ts';
import { telegramFields } from '#lib/telegram/find-environment.ts';
import { DEFAULTS } from './limits.ts';
import { textFields } from './texts/fields.ts';

export const fields = {
  databaseUrl: shared.databaseUrl,
  databasePoolSize: integer('DATABASE_POOL_SIZE', {
    doc: 'The most connections to the database that this process opens, besides those for events and for jobs.',
    default: 12,
    min: 4,
    max: 200,
  }),
  natsUrl: shared.natsUrl,
  grpcPort: shared.grpcPort(50_055),
  adminPort: shared.adminPort(9_055),
  listenHost: shared.listenHost,
  meshKey: shared.meshKey,
  operatorKey: shared.operatorKey,
  operatorTenant: shared.operatorTenant,
  accountAuthAddress: shared.accountAuthAddress,
  messagingAddress: text('MESSAGING_ADDRESS', {
    doc: 'Where messaging serves gRPC: host:port, or a gRPC target such as dns:///messaging:50053. Whatever engagement does at Telegram goes through it.',
    default: '127.0.0.1:50053',
    maxLength: 512,
  }),
  ...telegramFields,
  accountDaily: integer('ENGAGE_ACCOUNT_ACTIONS_A_DAY', {
    doc: 'Actions of an account within any 24 hours, over all campaigns. On the real Telegram never more than 50, whatever is set.',
    default: DEFAULTS.accountDaily,
    min: 1,
    max: 1_000_000,
  }),
  accountGap: duration('ENGAGE_ACCOUNT_GAP', {
    doc: "The shortest time between an account's actions. On the real Telegram never less than 20s, whatever is set.",
    default: `${DEFAULTS.accountGapMs / 1_000}s`,
    min: '0s',
    max: '24h',
  }),
  targetHourly: integer('ENGAGE_TARGET_ACTIONS_AN_HOUR', {
    doc: 'Actions in a channel within any hour, over all campaigns. On the real Telegram never more than 240, whatever is set.',
    default: DEFAULTS.targetHourly,
    min: 1,
    max: 1_000_000,
  }),
  postCeiling: integer('ENGAGE_POST_ACTIONS_OF_A_KIND', {
    doc: "Actions of one kind at one post, over all campaigns; messaging's POST_CEILING holds besides. On the real Telegram never more than 50, whatever is set.",
    default: DEFAULTS.postCeiling,
    min: 1,
    max: 1_000_000,
  }),
  ...textFields,
  actionConcurrency: integer('ACTION_CONCURRENCY', {
    doc: 'How many actions this process has under way at the same time.',
    default: 32,
    min: 1,
    max: 1_000,
  }),
  actionLease: duration('ACTION_LEASE', {
    doc: 'A process that died is noticed after so long, and others do its actions then.',
    default: '10s',
    min: '1s',
    max: '5m',
  }),
  newPostsEvery: duration('NEW_POSTS_EVERY', {
    doc: 'How often a channel is asked for new posts while a campaign waits for them.',
    default: '30s',
    min: '100ms',
    max: '1h',
  }),
  verifyEvery: duration('TARGET_VERIFY_EVERY', {
    doc: 'How often Telegram is asked whether a channel is still administered here. One that could not be asked about for twice as long lapses.',
    default: '24h',
    min: '1s',
    max: '24h',
  }),
  verifyWhileRunning: duration('TARGET_VERIFY_WHILE_RUNNING', {
    doc: 'The same, while a campaign runs in the channel.',
    default: '5m',
    min: '1s',
    max: '24h',
  }),
  verifyPerMinute: integer('TARGET_VERIFY_PER_MINUTE', {
    doc: 'How many channels this process asks about a minute in the background, at the most.',
    default: 60,
    min: 1,
    max: 6_000,
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
