import { randomUUIDv7 } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { openBus, type EventBus } from '#lib/events/bus.ts';
import { startTelemetry, type Telemetry } from '#lib/telemetry/sdk.ts';
import { startMessagingMesh, type MessagingMesh } from '../support/messaging.ts';
import { natsMissing, startNats, type NatsServer } from '../support/nats.ts';
import { startOtlpReceiver, type OtlpReceiver, type ReceivedSpan } from '../support/otlp.ts';
import { silent } from '../support/pool.ts';

const SEND = 'telegate.messaging.v1.MessagingService/SendMessage';
const POOL = 'telegate.session_pool.v1.SessionPoolService';
const [SERVER, CLIENT, PRODUCER, CONSUMER] = [2, 3, 4, 5];

let collector: OtlpReceiver;
let telemetry: Telemetry;

// This process is the client and the consumer; its exporter reads its own environment.
beforeAll(async () => {
  collector = await startOtlpReceiver();
  for (const [name, value] of Object.entries(collector.env)) vi.stubEnv(name, value);
  telemetry = startTelemetry({ service: 'client', version: '0', env: process.env, log: silent });
});

afterAll(async () => {
  await telemetry.shutdown();
  vi.unstubAllEnvs();
  await collector.close();
});

describe.skipIf(natsMissing)(`a send over NATS ${natsMissing ?? ''}`, () => {
  let nats: NatsServer;
  let mesh: MessagingMesh;
  let bus: EventBus;

  beforeAll(async () => {
    nats = await startNats();
    mesh = await startMessagingMesh({ natsUrl: nats.url, env: collector.env, poolEnv: collector.env });
    bus = await openBus({ natsUrl: nats.url, databaseUrl: mesh.pool.database.url, log: silent });
  });

  afterAll(async () => {
    await bus.close();
    await mesh.stop();
    await nats.stop();
  });

  test('is one trace: caller, messaging, the pool, PostgreSQL, Telegram, the outbox, NATS, its consumer', async () => {
    const tenantId = randomUUIDv7();
    const ann = await mesh.session(tenantId);
    const bob = mesh.telegram.account();
    const client = mesh.client(tenantId);
    const consumed: string[] = [];
    const consumer = await bus.consume({
      durable: 'trace-send-test',
      subjects: ['telegate.v1.messaging.*.message_sent', 'telegate.v1.session_pool.*.lease_acquired'],
      async handle(event) {
        if (event.tenantId === tenantId) consumed.push(event.subject.split('.').at(-1)!);
      },
    });
    await client.sendMessage({
      actor: { actor: { case: 'accountId', value: ann.accountId } },
      peer: bob.phone,
      text: 'hello',
      requestId: randomUUIDv7(),
    });
    await vi.waitFor(() => expect(consumed).toContain('message_sent'), { timeout: 15_000 });
    // Another account's, whose lease is asked for on the stream that is open already.
    const eve = await mesh.session(tenantId);
    await client.sendMessage({
      actor: { actor: { case: 'accountId', value: eve.accountId } },
      peer: bob.phone,
      text: 'hello',
      requestId: randomUUIDv7(),
    });

    const [first, second] = await vi.waitFor(
      () => {
        const spans = collector.spans();
        const roots = spans.filter(({ name, kind }) => kind === CLIENT && name === SEND);
        const traces = roots.map(({ traceId }) => spans.filter((span) => span.traceId === traceId));
        expect(traces).toHaveLength(2);
        for (const trace of traces) {
          // Each process sends its spans in its own time.
          const names = trace.map(({ name }) => name);
          expect(names).toEqual(
            expect.arrayContaining([
              'sends end batch',
              'publish telegate.v1.messaging.{entity}.message_sent',
              'process telegate.v1.messaging.{entity}.message_sent',
            ]),
          );
          const ids = new Set(trace.map(({ spanId }) => spanId));
          const orphans = trace.filter(
            ({ parentSpanId }) => parentSpanId !== undefined && !ids.has(parentSpanId),
          );
          expect(orphans).toEqual([]);
        }
        return traces as [ReceivedSpan[], ReceivedSpan[]];
      },
      { timeout: 15_000 },
    );
    await consumer.stop();
    for (const trace of [first, second]) {
      const only = (matches: (span: ReceivedSpan) => boolean): ReceivedSpan => {
        const spans = trace.filter(matches);
        expect(spans).toHaveLength(1);
        return spans[0]!;
      };
      const ancestors = (span: ReceivedSpan): string[] => {
        const parent = trace.find(({ spanId }) => spanId === span.parentSpanId);
        return parent ? [parent.name, ...ancestors(parent)] : [];
      };
      const named = (wanted: string, service: string) => (span: ReceivedSpan) =>
        span.name === wanted && span.service === service;
      const caller = only(({ kind, name }) => kind === CLIENT && name === SEND);
      const served = only(({ kind, name }) => kind === SERVER && name === SEND);
      expect(trace.filter(({ parentSpanId }) => parentSpanId === undefined)).toEqual([caller]);
      expect(served.service).toBe('messaging');
      // The pool: its own lease, and no other call's, and the claim that brings the key.
      const acquire = only(named('pool.acquire batch', 'session-pool'));
      expect(ancestors(acquire)).toContain(SEND);
      const claim = only(named(`${POOL}/ClaimEgress`, 'session-pool'));
      expect(ancestors(claim)).toContain(SEND);
      // The row before, the call, and the row and the event after it.
      const before = only(named('INSERT sends', 'messaging'));
      const call = only(named('messages.sendMessage', 'messaging'));
      const after = only(named('UPDATE sends', 'messaging'));
      const event = trace.filter(named('INSERT outbox', 'messaging'));
      expect(ancestors(before)).toEqual(['sends begin batch', 'sends begin wait', SEND, SEND]);
      expect(ancestors(call)).toEqual([SEND, SEND]);
      expect(ancestors(after)).toEqual(['sends end batch', 'sends end wait', SEND, SEND]);
      expect(event.map((span) => ancestors(span)[0])).toContain('sends end batch');
      // Out of the outbox, over the broker, and to who consumes it.
      const published = only(({ kind, name }) => kind === PRODUCER && name.endsWith('.message_sent'));
      const heard = only(({ kind, name }) => kind === CONSUMER && name.endsWith('.message_sent'));
      expect(ancestors(published)).toContain(SEND);
      expect(heard).toMatchObject({ service: 'client', parentSpanId: published.spanId });
      expect(trace.filter(({ statusCode }) => statusCode === 2)).toEqual([]);
    }
  }, 60_000);
});
