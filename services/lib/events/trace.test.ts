import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { natsMissing } from '../../../tests/support/nats.ts';
import { startOtlpReceiver, type OtlpReceiver } from '../../../tests/support/otlp.ts';
import { metricsText } from '../telemetry/metrics.ts';
import { startTelemetry, type Telemetry } from '../telemetry/sdk.ts';
import { withSpan } from '../telemetry/spans.ts';
import {
  APP_SCHEMA,
  append,
  createSeen,
  log,
  newEvent,
  startHarness,
  type Harness,
} from './fixtures/harness.ts';
import { startRelay } from './relay.ts';

let receiver: OtlpReceiver;
let telemetry: Telemetry;
let harness: Harness;

beforeEach(async () => {
  receiver = await startOtlpReceiver();
  for (const [name, value] of Object.entries(receiver.env)) vi.stubEnv(name, value);
  telemetry = startTelemetry({ service: 'events', version: '1', env: receiver.env });
});

afterEach(async () => {
  await harness.stop();
  await telemetry.shutdown();
  await receiver.close();
  vi.unstubAllEnvs();
});

// Each in a file of its own would be needed for a second start of telemetry: tracers keep their first provider.
const kind = natsMissing === undefined ? ('nats' as const) : ('postgres' as const);

describe(`events on ${kind}`, () => {
  test('one trace from the transaction through the relay to the consumer; the metrics say what happened', async () => {
    harness = await startHarness(kind);
    const bus = await harness.openBus();
    const inHandler: Array<string | undefined> = [];
    const seen = createSeen(async () => {
      await withSpan('effect', {}, (span) => void inHandler.push(span.spanContext().traceId));
    });
    await bus.consume({ durable: 'traced', subjects: ['telegate.v1.>'], handle: seen.handle });
    const relay = startRelay({ url: harness.url, schema: APP_SCHEMA, bus, log });
    const traced = newEvent(1, 1);
    const untraced = newEvent(2, 1);
    await withSpan('call', {}, () => append(harness.database, [traced]));
    await append(harness.database, [untraced]);
    await seen.waitFor([traced, untraced]);

    const text = (await metricsText()) ?? '';
    expect(text).toMatch(/^telegate_outbox_published_total\{schema="app"\} 2$/m);
    expect(text).toMatch(/^telegate_outbox_relay_active\{schema="app"\} 1$/m);
    expect(text).toMatch(/^telegate_outbox_oldest_age\{schema="app"\} /m);
    expect(text).toMatch(/^telegate_consumer_handled_total\{durable="traced"\} \d$/m);

    await relay.stop();
    await vi.waitFor(() => expect(receiver.spans().map((span) => span.name)).toContain('call'));
    const spans = await vi.waitFor(() => {
      const found = receiver.spans();
      const names = found.map((span) => span.name);
      expect(names).toContain('publish telegate.v1.session_pool.{entity}.lease_acquired');
      expect(names).toContain('process telegate.v1.session_pool.{entity}.lease_acquired');
      return found;
    });
    const call = spans.find((span) => span.name === 'call')!;
    const publish = spans.find((span) => span.name.startsWith('publish'))!;
    const process = spans.find((span) => span.name.startsWith('process'))!;
    expect([publish.kind, process.kind]).toEqual([4, 5]);
    expect(publish).toMatchObject({ traceId: call.traceId, parentSpanId: call.spanId });
    expect(process).toMatchObject({ traceId: call.traceId, parentSpanId: publish.spanId });
    expect(inHandler).toContain(call.traceId);
    expect(process.attributes).toMatchObject({
      'messaging.operation.type': 'process',
      'messaging.message.id': traced.eventId,
      'messaging.consumer.group.name': 'traced',
    });
    // The untraced event made no spans of the bus' own.
    expect(spans.filter((span) => span.name.startsWith('publish'))).toHaveLength(1);
    const ids = new Set(spans.map((span) => span.spanId));
    for (const span of spans.filter((one) => one.parentSpanId !== undefined))
      expect(ids.has(span.parentSpanId ?? '')).toBe(true);
  });
});
