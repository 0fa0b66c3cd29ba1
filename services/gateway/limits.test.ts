import { Code } from '@connectrpc/connect';
import { expect, test, vi } from 'vitest';
import { RetryInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { createFakeClock } from '#lib/lifecycle/clock-fake.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { clientOf, ECHO, failure, reasonOf, setUp, untilAborted } from '../../tests/support/edge.ts';

/** Timers as they are; the time of the buckets as the test sets it. */
function frozenClock() {
  const { monotonic } = createFakeClock();
  return { ...systemClock, monotonic };
}

test.each(['Connect over HTTP/1.1', 'Connect with JSON', 'gRPC-Web over HTTP/1.1', 'gRPC'])(
  'a caller that calls too often is told when to come back, over %s',
  async (name) => {
    const edge = await setUp({}, { clock: frozenClock(), limits: { callsPerSecond: 2 } });
    const client = clientOf(edge.url, name);
    for (let call = 0; call < 4; call += 1) await client.echo({});
    const refused = await failure(client.echo({}));
    expect([refused.code, reasonOf(refused)]).toEqual([Code.ResourceExhausted, 'QUOTA_EXCEEDED']);
    expect(refused.findDetails(RetryInfoSchema)[0]?.retryDelay).toMatchObject({ nanos: 500_000_000 });
    await expect(clientOf(edge.url, name, 'operator').echo({})).resolves.toBeDefined();
  },
);

test('in JSON it is a 429 with Retry-After and a trace id', async () => {
  const edge = await setUp({}, { clock: frozenClock(), limits: { callsPerSecond: 1 } });
  for (let call = 0; call < 2; call += 1) expect((await edge.call(`${ECHO}/Echo`)).status).toBe(200);
  const refused = await edge.call(`${ECHO}/Echo`);
  expect(refused.status).toBe(429);
  expect(refused.headers.get('retry-after')).toBe('1');
  expect(refused.headers.get('trace-id')).toMatch(/^[0-9a-f]{32}$/);
  expect(await refused.json()).toMatchObject({ code: 'resource_exhausted' });
});

test('an address counts too, also for wrong keys and for what is not there', async () => {
  const limits = { callsPerSecondOfAddress: 2 };
  const edge = await setUp({}, { clock: frozenClock(), limits });
  const statuses: number[] = [];
  for (const path of [`${ECHO}/Echo`, '/nothing', `${ECHO}/Echo`, '/nothing', `${ECHO}/Echo`, '/nothing'])
    statuses.push((await edge.call(path, { key: 'wrong' })).status);
  expect(statuses).toEqual([401, 404, 401, 404, 429, 429]);
  const refused = await edge.call('/nothing');
  expect(refused.headers.get('retry-after')).toBe('1');
  expect(refused.headers.get('trace-id')).toMatch(/^[0-9a-f]{32}$/);
  expect(await refused.json()).toEqual({ detail: expect.stringContaining('address') });
});

test('0 is no limit', async () => {
  const limits = { callsPerSecond: 0, callsPerSecondOfAddress: 0 };
  const edge = await setUp({}, { clock: frozenClock(), limits });
  for (let call = 0; call < 20; call += 1) expect((await edge.call(`${ECHO}/Echo`)).status).toBe(200);
});

test('so many calls of one caller at once, and those of others run', async () => {
  const edge = await setUp(
    {
      handlers: {
        async echo({ text }, ctx) {
          if (text === 'wait') await untilAborted(ctx);
          return { text };
        },
      },
    },
    { limits: { maxUnaryPerCaller: 2 } },
  );
  const client = clientOf(edge.url, 'gRPC');
  const abort = new AbortController();
  const running = [0, 1].map(() => failure(client.echo({ text: 'wait' }, { signal: abort.signal })));
  await expect.poll(() => edge.open.unary).toBe(2);
  expect(reasonOf(await failure(client.echo({})))).toBe('QUOTA_EXCEEDED');
  expect((await edge.call(`${ECHO}/Echo`)).status).toBe(429);
  expect((await edge.call(`${ECHO}/Echo`, { key: 'operator' })).status).toBe(200);
  abort.abort();
  await Promise.all(running);
  await vi.waitFor(async () => expect((await edge.call(`${ECHO}/Echo`)).status).toBe(200));
});

test('a connection too many is closed at once, and one that ends makes room', async () => {
  const edge = await setUp({}, { limits: { maxConnections: 1 } });
  const first = clientOf(edge.url, 'gRPC');
  await first.echo({});
  await expect(fetch(`${edge.url}/nothing`)).rejects.toThrow(/./);
  await expect(first.echo({})).resolves.toBeDefined();
});
