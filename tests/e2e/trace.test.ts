import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { openBus, type EventBus } from '#lib/events/bus.ts';
import { startTelemetry, type Telemetry } from '#lib/telemetry/sdk.ts';
import { natsMissing, startNats, type NatsServer } from '../support/nats.ts';
import { startOtlpReceiver, type OtlpReceiver, type ReceivedSpan } from '../support/otlp.ts';
import { silent } from '../support/pool.ts';
import { startPoolMesh, tenantWithSessions, type PoolMesh } from '../support/session-pool.ts';

const SERVICE = 'telegate.session_pool.v1.SessionPoolService';
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

describe.each([
  { kind: 'PostgreSQL', withNats: false },
  ...(natsMissing === undefined ? [{ kind: 'NATS', withNats: true }] : []),
])('events over $kind', ({ withNats }) => {
  let nats: NatsServer | undefined;
  let mesh: PoolMesh;
  let bus: EventBus;

  beforeAll(async () => {
    collector.clear();
    nats = withNats ? await startNats() : undefined;
    mesh = await startPoolMesh({ natsUrl: nats?.url, env: collector.env });
    bus = await openBus({ natsUrl: nats?.url, databaseUrl: mesh.database.url, log: silent });
  });

  afterAll(async () => {
    await bus.close();
    await mesh.stop();
    await nats?.stop();
  });

  test('an acquire is one trace, from the caller to the database to the consumer of its event', async () => {
    const { client, tenantId } = await tenantWithSessions(mesh, 1);
    const consumed: string[] = [];
    const consumer = await bus.consume({
      durable: 'trace-test',
      subjects: ['telegate.v1.session_pool.>'],
      async handle(event) {
        if (event.tenantId === tenantId) consumed.push(event.subject.split('.').at(-1)!);
      },
    });
    await client.acquireLease({});
    await vi.waitFor(() => expect(consumed).toContain('lease_acquired'), { timeout: 10_000 });
    await consumer.stop();

    const trace = await vi.waitFor(
      () => {
        const spans = collector.spans();
        const root = spans.find(({ name, kind }) => kind === CLIENT && name === `${SERVICE}/AcquireLease`);
        const found = spans.filter(({ traceId }) => traceId === root?.traceId);
        // Each process sends its spans in its own time.
        expect(found.map(({ kind }) => kind)).toEqual(expect.arrayContaining([SERVER, PRODUCER, CONSUMER]));
        expect(found.map(({ name }) => name)).toContain('pool.acquire batch');
        const ids = new Set(found.map(({ spanId }) => spanId));
        const isWhole = found.every(
          ({ parentSpanId }) => parentSpanId === undefined || ids.has(parentSpanId),
        );
        expect(isWhole).toBe(true);
        return found;
      },
      { timeout: 10_000 },
    );
    const parentOf = (span: ReceivedSpan) => trace.find(({ spanId }) => spanId === span.parentSpanId);
    const only = (matches: (span: ReceivedSpan) => boolean): ReceivedSpan => {
      const spans = trace.filter(matches);
      expect(spans).toHaveLength(1);
      return spans[0]!;
    };
    const caller = only(({ kind, service }) => kind === CLIENT && service === 'client');
    const server = only(({ kind }) => kind === SERVER);
    const wait = only(({ name }) => name === 'pool.acquire wait');
    const batch = only(({ name }) => name === 'pool.acquire batch');
    const producer = only(({ kind }) => kind === PRODUCER);
    const consumerSpan = only(({ kind }) => kind === CONSUMER);
    expect(caller.parentSpanId).toBeUndefined();
    expect(parentOf(server)).toBe(caller);
    expect(parentOf(wait)).toBe(server);
    expect(parentOf(batch)).toBe(wait);
    expect(parentOf(producer)).toBe(server);
    expect(parentOf(consumerSpan)).toBe(producer);
    const statements = trace.filter(({ attributes }) => attributes['db.system.name'] === 'postgresql');
    expect(statements.length).toBeGreaterThanOrEqual(4);
    expect(new Set(statements.map((span) => parentOf(span)?.name))).toContain('pool.acquire batch');
    const orphans = trace.filter((span) => span !== caller && !parentOf(span));
    expect(orphans).toEqual([]);
    expect(trace.filter(({ statusCode }) => statusCode === 2)).toEqual([]);
  });

  test('callers who share a batch keep their own traces, linked to the batch', async () => {
    const { client } = await tenantWithSessions(mesh, 8);
    collector.clear();
    await Promise.all(Array.from({ length: 8 }, () => client.acquireLease({})));
    const spans = await vi.waitFor(
      () => {
        const received = collector.spans();
        expect(received.filter(({ name }) => name === 'pool.acquire wait')).toHaveLength(8);
        return received;
      },
      { timeout: 10_000 },
    );
    const waits = spans.filter(({ name }) => name === 'pool.acquire wait');
    const batches = spans.filter(({ name }) => name === 'pool.acquire batch');
    expect(batches.length).toBeLessThan(8);
    expect(new Set(waits.map(({ traceId }) => traceId)).size).toBe(8);
    const batchIds = new Set(batches.map(({ spanId }) => spanId));
    for (const wait of waits) {
      const isParent = batches.some(({ parentSpanId }) => parentSpanId === wait.spanId);
      const isLinked = wait.links.some(({ spanId }) => batchIds.has(spanId));
      expect(isParent !== isLinked).toBe(true);
    }
  });

  test('nothing secret is in a span, an event or a line of the log', async () => {
    const { client } = await tenantWithSessions(mesh, 0);
    const key = Buffer.from('canary-of-a-session-key-'.repeat(11)).subarray(0, 256);
    const head = Buffer.from([2, 149, 154, 167, 51, 0x01, 0xbb]);
    const text = `1${Buffer.concat([head, key]).toString('base64').replaceAll('+', '-').replaceAll('/', '_')}`;
    await client.importSession({ name: 'canary', material: Buffer.from(text) });
    const { lease } = await client.acquireLease({ access: 2 });
    expect(Buffer.from(lease!.credentials!.material).toString()).toBe(text);
    await expect(client.importSession({ name: 'again', material: Buffer.from(text) })).rejects.toMatchObject({
      reason: ErrorReason.SESSION_DUPLICATE,
    });
    await vi.waitFor(() =>
      expect(collector.spans().filter(({ name }) => name.endsWith('/ImportSession'))).not.toEqual([]),
    );
    const seen = `${collector.raw()}\n${JSON.stringify(mesh.replicas[0]!.log)}`;
    for (const secret of [text.slice(20, 80), 'canary-of-a-session-key', key.toString('base64').slice(8, 60)])
      expect(seen).not.toContain(secret);
    for (const secret of [mesh.operatorKey, new URL(mesh.database.url).password])
      expect(seen).not.toContain(secret);
  });
});
