import { connect as connectHttp2 } from 'node:http2';
import { Code } from '@connectrpc/connect';
import { describe, expect, test, vi } from 'vitest';
import { closing, collect } from '../../tests/support/echo/harness.ts';
import { clientOf, ECHO, failure, reasonOf, setUp, untilAborted } from '../../tests/support/edge.ts';

describe('streams', () => {
  test('begin when the service has opened them, before their first message', async () => {
    const edge = await setUp({
      handlers: { repeat: (_, __, ctx) => untilAborted(ctx) },
      longLived: ['repeat'],
    });
    const abort = new AbortController();
    const body = Buffer.alloc(7);
    body.writeUInt32BE(2, 1);
    body.write('{}', 5);
    const answer = await edge.call(`${ECHO}/Repeat`, {
      headers: { 'content-type': 'application/connect+json' },
      body,
      signal: abort.signal,
    });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/connect+json']);
    abort.abort();
    await vi.waitFor(() => expect(edge.open.streams).toBe(0));
  });

  test('a reader that pauses holds the service back', async () => {
    let sent = 0;
    const edge = await setUp({
      handlers: {
        async repeat(_, out) {
          for (; sent < 5_000; sent++) await out.send({ index: sent, payload: new Uint8Array(10_000) });
        },
      },
    });
    const stream = clientOf(edge.url, 'gRPC').repeat({})[Symbol.asyncIterator]();
    await stream.next();
    let before = -1;
    await vi.waitFor(
      () => {
        const still = sent === before;
        before = sent;
        expect(still).toBe(true);
      },
      { interval: 200, timeout: 10_000 },
    );
    expect(before).toBeLessThan(4_000);
    let read = 1;
    for (let next = await stream.next(); !next.done; next = await stream.next()) read += 1;
    expect([read, sent]).toEqual([5_000, 5_000]);
  });

  test('a service that does not read holds the caller back', async () => {
    const go = Promise.withResolvers<void>();
    let received = 0;
    const edge = await setUp({
      handlers: {
        async chat(incoming) {
          await go.promise;
          for await (const _ of incoming) received += 1;
        },
      },
    });
    let taken = 0;
    async function* requests() {
      for (; taken < 3_000; taken++) yield { text: 'x'.repeat(10_000) };
    }
    const answers = collect(clientOf(edge.url, 'gRPC').chat(requests()));
    let before = -1;
    await vi.waitFor(
      () => {
        const still = taken === before && taken > 0;
        before = taken;
        expect(still).toBe(true);
      },
      { interval: 200, timeout: 10_000 },
    );
    expect(before).toBeLessThan(2_500);
    go.resolve();
    await answers;
    expect(received).toBe(3_000);
  });

  test('a reader that takes nothing for long is cut off', async () => {
    const edge = await setUp(
      {
        handlers: {
          async repeat(_, out) {
            for (let index = 0; ; index++) await out.send({ index, payload: new Uint8Array(100_000) });
          },
        },
      },
      { limits: { readerStallMs: 300 } },
    );
    const session = connectHttp2(edge.url);
    closing.push(() => session.destroy());
    const stream = session.request({
      ':path': `${ECHO}/Repeat`,
      ':method': 'POST',
      'content-type': 'application/connect+json',
      'x-api-key': 'user',
    });
    const body = Buffer.alloc(7);
    body.writeUInt32BE(2, 1);
    body.write('{}', 5);
    stream.end(body);
    stream.on('error', () => undefined);
    await vi.waitFor(() => expect(edge.open.streams).toBe(1));
    await vi.waitFor(() => expect(edge.open.streams).toBe(0), { timeout: 10_000 });
  });

  test('end when the right to them does', async () => {
    const edge = await setUp({ handlers: { repeat: (_, __, ctx) => untilAborted(ctx) } });
    const call = failure(collect(clientOf(edge.url, 'gRPC', 'revocable').repeat({})));
    await vi.waitFor(() => expect(edge.open.streams).toBe(1));
    edge.revoke();
    expect((await call).code).toBe(Code.Unauthenticated);
  });

  test('a caller has so many at once and no more', async () => {
    const edge = await setUp(
      { handlers: { repeat: (_, __, ctx) => untilAborted(ctx) } },
      { limits: { maxStreamsPerPrincipal: 2 } },
    );
    const abort = new AbortController();
    const client = clientOf(edge.url, 'gRPC');
    const open = [0, 1].map(() => failure(collect(client.repeat({}, { signal: abort.signal }))));
    await vi.waitFor(() => expect(edge.open.streams).toBe(2));
    const third = await failure(collect(client.repeat({})));
    expect([third.code, reasonOf(third)]).toEqual([Code.ResourceExhausted, 'TOO_MANY_STREAMS']);
    abort.abort();
    await Promise.all(open);
    await vi.waitFor(() => expect(edge.open.streams).toBe(0));
  });

  test('what can not be read ends a conversation with what was wrong', async () => {
    const edge = await setUp();
    const session = connectHttp2(edge.url);
    closing.push(() => session.destroy());
    const stream = session.request({
      ':path': `${ECHO}/Chat`,
      ':method': 'POST',
      'content-type': 'application/connect+json',
      'x-api-key': 'user',
    });
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    const envelope = Buffer.alloc(9);
    envelope.writeUInt32BE(4, 1);
    envelope.write('oops', 5);
    stream.end(envelope);
    await new Promise((resolve) => stream.once('close', resolve));
    expect(JSON.parse(Buffer.concat(chunks).subarray(5).toString())).toMatchObject({
      error: { code: 'invalid_argument', details: [{ debug: { reason: 'INVALID_FIELD' } }, {}] },
    });
  });
});
