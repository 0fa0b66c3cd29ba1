import { isSpanContextValid, trace } from '@opentelemetry/api';
import { pino, type DestinationStream, type LogFn, type Logger as PinoLogger } from 'pino';
import { describeError, hideUrlPasswords, safeMessage } from './safe-error.ts';

/**
 * JSON lines on stdout. By convention each line has a `kind`, a stable snake_case name that tools can
 * select by: `log.info({ kind: 'relay_started', schema }, 'the relay has started')`; errors go in `err`.
 */
export type Logger = PinoLogger;

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

export interface LoggerOptions {
  service: string;
  level: LogLevel;
  version?: string;
  /** Standard output when not given; written synchronously, so that the last line before a crash is there. */
  destination?: DestinationStream;
}

export function createLogger({ service, level, version, destination }: LoggerOptions): Logger {
  const log = pino(
    {
      level,
      base: { service, ...(version === undefined ? {} : { version }), pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: 'message',
      errorKey: 'err',
      mixin: traceIds,
      serializers: { err: describeError, error: describeError, cause: describeError },
      formatters: { level: (label) => ({ level: label }), log: redact },
      hooks: { logMethod: withSafeMessage, streamWrite: hideUrlPasswords },
    },
    destination ?? pino.destination({ fd: 1, sync: true }),
  );
  // Bindings of a child pass no formatter; children inherit this.
  const makeChild = log.child as (this: Logger, ...args: unknown[]) => never;
  log.child = function redactedChild(this: Logger, bindings, childOptions) {
    return makeChild.call(this, redact(bindings), childOptions);
  };
  return log;
}

/** An error that is logged without a message would lend the line its own, values included. */
function withSafeMessage(this: Logger, args: Parameters<LogFn>, method: LogFn): void {
  const [first, message] = args as unknown[];
  const error = first instanceof Error ? first : (first as { err?: unknown } | undefined)?.err;
  if (!(error instanceof Error) || message !== undefined) return method.apply(this, args);
  method.call(this, first instanceof Error ? { err: error } : first, safeMessage(error));
}

function traceIds(): object {
  const spanContext = trace.getActiveSpan()?.spanContext();
  if (!spanContext || !isSpanContextValid(spanContext)) return {};
  return { trace_id: spanContext.traceId, span_id: spanContext.spanId };
}

/** Compared without case, `-` and `_`. `session_id`, `fencing_token` and `page_token` are not secrets. */
const SECRET_NAMES = new Set(
  `authorization proxyauthorization cookie setcookie apikey xapikey password passphrase secret key token
   accesstoken refreshtoken idtoken bearer authkey masterkey meshkey operatorkey datakey privatekey session
   sessionstring stringsession code logincode phonecode phonecodehash passwordhash phone phonenumber apihash
   credentials databaseurl dsn`.split(/\s+/),
);
const SECRET_ENDINGS = ['password', 'secret', 'apikey', 'authkey', 'masterkey', 'privatekey', 'phonenumber'];

const MAX_DEPTH = 6;
const REDACTED = '[redacted]';

export function isSecretName(name: string): boolean {
  const plain = name.replace(/[-_]/g, '').toLowerCase();
  return SECRET_NAMES.has(plain) || SECRET_ENDINGS.some((ending) => plain.endsWith(ending));
}

function redact(fields: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, redactField(name, value, 1)]),
  );
}

function redactField(name: string, value: unknown, depth: number): unknown {
  if (value === undefined || value === null) return value;
  return isSecretName(name) ? REDACTED : redactValue(value, depth);
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return depth === 1 ? value : describeError(value);
  if (value instanceof Date) return value;
  if (value instanceof Uint8Array) return `[${value.byteLength} bytes]`;
  if (depth >= MAX_DEPTH) return '[too deep]';
  if (Array.isArray(value)) return value.map((item) => redactValue(item, depth + 1));
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  return Object.fromEntries(
    entries.map(([name, item]) => [String(name), redactField(String(name), item, depth + 1)]),
  );
}
