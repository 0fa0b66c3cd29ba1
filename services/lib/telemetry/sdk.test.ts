import { context, propagation, SpanKind, trace } from '@opentelemetry/api';
import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { startOtlpReceiver, type OtlpReceiver } from '../../../tests/support/otlp.ts';
import { createLogger } from './log.ts';
import { instruments, metricsText } from './metrics.ts';
import { startTelemetry, type Telemetry } from './sdk.ts';
import { contextFromTraceparent, currentTraceId, currentTraceparent, linkFromTraceparent } from './spans.ts';

// A tracer made while modules load sticks to the first provider it meets; each test wants its own.
const tracer = (): ReturnType<typeof trace.getTracer> => trace.getTracer('test');

let telemetry: Telemetry | undefined;
let receiver: OtlpReceiver | undefined;
let deadCollector: Server | undefined;
const lines: string[] = [];
const log = createLogger({
  service: 'sample',
  level: 'warn',
  destination: { write: (line) => void lines.push(line) },
});

function start(env: Record<string, string> = {}): Telemetry {
  // The exporters read their endpoints from the process' own environment.
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  telemetry = startTelemetry({ service: 'sample', version: '1.2.3', env, log });
  return telemetry;
}

afterEach(async () => {
  await telemetry?.shutdown();
  telemetry = undefined;
  await receiver?.close();
  receiver = undefined;
  deadCollector?.close();
  deadCollector = undefined;
  vi.unstubAllEnvs();
  lines.length = 0;
});

describe('without an exporter', () => {
  test('a root span has valid ids, is not recorded, and is not marked as sampled', () => {
    start();
    const spans = Array.from({ length: 400 }, () => tracer().startSpan('root'));
    for (const span of spans) {
      expect(span.spanContext().traceId).toMatch(/^[0-9a-f]{32}$/);
      expect(span.spanContext().spanId).toMatch(/^[0-9a-f]{16}$/);
      expect(span.isRecording()).toBe(false);
      expect(span.spanContext().traceFlags).toBe(0);
    }
    expect(new Set(spans.map((span) => span.spanContext().traceId)).size).toBe(400);
  });

  test('a trace that comes in goes out unchanged, across awaits', async () => {
    start();
    const incoming = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    await context.with(contextFromTraceparent(incoming), async () => {
      await new Promise((resolve) => setImmediate(resolve));
      await tracer().startActiveSpan('child', { kind: SpanKind.CLIENT }, async (span) => {
        await new Promise((resolve) => setImmediate(resolve));
        const carrier: Record<string, string> = {};
        propagation.inject(context.active(), carrier);
        expect(carrier['traceparent']).toBe(incoming);
        expect(currentTraceparent()).toBe(incoming);
        span.end();
      });
    });
  });

  test('every form of startActiveSpan runs its body', () => {
    start();
    const at = contextFromTraceparent(`00-${'c'.repeat(32)}-${'d'.repeat(16)}-00`);
    expect(tracer().startActiveSpan('a', () => 1)).toBe(1);
    expect(tracer().startActiveSpan('a', {}, () => 2)).toBe(2);
    expect(tracer().startActiveSpan('a', {}, at, (span) => span.spanContext().traceId)).toBe('c'.repeat(32));
    expect(tracer().startActiveSpan('a', { root: true }, at, currentTraceId)).not.toBe('c'.repeat(32));
  });
});

