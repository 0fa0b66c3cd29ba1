import type { SpanContext } from '@opentelemetry/api';
import { everyCall, type CallShare } from './call-share.ts';
import { systemClock } from '../lifecycle/clock.ts';
import { exportRecord, isExporting } from './log-export.ts';
import type { LogKind } from './log-kinds.ts';
import type { LogOutput } from './log-output.ts';
import type { Logger } from './log.ts';
import { isSecretName } from './redaction.ts';
import { hideUrlPasswords } from './safe-error.ts';

export type LineFields = Record<string, string | number | boolean | undefined>;

/**
 * Lines of which there are thousands a second: one for each call, one for each event. They look like the other lines,
 * cost a fraction of one, and reach the output within a tenth of a second.
 */
export interface Lines {
  readonly calls: CallShare;
  /** How many found nobody to take them. */
  readonly dropped: number;
  write(
    level: 'info' | 'warn',
    kind: LogKind,
    event: string,
    message: string,
    fields: LineFields,
    spanContext: SpanContext | undefined,
  ): void;
}

const known = new WeakMap<object, Lines>();

/** Of a logger that createLogger made; another writes them as it writes its others. */
export function linesOf(log: Logger): Lines {
  let lines = known.get(log);
  if (!lines) {
    lines = throughLogger(log);
    known.set(log, lines);
  }
  return lines;
}

export function registerLines(log: Logger, output: LogOutput, base: LineFields, calls: CallShare): void {
  const about = Object.entries(base)
    .map(([name, value]) => `,"${name}":${JSON.stringify(value)}`)
    .join('');
  known.set(log, {
    calls,
    get dropped() {
      return output.dropped;
    },
    write(level, kind, event, message, fields, spanContext) {
      if (!log.isLevelEnabled(level)) return;
      let line = `{"level":"${level}","time":"${isoTime()}"${about},"kind":"${kind}","event":"${event}"`;
      if (spanContext) line += `,"trace_id":"${spanContext.traceId}","span_id":"${spanContext.spanId}"`;
      for (const name in fields) {
        const value = fields[name];
        if (value !== undefined) line += `,"${name}":${text(name, value)}`;
      }
      line += `,"message":"${message}"}\n`;
      output.hold(hideUrlPasswords(line));
      if (isExporting()) exportRecord(level, message, { kind, event, ...redacted(fields) }, spanContext);
    },
  });
}

function throughLogger(log: Logger): Lines {
  return {
    calls: everyCall,
    dropped: 0,
    write(level, kind, event, message, fields, spanContext) {
      const ids = spanContext && { trace_id: spanContext.traceId, span_id: spanContext.spanId };
      log[level]({ kind, event, ...ids, ...redacted(fields) }, message);
    },
  };
}

function redacted(fields: LineFields): LineFields {
  for (const name in fields)
    if (isSecret(name))
      return Object.fromEntries(
        Object.entries(fields).map(([key, value]) => [key, isSecret(key) ? '[redacted]' : value]),
      );
  return fields;
}

const secrets = new Map<string, boolean>();

/** Names come from code, so there are few. */
function isSecret(name: string): boolean {
  let secret = secrets.get(name);
  if (secret === undefined) {
    secret = isSecretName(name);
    secrets.set(name, secret);
  }
  return secret;
}

const NEEDS_ESCAPE = /[^\u0020\u0021\u0023-\u005b\u005d-\u007e]/;

function text(name: string, value: string | number | boolean): string {
  if (isSecret(name)) return '"[redacted]"';
  if (typeof value !== 'string') return String(value);
  return NEEDS_ESCAPE.test(value) ? JSON.stringify(value) : `"${value}"`;
}

let lastTime = 0;
let lastText = '';

function isoTime(): string {
  const now = systemClock.now();
  if (now !== lastTime) {
    lastTime = now;
    lastText = new Date(now).toISOString();
  }
  return lastText;
}
