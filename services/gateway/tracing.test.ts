import { context, propagation, SpanKind, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  InMemorySpanExporter,
  SimpleSpanProcessor,
  TracerProvider,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace';
import { afterAll, beforeEach, expect, test, vi } from 'vitest';
import { collect } from '../../tests/support/echo/harness.ts';
import { clientOf, ECHO, failure, setUp, untilAborted } from '../../tests/support/edge.ts';

const exporter = new InMemorySpanExporter();
const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
trace.setGlobalTracerProvider(provider);
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
propagation.setGlobalPropagator(new W3CTraceContextPropagator());

beforeEach(() => exporter.reset());
afterAll(() => provider.shutdown());

const METHOD = ECHO.slice(1);

async function chainOf(name: string): Promise<ReadableSpan[]> {
  await vi.waitFor(() =>
    expect(exporter.getFinishedSpans().filter((span) => span.name === name)).toHaveLength(3),
  );
  const spans = exporter.getFinishedSpans();
  const client = spans.find(({ kind }) => kind === SpanKind.CLIENT)!;
  const byParent = (parent: ReadableSpan) =>
    spans.find(({ parentSpanContext }) => parentSpanContext?.spanId === parent.spanContext().spanId)!;
  const edge = spans.find((span) => span.spanContext().spanId === client.parentSpanContext?.spanId)!;
  return [edge, client, byParent(client)];
}

test.each(['Connect over HTTP/1.1', 'Connect over HTTP/2', 'gRPC'])(
  "a call over %s is part of its caller's trace: edge, client, service",
  async (name) => {
    const edge = await setUp();
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    let answered: string | null = null;
    await clientOf(edge.url, name).echo(
      {},
      {
        headers: { traceparent: `00-${traceId}-b7ad6b7169203331-01` },
        onHeader: (headers) => (answered = headers.get('trace-id')),
      },
    );
    const chain = await chainOf(`${METHOD}/Echo`);
    expect(chain.map(({ kind }) => kind)).toEqual([SpanKind.SERVER, SpanKind.CLIENT, SpanKind.SERVER]);
    expect(chain.map((span) => span.spanContext().traceId)).toEqual([traceId, traceId, traceId]);
    expect(chain[0]!.parentSpanContext?.spanId).toBe('b7ad6b7169203331');
    expect(chain[0]!.attributes['rpc.system.name']).toBe(name === 'gRPC' ? 'grpc' : 'connectrpc');
    expect(answered).toBe(traceId);
  },
);

test('the span of a long stream ends when it is open, of a refused one with its code', async () => {
  const edge = await setUp(
    { handlers: { repeat: (_, __, ctx) => untilAborted(ctx) }, longLived: ['repeat'] },
    { bridge: { longLived: ['repeat'] } },
  );
  const abort = new AbortController();
  const call = failure(collect(clientOf(edge.url).repeat({}, { signal: abort.signal })));
  const [span] = await chainOf(`${METHOD}/Repeat`);
  expect(span!.attributes['rpc.status_code']).toBe('OK');
  expect(edge.open.streams).toBe(1);
  abort.abort();
  await call;
  exporter.reset();
  await failure(clientOf(edge.url, 'gRPC', 'wrong').echo({}));
  await vi.waitFor(() =>
    expect(exporter.getFinishedSpans().map(({ attributes }) => attributes['rpc.status_code'])).toEqual([
      'UNAUTHENTICATED',
    ]),
  );
});