describe('with an endpoint', () => {
  test('spans arrive with parents, links, errors and the resource', async () => {
    receiver = await startOtlpReceiver();
    start({ ...receiver.env, OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test' });
    const linked = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    tracer().startActiveSpan('outer', (outer) => {
      tracer()
        .startSpan('inner', { links: [linkFromTraceparent(linked)!] })
        .end();
      outer.end();
    });
    await telemetry?.shutdown();
    const [inner, outer] = receiver.spans();
    expect(inner).toMatchObject({
      name: 'inner',
      traceId: outer?.traceId,
      parentSpanId: outer?.spanId,
      links: [{ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) }],
      resource: {
        'service.name': 'sample',
        'service.version': '1.2.3',
        'service.instance.id': expect.stringMatching(/^[0-9a-f-]{36}$/),
        'deployment.environment.name': 'test',
      },
    });
    expect(receiver.raw()).not.toContain('resourceMetrics');
    expect(receiver.raw()).not.toContain('resourceLogs');
  });

  test('OTEL_TRACES_EXPORTER=none and OTEL_SDK_DISABLED send nothing', async () => {
    receiver = await startOtlpReceiver();
    for (const [name, value] of [
      ['OTEL_TRACES_EXPORTER', 'none'],
      ['OTEL_SDK_DISABLED', 'true'],
    ] as const) {
      start({ ...receiver.env, [name]: value });
      const span = tracer().startSpan('unseen');
      expect(span.spanContext().traceId).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
      span.end();
      await telemetry?.shutdown();
      vi.unstubAllEnvs();
    }
    expect(receiver.spans()).toEqual([]);
  });

  test('the standard sampler variables hold', async () => {
    receiver = await startOtlpReceiver();
    start({ ...receiver.env, OTEL_TRACES_SAMPLER: 'always_off' });
    tracer().startSpan('unseen').end();
    await telemetry?.shutdown();
    expect(receiver.spans()).toEqual([]);
  });

  test('metrics are pushed when OTEL_METRICS_EXPORTER says so', async () => {
    receiver = await startOtlpReceiver();
    start({ ...receiver.env, OTEL_METRICS_EXPORTER: 'otlp' });
    await telemetry?.shutdown();
    expect(receiver.raw()).toContain('process.memory.usage');
  });

  test('spans that do not fit the queue are counted', async () => {
    receiver = await startOtlpReceiver();
    start({ ...receiver.env, OTEL_BSP_MAX_QUEUE_SIZE: '10', OTEL_BSP_SCHEDULE_DELAY: '60000' });
    for (let index = 0; index < 40; index++) tracer().startSpan('one of many').end();
    const dropped = (await metricsText())
      ?.split('\n')
      .find((line) => line.startsWith('otel_sdk_processor_span_processed') && line.includes('queue_full'));
    expect(Number(dropped?.split(' ').at(-1))).toBeGreaterThan(0);
  });

  test('a collector that does not answer holds the shutdown up for 2 s at most, and it is said', async () => {
    deadCollector = createServer(() => undefined);
    await new Promise<void>((resolve) => deadCollector?.listen(0, '127.0.0.1', resolve));
    const { port } = deadCollector.address() as AddressInfo;
    start({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    });
    tracer().startSpan('lost').end();
    const startedAt = performance.now();
    await telemetry?.shutdown();
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    expect(lines.join('')).toContain('telemetry_incomplete');
  });
});

test.each([
  ['OTEL_TRACES_EXPORTER', 'zipkin'],
  ['OTEL_METRICS_EXPORTER', 'carrier-pigeon'],
  ['OTEL_EXPORTER_OTLP_PROTOCOL', 'http/xml'],
  ['OTEL_BSP_MAX_QUEUE_SIZE', '-5'],
])('%s=%s is refused with its name', (variable, value) => {
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', [variable]: value };
  expect(() => startTelemetry({ service: 'sample', version: '1', env })).toThrow(variable);
});

test('instruments made before the start, and after a restart, count', async () => {
  const counted = instruments((meter) => ({ calls: meter.createCounter('test.calls') }));
  counted().calls.add(1);
  start();
  counted().calls.add(2);
  expect(await metricsText()).toMatch(/^test_calls_total 2$/m);
  await telemetry?.shutdown();
  start();
  counted().calls.add(3);
  expect(await metricsText()).toMatch(/^test_calls_total 3$/m);
});

test('process metrics are there', async () => {
  start();
  await vi.waitFor(async () => expect(await metricsText()).toMatch(/^nodejs_eventloop_delay_p99 /m));
  const text = await metricsText();
  for (const name of ['nodejs_eventloop_utilization', 'process_memory_usage', 'process_cpu_time_total'])
    expect(text).toContain(name);
  expect(text).toContain('service_name="sample"');
});
