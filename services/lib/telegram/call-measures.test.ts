import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { metricsText, startMetrics, stopMetrics } from '#lib/telemetry/metrics.ts';
import { accountTag, observeBreakers } from './call-measures.ts';
import { Api } from './client.ts';
import type { Egress } from './egress.ts';
import { answers, playedSession, says } from './fixtures/played-session.ts';

const meters = startMetrics(resourceFromAttributes({}), []);
const exporter = new InMemorySpanExporter();
const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
trace.setGlobalTracerProvider(provider);
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());

beforeEach(() => exporter.reset());
afterAll(async () => {
  await provider.shutdown();
  await meters.shutdown();
  stopMetrics();
});

const CANARY = 'canary-5f3a';
const proxy: Egress = {
  kind: 'socks5',
  proxyId: 'proxy-1',
  host: '192.0.2.7',
  port: 1080,
  username: CANARY,
  password: CANARY,
};
const limits = { deadlineMs: 5_000, peer: `user:${CANARY}` };
const send = () => new Api.messages.SendMessage({ peer: new Api.InputPeerSelf(), message: CANARY });

test('a call is a CLIENT span that says how it went and to where', async () => {
  const { pipeline } = playedSession({ egress: proxy }, answers);
  await pipeline.call(send(), limits);
  const [span] = exporter.getFinishedSpans();
  expect(span).toMatchObject({ name: 'messages.sendMessage', kind: SpanKind.CLIENT });
  expect(span!.attributes).toEqual({
    'rpc.system.name': 'telegram',
    'rpc.method': 'messages.sendMessage',
    'telegram.method': 'messages.sendMessage',
    'telegram.data_center': 2,
    'telegram.egress': 'proxy:proxy-1',
    'telegram.proxy_id': 'proxy-1',
    'telegram.account': 'tag',
    'telegate.fencing_token': '9',
  });
  expect(span!.status.code).toBe(SpanStatusCode.UNSET);
});

test('a flood wait says how long; a refusal names its type; neither tells a secret', async () => {
  const { pipeline } = playedSession(
    { egress: proxy },
    says(420, 'FLOOD_WAIT_42'),
    says(400, `SOMETHING_${CANARY}_15551234567`),
  );
  await pipeline.call(send(), limits).catch(() => undefined);
  await pipeline
    .call(new Api.contacts.ResolvePhone({ phone: '+15551234567' }), limits)
    .catch(() => undefined);
  const [wait, refusal] = exporter.getFinishedSpans();
  expect(wait!.attributes).toMatchObject({
    'telegram.flood_wait.seconds': 42,
    'telegram.error': 'FLOOD_WAIT',
    'telegate.outcome': 'flood_wait',
    'error.type': 'FloodWait',
  });
  expect(wait!.status).toEqual({ code: SpanStatusCode.ERROR, message: 'flood_wait' });
  expect(refusal!.attributes['telegate.outcome']).toBe('refused');
  const all = JSON.stringify(
    exporter
      .getFinishedSpans()
      .map(({ name, attributes, events, status }) => [name, attributes, events, status]),
  );
  expect(all).not.toContain('5551234');
  expect(JSON.stringify(wait!.attributes)).not.toContain(CANARY);
});

test("what never left is an event of the caller's span", async () => {
  const { pipeline, gate } = playedSession({}, answers);
  gate.learn({ kind: 'flood', seconds: 5 });
  const caller = trace.getTracer('test').startSpan('caller');
  await context
    .with(trace.setSpan(context.active(), caller), () => pipeline.call(send(), limits))
    .catch(() => undefined);
  caller.end();
  const spans = exporter.getFinishedSpans();
  expect(spans.map(({ name }) => name)).toEqual(['caller']);
  expect(spans[0]!.events).toMatchObject([
    {
      name: 'telegram.call_refused',
      attributes: { 'telegram.method': 'messages.sendMessage', 'telegate.outcome': 'gated' },
    },
  ]);
});

test('each attempt of a call is in its one span', async () => {
  const { pipeline, clock } = playedSession({}, says(500, 'RPC_CALL_FAIL'), answers);
  const call = pipeline.call(new Api.help.GetConfig(), limits);
  await clock.advance(5_000);
  await call;
  const spans = exporter.getFinishedSpans();
  expect(spans).toHaveLength(1);
  expect(spans[0]!.events.map(({ name }) => name)).toEqual(['telegram.retry']);
});

test('calls, waits, conditions and breakers are measured', async () => {
  const { pipeline, breakers, openBreaker } = playedSession(
    {},
    answers,
    says(420, 'FLOOD_WAIT_42'),
    says(406, 'AUTH_KEY_DUPLICATED'),
  );
  await pipeline.call(new Api.users.GetUsers({ id: [] }), limits);
  await pipeline.call(new Api.users.GetUsers({ id: [] }), limits).catch(() => undefined);
  await pipeline.call(new Api.updates.GetState(), limits).catch(() => undefined);
  await openBreaker();
  const stop = observeBreakers(breakers);
  const text = (await metricsText())!;
  stop();
  const value = (line: RegExp): string | undefined => line.exec(text)?.[1];
  expect(
    value(
      /telegram_call_duration_\w*count{[^}]*telegram_method="users.getUsers"[^}]*telegate_outcome="ok"[^}]*} (\d+)/,
    ),
  ).toBe('1');
  expect(
    value(
      /telegram_flood_wait_\w*sum{[^}]*telegram_method="users.getUsers"[^}]*telegate_kind="flood"[^}]*} (\d+)/,
    ),
  ).toBe('42');
  expect(value(/telegram_conditions\w*{[^}]*telegate_condition="dead_key"[^}]*} (\d+)/)).toBe('1');
  expect(
    value(
      /telegram_breakers{[^}]*telegate_breaker_kind="data_center"[^}]*telegate_breaker_position="open"[^}]*} (\d+)/,
    ),
  ).toBe('1');
  expect(text).not.toContain(CANARY);
});

test("an account's tag is the same for one key, and another for another", () => {
  const key = Buffer.from('a key of some thirty-two bytes, ok');
  const tag = accountTag(key, '+15551234567');
  expect(tag).toMatch(/^[0-9a-f]{16}$/);
  expect(accountTag(key, '+15551234567')).toBe(tag);
  expect(accountTag(key, '+15551234568')).not.toBe(tag);
  expect(accountTag(Buffer.from('another key'), '+15551234567')).not.toBe(tag);
});
