import { Code } from '@connectrpc/connect';
import { describe, expect, test } from 'vitest';
import { ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { NotFound } from '#lib/rpc/errors.ts';
import { collect } from '../../tests/support/echo/harness.ts';
import {
  clientOf,
  ECHO,
  failure,
  pushable,
  reasonOf,
  setUp,
  transports,
  untilAborted,
} from '../../tests/support/edge.ts';

describe.each(Object.keys(transports))('%s', (name) => {
  test('unary, server stream, and what a failure says', async () => {
    const edge = await setUp({
      handlers: {
        async echo({ text, payload }) {
          if (text === 'fail') throw new NotFound('session', '42');
          return { text, payload };
        },
        async repeat({ text, count }, out) {
          for (let index = 0; index < count; index++) await out.send({ text, index });
          if (text === 'fail') throw new NotFound('session', '43');
        },
      },
    });
    const client = clientOf(edge.url, name);
    const payload = new Uint8Array(100_000).fill(7);
    const echoed = await client.echo({ text: 'hallo', payload });
    expect(echoed.text).toBe('hallo');
    expect(Buffer.compare(echoed.payload, payload)).toBe(0);
    const repeated = await collect(client.repeat({ text: 'x', count: 50 }));
    expect(repeated.map(({ index }) => index)).toEqual(Array.from({ length: 50 }, (_, index) => index));

    const unary = await failure(client.echo({ text: 'fail' }));
    expect(unary.code).toBe(Code.NotFound);
    expect(unary.findDetails(ErrorInfoSchema)[0]).toMatchObject({
      reason: 'NOT_FOUND',
      domain: 'telegate',
      metadata: { resource: 'session', name: '42' },
    });
    const seen: number[] = [];
    const streamed = await failure(
      (async () => {
        for await (const { index } of client.repeat({ text: 'fail', count: 2 })) seen.push(index);
      })(),
    );
    expect(seen).toEqual([0, 1]);
    expect(reasonOf(streamed)).toBe('NOT_FOUND');
    const refused = await failure(clientOf(edge.url, name, 'wrong').echo({}));
    expect([refused.code, reasonOf(refused)]).toEqual([Code.Unauthenticated, 'CREDENTIALS_INVALID']);
  });
});

describe.each(['Connect over HTTP/2', 'Connect with JSON', 'gRPC'])('a conversation over %s', (name) => {
  test('both sides speak in turn, and either may end it', async () => {
    const edge = await setUp();
    const requests = pushable<{ text: string }>();
    const responses = clientOf(edge.url, name).chat(requests)[Symbol.asyncIterator]();
    for (const text of ['one', 'two', 'three']) {
      requests.push({ text });
      expect(await responses.next()).toMatchObject({ value: { text } });
    }
    requests.end();
    expect(await responses.next()).toMatchObject({ done: true });
    await expect.poll(() => edge.open.streams).toBe(0);
  });

  test('ends when the service ends it, though the caller would go on', async () => {
    const edge = await setUp({
      handlers: {
        async chat(incoming, out) {
          for await (const { text } of incoming) {
            await out.send({ text });
            return;
          }
        },
      },
    });
    const requests = pushable<{ text: string }>();
    requests.push({ text: 'only' });
    expect(await collect(clientOf(edge.url, name).chat(requests))).toMatchObject([{ text: 'only' }]);
    await expect.poll(() => edge.open.streams).toBe(0);
  });
});

describe('what travels on', () => {
  test('the deadline, a little shorter, and the end of a call that takes longer', async () => {
    let remaining = 0;
    const edge = await setUp({
      handlers: {
        async echo({ text }, ctx) {
          remaining = ctx.remainingMs();
          if (text === 'slow') await untilAborted(ctx);
          return {};
        },
      },
    });
    const client = clientOf(edge.url);
    await client.echo({}, { timeoutMs: 5_000 });
    expect(remaining).toBeGreaterThan(3_000);
    expect(remaining).toBeLessThan(5_000);
    await client.echo({});
    expect(remaining).toBeLessThanOrEqual(30_000);
    const late = await failure(client.echo({ text: 'slow' }, { timeoutMs: 300 }));
    expect(late.code).toBe(Code.DeadlineExceeded);
    const overJson = await edge.call(`${ECHO}/Echo`, {
      headers: { 'connect-timeout-ms': '300' },
      body: '{"text":"slow"}',
    });
    expect(overJson.status).toBe(504);
    expect(await overJson.json()).toMatchObject({ details: [{ debug: { reason: 'DEADLINE_EXCEEDED' } }] });
  });

  test.each(['Connect over HTTP/1.1', 'Connect over HTTP/2', 'gRPC'])(
    'that the caller left, over %s',
    async (name) => {
      const [started, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const edge = await setUp({
        handlers: {
          async echo(_, ctx) {
            started.resolve();
            await untilAborted(ctx);
            ended.resolve();
            return {};
          },
        },
      });
      const abort = new AbortController();
      const call = clientOf(edge.url, name).echo({}, { signal: abort.signal });
      await started.promise;
      abort.abort();
      await expect(call).rejects.toThrow(/./);
      await ended.promise;
      await expect.poll(() => edge.open.unary).toBe(0);
    },
  );

  test.each(['Connect over HTTP/1.1', 'Connect over HTTP/2', 'gRPC-Web over HTTP/1.1'])(
    'that the reader of a stream left, over %s',
    async (name) => {
      const ended = Promise.withResolvers<void>();
      const edge = await setUp({
        handlers: {
          async repeat(_, out, ctx) {
            await out.send({ text: 'first' });
            await untilAborted(ctx);
            ended.resolve();
          },
        },
      });
      const abort = new AbortController();
      const stream = clientOf(edge.url, name).repeat({}, { signal: abort.signal })[Symbol.asyncIterator]();
      expect(await stream.next()).toMatchObject({ value: { text: 'first' } });
      abort.abort();
      await expect(stream.next()).rejects.toThrow(/./);
      await ended.promise;
      await expect.poll(() => edge.open.streams).toBe(0);
    },
  );
});
