import { randomUUID } from 'node:crypto';
import { status, type Metadata } from '@grpc/grpc-js';
import {
  context,
  isSpanContextValid,
  metrics,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Histogram,
  type Span,
  type SpanOptions,
  type TextMapGetter,
  type TextMapSetter,
  type UpDownCounter,
} from '@opentelemetry/api';
import { safeMessage } from '#lib/telemetry/safe-error.ts';

const tracer = trace.getTracer('telegate.rpc');

/** What every span and measurement of one method has in common, made once. */
export interface MethodTelemetry {
  readonly spanName: string;
  readonly spanOptions: SpanOptions;
  /** The attributes of a call's duration, by its code. */
  readonly byCode: readonly Attributes[];
}

export function methodTelemetry(
  side: 'server' | 'client',
  path: string,
  server: { address?: string; port?: number } = {},
): MethodTelemetry {
  const method = path.slice(1);
  const attributes: Attributes = { 'rpc.system.name': 'grpc', 'rpc.method': method };
  if (server.address !== undefined) attributes['server.address'] = server.address;
  if (server.port !== undefined) attributes['server.port'] = server.port;
  return {
    spanName: method,
    spanOptions: { kind: side === 'server' ? SpanKind.SERVER : SpanKind.CLIENT, attributes },
    byCode: Array.from({ length: status.UNAUTHENTICATED + 1 }, (_, code: status) => ({
      ...attributes,
      'rpc.status_code': codeName(code),
      ...(isFailure(side, code) ? { 'error.type': codeName(code) } : {}),
    })),
  };
}

export function codeName(code: number): string {
  return status[code] ?? String(code);
}

/** The other codes tell a server's caller that the caller is at fault, which is no error of the server. */
const SERVER_FAILURES: ReadonlySet<status> = new Set([
  status.UNKNOWN,
  status.DEADLINE_EXCEEDED,
  status.UNIMPLEMENTED,
  status.INTERNAL,
  status.UNAVAILABLE,
  status.DATA_LOSS,
]);

export function isServerFailure(code: status): boolean {
  return SERVER_FAILURES.has(code);
}

function isFailure(side: 'server' | 'client', code: status): boolean {
  return side === 'server' ? isServerFailure(code) : code !== status.OK;
}

export interface CallSpan {
  readonly span: Span;
  readonly context: Context;
  readonly traceId: string;
}

export function startServerSpan(method: MethodTelemetry, metadata: Metadata): CallSpan {
  const parent = propagation.extract(ROOT_CONTEXT, metadata, metadataGetter);
  const span = tracer.startSpan(method.spanName, method.spanOptions, parent);
  const spanContext = span.spanContext();
  return {
    span,
    context: trace.setSpan(parent, span),
    traceId: isSpanContextValid(spanContext) ? spanContext.traceId : randomUUID().replaceAll('-', ''),
  };
}

/** Starts the span and writes its context into the call's metadata. */
export function startClientSpan(method: MethodTelemetry, metadata: Metadata): Span {
  const parent = context.active();
  const span = tracer.startSpan(method.spanName, method.spanOptions, parent);
  propagation.inject(trace.setSpan(parent, span), metadata, metadataSetter);
  return span;
}

export function endSpan(side: 'server' | 'client', span: Span, code: status, error?: unknown): void {
  if (span.isRecording()) {
    span.setAttribute('rpc.status_code', codeName(code));
    if (isFailure(side, code)) {
      span.setAttribute('error.type', codeName(code));
      span.setStatus({
        code: SpanStatusCode.ERROR,
        message: error === undefined ? codeName(code) : safeMessage(error),
      });
    }
  }
  span.end();
}

const metadataGetter: TextMapGetter<Metadata> = {
  get: (metadata, key) => metadata.get(key).map(String),
  keys: (metadata) => Object.keys(metadata.getMap()),
};

const metadataSetter: TextMapSetter<Metadata> = {
  set: (metadata, key, value) => metadata.set(key, value),
};

export interface CallMetrics {
  readonly duration: Histogram;
  readonly active: UpDownCounter;
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Made when a server or client is: an instrument made before telemetry starts measures nothing. */
export function callMetrics(side: 'server' | 'client'): CallMetrics {
  const meter = metrics.getMeter('telegate.rpc');
  return {
    duration: meter.createHistogram(`rpc.${side}.call.duration`, {
      unit: 's',
      description: 'How long calls took, by method and status code; their count is its count.',
      advice: { explicitBucketBoundaries: SECONDS },
    }),
    active: meter.createUpDownCounter(`telegate.rpc.${side}.active_calls`, {
      unit: '{call}',
      description: 'Calls that are open now, streams included.',
    }),
  };
}

/** Returns the seconds that it took. */
export function recordCall(
  callMeters: CallMetrics,
  method: MethodTelemetry,
  code: status,
  startedAt: number,
): number {
  const seconds = (performance.now() - startedAt) / 1_000;
  callMeters.duration.record(seconds, method.byCode[code] ?? {});
  return seconds;
}
