import { duration, flag, integer, optionalText, text } from '#lib/config/config.ts';
import * as shared from '#lib/config/shared.ts';

export const fields = {
  grpcPort: shared.grpcPort(50_060),
  adminPort: shared.adminPort(9_060),
  listenHost: shared.listenHost,
  mtprotoPort: integer('MTPROTO_PORT', {
    doc: 'Where the first data centre listens; the second takes the next port. 0 takes free ones.',
    default: 4_430,
    min: 0,
    max: 65_534,
  }),
  publicHost: text('MTPROTO_PUBLIC_HOST', {
    doc: 'The IP address that clients are told to connect to.',
    default: '127.0.0.1',
    maxLength: 253,
  }),
  stateFile: optionalText('STATE_FILE', {
    doc: 'Keeps accounts, keys, channels and messages across restarts. Unset: they end with the process.',
    maxLength: 4_096,
  }),
  seed: flag('SEED', {
    doc: 'Whether a world that is new gets a few accounts and a channel.',
    default: true,
  }),
  codeLifetime: duration('LOGIN_CODE_LIFETIME', {
    doc: 'How long a login code works.',
    default: '5m',
    min: '1s',
    max: '24h',
  }),
  callLogLimit: integer('CALL_LOG_LIMIT', {
    doc: 'How many calls the log keeps; the oldest give way.',
    default: 1_000_000,
    min: 1_000,
    max: 10_000_000,
  }),
  operatorKey: optionalText('TELEGATE_OPERATOR_KEY', {
    doc: 'The API key that the control service asks for when LISTEN_HOST is not the loopback address.',
    secret: true,
    maxLength: 512,
  }),
  shutdownGrace: shared.shutdownGrace,
  reflection: {
    ...shared.reflection,
    defaultText: 'on',
    parse: (raw: string | undefined) => shared.reflection.parse(raw ?? 'on'),
  },
  logLevel: shared.logLevel,
  logCalls: shared.logCalls,
};
