import { isSpanContextValid, trace } from '@opentelemetry/api';
import { pino, type DestinationStream, type LogFn, type Logger as PinoLogger } from 'pino';
import { everyCall, type CallShare } from './call-share.ts';
import { registerLines } from './lines.ts';
import { exportLine } from './log-export.ts';
import { isLogKind } from './log-kinds.ts';
import { openLogOutput, passOn, type LogOutput } from './log-output.ts';
import { redact } from './redaction.ts';
import { describeError, hideUrlPasswords, safeMessage } from './safe-error.ts';

/**
 * JSON lines on stdout. Each has a `kind` of a short list and, by convention, an `event`, a stable snake_case name that
 * tools can select by: `log.info({ event: 'relay_started', schema }, 'the relay has started')`; errors go in `err`.
 * Without a kind, lines are of the kind `process`, and from the level `error` on of the kind `error`.
 */
export type Logger = PinoLogger;

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

export interface LoggerOptions {
  service: string;
  level: LogLevel;
  version?: string;
  calls?: CallShare;
  /** Standard output when not given. */
  destination?: DestinationStream;
}

const ERROR_LEVEL = pino.levels.values['error']!;

export function createLogger({
  service,
  level,
  version,
  calls = everyCall,
  destination,
}: LoggerOptions): Logger {
  const output = destination === undefined ? openStandardOutput() : passOn(destination);
  const base = { service, ...(version === undefined ? {} : { version }), pid: process.pid };
  const log = pino(
    {
      level,
      base,
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: 'message',
      errorKey: 'err',
      mixin: (_fields, lineLevel) => ({
        kind: lineLevel >= ERROR_LEVEL ? 'error' : 'process',
        ...traceIds(),
      }),
      mixinMergeStrategy: withClosedKind,
      serializers: { err: describeError, error: describeError, cause: describeError },
      formatters: { level: (label) => ({ level: label }), log: redact },
      hooks: { logMethod: withSafeMessage, streamWrite: hideUrlPasswords },
    },
    {
      write(line) {
        output.write(line);
        exportLine(line);
      },
    },
  );
  registerLines(log, output, base, calls);
  // Bindings of a child pass no formatter; children inherit this.
  const makeChild = log.child as (this: Logger, ...args: unknown[]) => never;
  log.child = function redactedChild(this: Logger, bindings, childOptions) {
    return makeChild.call(this, redact(bindings), childOptions);
  };
  return log;
}

function openStandardOutput(): LogOutput {
  const output = openLogOutput();
  process.once('exit', () => output.close());
  return output;
}

/** A kind that is not of the list is what happened: the list stays closed whatever a caller writes. */
function withClosedKind(fields: object, mixin: object): object {
  const { kind } = fields as { kind?: unknown };
  if (kind === undefined || isLogKind(kind)) return { ...mixin, ...fields };
  return { ...mixin, ...fields, kind: (mixin as { kind: string }).kind, event: kind };
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
