import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import {
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type ObservableResult,
  type Span,
  type TextMapGetter,
} from '@opentelemetry/api';
import { instruments } from '#lib/telemetry/metrics.ts';

const tracer = trace.getTracer('telegate.gateway');

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export const edgeMetrics = instruments((meter) => ({
  duration: meter.createHistogram('http.server.request.duration', {
    unit: 's',
    description: 'How long requests took, by route and status; their count is its count.',
    advice: { explicitBucketBoundaries: SECONDS },
  }),
  active: meter.createObservableUpDownCounter('http.server.active_requests', {
    unit: '{request}',
    description: 'Requests that are open now, streams included.',
  }),
}));

/** Counted when it is asked for, not at each request. Ends by what it answers. */
export function observeOpenCalls(open: ReadonlySet<unknown>): () => void {
  const { active } = edgeMetrics();
  const observe = (result: ObservableResult): void => result.observe(open.size);
  active.addCallback(observe);
  return () => active.removeCallback(observe);
}

export interface RequestTrace {
  readonly span: Span;
  readonly context: Context;
  readonly traceId: string;
}

/** The span in which a request comes into the mesh; part of the caller's trace where it sent one. */
export function startRequestSpan(
  name: string,
  attributes: Attributes,
  headers: IncomingHttpHeaders,
): RequestTrace {
  const parent = propagation.extract(ROOT_CONTEXT, headers, headerGetter);
  const span = tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, parent);
  const spanContext = span.spanContext();
  return {
    span,
    context: trace.setSpan(parent, span),
    traceId: isSpanContextValid(spanContext) ? spanContext.traceId : randomUUID().replaceAll('-', ''),
  };
}

/** `status` is the answer's; 499 where the caller left before there was one. */
export function endRequestSpan(span: Span, status: number, errorType?: string): void {
  span.setAttribute('http.response.status_code', status);
  const failed = errorType ?? (status >= 500 ? String(status) : undefined);
  if (failed !== undefined) {
    span.setAttribute('error.type', failed);
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
  span.end();
}

const headerGetter: TextMapGetter<IncomingHttpHeaders> = {
  get: (headers, key) => headers[key],
  keys: (headers) => Object.keys(headers),
};
