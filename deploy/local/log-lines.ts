import type { Readable } from 'node:stream';

/** A longer line is cut: one runaway line must not take the terminal, or memory. */
const LONGEST_LINE = 8_192;

/** Calls `onLine` for every line; a line that is longer than the limit is cut. */
export function eachLine(stream: Readable, onLine: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = (lines.pop() ?? '').slice(0, LONGEST_LINE);
    for (const line of lines) if (line.trim() !== '') onLine(line.slice(0, LONGEST_LINE).trimEnd());
  });
  stream.on('close', () => {
    if (rest.trim() !== '') onLine(rest);
  });
}

export type Severity = 'hidden' | 'quiet' | 'normal' | 'loud';

export interface LogLine {
  severity: Severity;
  text: string;
}

/** What callers did and were refused is theirs to know; the terminal is for how the mesh does. */
const OF_CALLERS: ReadonlySet<unknown> = new Set(['request', 'auth', 'send', 'business']);

/** What a service writes as JSON, as a person reads it; other text stays as it is and is loud. */
export function readableLine(line: string): LogLine {
  const fields = parse(line);
  if (!fields) return { severity: 'loud', text: line };
  const {
    level,
    time,
    message,
    kind,
    event: _event,
    service: _service,
    pid: _pid,
    version: _version,
    ...rest
  } = fields;
  const clock = typeof time === 'string' ? `${time.slice(11, 23)} ` : '';
  const details = Object.entries(rest).map(([name, value]) => ` ${name}=${shown(value)}`);
  return {
    severity: OF_CALLERS.has(kind) ? 'hidden' : severityOf(level),
    text: `${clock}${String(level).padEnd(5)} ${typeof message === 'string' ? message : ''}${details.join('')}`,
  };
}

function severityOf(level: unknown): Severity {
  switch (level) {
    case 'warn':
    case 'error':
    case 'fatal':
      return 'loud';
    case 'trace':
    case 'debug':
      return 'quiet';
    default:
      return 'normal';
  }
}

function shown(value: unknown): string {
  if (typeof value === 'string') return /[\s"=]/.test(value) ? JSON.stringify(value) : value;
  if (isError(value)) return JSON.stringify(value.message);
  return JSON.stringify(value);
}

function isError(value: unknown): value is { message: string; stack?: string } {
  return typeof value === 'object' && value !== null && 'message' in value && 'type' in value;
}

function parse(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
