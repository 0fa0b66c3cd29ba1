import { Client as Channel, credentials, Metadata, status } from '@grpc/grpc-js';
import {
  context,
  diag,
  DiagLogLevel,
  propagation,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  InMemorySpanExporter,
  SimpleSpanProcessor,
  TracerProvider,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace';
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest';
import { closing, collect, connectTo, refusal, startServer } from '../../../tests/support/echo/harness.ts';
import { asIs } from './definition.ts';
import { NotFound } from './errors.ts';

const exporter = new InMemorySpanExporter();
const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
trace.setGlobalTracerProvider(provider);
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
propagation.setGlobalPropagator(new W3CTraceContextPropagator());

/** The SDK takes a second end of a span without a word to its exporters, and complains here. */
const complaint = vi.fn<(message: string) => void>();
const silent = { debug: () => {}, verbose: () => {}, info: () => {} };
diag.setLogger({ ...silent, warn: complaint, error: complaint }, DiagLogLevel.WARN);

beforeEach(() => exporter.reset());
afterEach(() => {
  const [first] = complaint.mock.calls;
  if (first) throw new Error(`a span was mistreated: ${first[0]}`);
});
afterAll(() => provider.shutdown());

async function spansOf(count: number): Promise<ReadableSpan[]> {
  await vi.waitFor(() => expect(exporter.getFinishedSpans()).toHaveLength(count));
  return exporter.getFinishedSpans();
}

async function serverAndClientSpans(): Promise<{ server: ReadableSpan; client: ReadableSpan }> {
  const spans = await spansOf(2);
  const server = spans.find(({ kind }) => kind === SpanKind.SERVER)!;
  const client = spans.find(({ kind }) => kind === SpanKind.CLIENT)!;
  expect(server.parentSpanContext?.spanId).toBe(client.spanContext().spanId);
  expect(server.spanContext().traceId).toBe(client.spanContext().traceId);
  return { server, client };
}

test('a call is one trace: caller, client, server, handler', async () => {
  const tracer = trace.getTracer('test');
  const server = await startServer({
    handlers: {
      async echo() {
        await Promise.resolve();
        tracer.startSpan('inside').end();
        return {};
      },
    },
  });
  const client = connectTo(server);
  await tracer.startActiveSpan('outside', async (span) => {
    await client.echo({});
    span.end();
  });
  const spans = await spansOf(4);
  const byName = new Map(spans.map((span) => [`${span.name} ${span.kind}`, span]));
  const method = 'telegate.test.echo.v1.EchoService/Echo';
  const outside = byName.get(`outside ${SpanKind.INTERNAL}`)!;
  const clientSpan = byName.get(`${method} ${SpanKind.CLIENT}`)!;
  const serverSpan = byName.get(`${method} ${SpanKind.SERVER}`)!;
  const inside = byName.get(`inside ${SpanKind.INTERNAL}`)!;
  expect(clientSpan.parentSpanContext?.spanId).toBe(outside.spanContext().spanId);
  expect(serverSpan.parentSpanContext?.spanId).toBe(clientSpan.spanContext().spanId);
  expect(inside.parentSpanContext?.spanId).toBe(serverSpan.spanContext().spanId);
  expect(new Set(spans.map((span) => span.spanContext().traceId)).size).toBe(1);
  expect(serverSpan.attributes).toMatchObject({
    'rpc.system.name': 'grpc',
    'rpc.method': method,
    'rpc.status_code': 'OK',
  });
  expect(clientSpan.attributes).toMatchObject({ 'server.address': '127.0.0.1', 'server.port': server.port });
});

test("a refusal marks the client's span failed and not the server's; a fault marks both", async () => {
  const server = await startServer({
    handlers: {
      async echo({ text }) {
        throw text === 'fault' ? new Error('fault') : new NotFound('thing', 'x');
      },
    },
  });
  await refusal(connectTo(server).echo({}));
  const refused = await serverAndClientSpans();
  expect(refused.server.status.code).toBe(SpanStatusCode.UNSET);
  expect(refused.server.attributes['rpc.status_code']).toBe('NOT_FOUND');
  expect(refused.client.status.code).toBe(SpanStatusCode.ERROR);
  exporter.reset();
  await refusal(connectTo(server).echo({ text: 'fault' }));
  const faulty = await serverAndClientSpans();
  expect(faulty.server.status.code).toBe(SpanStatusCode.ERROR);
  expect(faulty.server.attributes['error.type']).toBe('INTERNAL');
});

test('a span ends once when the caller cancels a handler that never answers', async () => {
  const entered = Promise.withResolvers<void>();
  const server = await startServer({
    handlers: {
      echo() {
        entered.resolve();
        return new Promise(() => {});
      },
    },
  });
  const giveUp = new AbortController();
  const call = refusal(connectTo(server).echo({}, { signal: giveUp.signal }));
  await entered.promise;
  giveUp.abort();
  await call;
  const spans = await serverAndClientSpans();
  expect(spans.server.attributes['rpc.status_code']).toBe('CANCELLED');
  expect(spans.server.status.code).toBe(SpanStatusCode.UNSET);
});

test('a span ends once when the deadline passes, whichever side keeps it', async () => {
  const server = await startServer({
    limits: { maxDeadlineMs: 60 },
    handlers: { echo: () => new Promise(() => {}) },
  });
  for (const deadlineMs of [30, 10_000]) {
    await refusal(connectTo(server).echo({}, { deadlineMs }));
    const spans = await serverAndClientSpans();
    expect(['DEADLINE_EXCEEDED', 'CANCELLED']).toContain(spans.server.attributes['rpc.status_code']);
    exporter.reset();
  }
});

test('a handler that throws at once, or after its call has ended, ends its span once', async () => {
  const late = Promise.withResolvers<object>();
  const server = await startServer({
    handlers: {
      echo({ text }) {
        if (text === 'late') return late.promise;
        throw new Error('at once');
      },
    },
  });
  await refusal(connectTo(server).echo({}));
  expect((await serverAndClientSpans()).server.status.code).toBe(SpanStatusCode.ERROR);
  exporter.reset();
  await refusal(connectTo(server).echo({ text: 'late' }, { deadlineMs: 50 }));
  await spansOf(2);
  late.reject(new Error('late'));
  await vi.waitFor(() =>
    expect(server.logLines).toContainEqual(expect.objectContaining({ event: 'rpc_late_failure' })),
  );
  await serverAndClientSpans();
});

test('streams end their spans when they end, long-lived ones when they are open', async () => {
  const server = await startServer({ longLived: ['chat'] });
  const client = connectTo(server);
  await collect(client.repeat({ count: 3 }));
  await serverAndClientSpans();
  exporter.reset();
  const chat = client.chat({ isLongLived: true });
  const answers = collect(chat.responses);
  await chat.opened;
  await serverAndClientSpans();
  chat.end();
  await answers;
  await vi.waitFor(() => expect(server.open.streams).toBe(0));
  expect(exporter.getFinishedSpans()).toHaveLength(2);
});

test('every answer, an error too, says its trace in its initial metadata', async () => {
  const server = await startServer();
  const channel = new Channel(server.address, credentials.createInsecure());
  closing.push(() => channel.close());
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  for (const apiKey of ['user', 'forged']) {
    const metadata = Metadata.fromHttp2Headers({
      'x-api-key': apiKey,
      traceparent: `00-${traceId}-b7ad6b7169203331-01`,
    });
    const [headers, code] = await new Promise<[Metadata, status]>((resolve) => {
      let received = new Metadata();
      channel
        .makeUnaryRequest(
          '/telegate.test.echo.v1.EchoService/Echo',
          asIs,
          asIs,
          Buffer.alloc(0),
          metadata,
          () => {},
        )
        .on('metadata', (initial) => (received = initial))
        .on('status', (outcome) => resolve([received, outcome.code]));
    });
    expect(code).toBe(apiKey === 'user' ? status.OK : status.UNAUTHENTICATED);
    expect(headers.get('trace-id')).toEqual([traceId]);
  }
});
