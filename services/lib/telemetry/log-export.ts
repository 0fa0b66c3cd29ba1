import {
  context,
  ROOT_CONTEXT,
  SeverityNumber,
  trace,
  TraceFlags,
  type AnyValue,
  type Context,
  type Logger,
  type SpanContext,
} from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import { BatchLogRecordProcessor, LoggerProvider, type LogRecordExporter } from '@opentelemetry/sdk-logs';
import type { MeterProvider } from '@opentelemetry/sdk-metrics';

export interface LogBatches {
  maxQueueSize: number;
  maxExportBatchSize: number;
  scheduledDelayMillis: number;
  exportTimeoutMillis: number;
}

const SEVERITIES: Record<string, SeverityNumber> = {
  trace: SeverityNumber.TRACE,
  debug: SeverityNumber.DEBUG,
  info: SeverityNumber.INFO,
  warn: SeverityNumber.WARN,
  error: SeverityNumber.ERROR,
  fatal: SeverityNumber.FATAL,
};

/** Of this process; there is one standard output, and one of these beside it. */
let target: Logger | undefined;

/** From now on lines also leave as OTLP records: in batches, later, and dropped and counted where nobody takes them. */
export function startLogExport(
  exporters: readonly LogRecordExporter[],
  resource: Resource,
  meterProvider: MeterProvider,
  batches: LogBatches,
): LoggerProvider {
  const provider = new LoggerProvider({
    resource,
    processors: exporters.map(
      (exporter) =>
        new BatchLogRecordProcessor({ exporter, selfObsMeterProvider: meterProvider, ...batches }),
    ),
  });
  target = provider.getLogger('telegate');
  return provider;
}

export function stopLogExport(): void {
  target = undefined;
}

export function isExporting(): boolean {
  return target !== undefined;
}

export function exportRecord(
  level: string,
  body: string,
  attributes: Record<string, AnyValue>,
  spanContext: SpanContext | undefined,
): void {
  emit(level, body, attributes, spanContext ? trace.setSpanContext(ROOT_CONTEXT, spanContext) : ROOT_CONTEXT);
}

type Line = Record<string, AnyValue> & {
  level: string;
  message?: string;
  trace_id?: string;
  span_id?: string;
};

/** A line as it was written: what is redacted there is redacted here. */
export function exportLine(line: string): void {
  if (!target) return;
  const { level, time, service, version, pid, message, trace_id, span_id, err, ...fields } = JSON.parse(
    line,
  ) as Line;
  // These are the resource's, and every record has the resource.
  void [time, service, version, pid];
  emit(level, message ?? '', { ...fields, ...exceptionOf(err) }, contextOf(trace_id, span_id));
}

function emit(level: string, body: string, attributes: Record<string, AnyValue>, lineContext: Context): void {
  target?.emit({
    severityText: level.toUpperCase(),
    severityNumber: SEVERITIES[level] ?? SeverityNumber.UNSPECIFIED,
    body,
    attributes,
    context: lineContext,
  });
}

/** A line may tell of another's trace than the one that it is written in. */
function contextOf(traceId: string | undefined, spanId: string | undefined): Context {
  if (traceId === undefined || spanId === undefined) return ROOT_CONTEXT;
  const active = trace.getSpanContext(context.active());
  if (active?.traceId === traceId) return context.active();
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: TraceFlags.NONE });
}

function exceptionOf(err: AnyValue): Record<string, AnyValue> {
  if (typeof err !== 'object' || err === null) return {};
  const { type, message, stack, ...rest } = err as Record<string, AnyValue>;
  return {
    'exception.type': type,
    'exception.message': message,
    'exception.stacktrace': stack,
    ...(Object.keys(rest).length > 0 ? { error: rest } : {}),
  };
}
