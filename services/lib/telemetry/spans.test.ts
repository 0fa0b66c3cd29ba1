import { SpanKind, trace } from '@opentelemetry/api';
import { expect, test, vi } from 'vitest';
import { startOtlpReceiver } from '../../../tests/support/otlp.ts';
import { startTelemetry } from './sdk.ts';
import { contextFromTraceparent, currentTraceparent, parseTraceparent, withSpan } from './spans.ts';

test('withSpan ends its span, marks failures without their values, and passes the error on', async () => {
  const receiver = await startOtlpReceiver();
  for (const [name, value] of Object.entries(receiver.env)) vi.stubEnv(name, value);
  const telemetry = startTelemetry({ service: 'sample', version: '1', env: receiver.env });
  const error = Object.assign(new Error('value "canary" is out of range for type integer'), {
    code: '22003',
    severity: 'ERROR',
  });
  const parent = contextFromTraceparent(`00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`);
  await expect(
    withSpan('failing', { kind: SpanKind.PRODUCER, parent }, () => {
      expect(currentTraceparent()).toMatch(/^00-a{32}-[0-9a-f]{16}-01$/);
      throw error;
    }),
  ).rejects.toBe(error);
  await telemetry.shutdown();
  await receiver.close();
  vi.unstubAllEnvs();
  expect(receiver.spans()).toMatchObject([
    {
      name: 'failing',
      kind: 4,
      traceId: 'a'.repeat(32),
      parentSpanId: 'b'.repeat(16),
      statusCode: 2,
      attributes: { 'error.type': '22003' },
    },
  ]);
  expect(receiver.raw()).not.toContain('canary');
});

test.each([
  undefined,
  '',
  'nonsense',
  `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`,
  `00-${'a'.repeat(32)}-${'0'.repeat(16)}-01`,
  `ff-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
  `00-${'A'.repeat(32)}-${'b'.repeat(16)}-01`,
])('the malformed traceparent %s starts a new trace', (traceparent) => {
  expect(parseTraceparent(traceparent)).toBeUndefined();
  expect(trace.getSpanContext(contextFromTraceparent(traceparent))).toBeUndefined();
});
