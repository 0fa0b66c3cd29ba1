import { connect as connectHttp2, type ClientHttp2Stream } from 'node:http2';
import { Code } from '@connectrpc/connect';
import { describe, expect, test, vi } from 'vitest';
import { create, toBinary } from '@bufbuild/protobuf';
import { closing, collect } from '../../tests/support/echo/harness.ts';
import { ChatRequestSchema } from '../../tests/support/echo/v1/echo_pb.ts';
import { clientOf, ECHO, failure, reasonOf, setUp, untilAborted } from '../../tests/support/edge.ts';

/** A stream over HTTP/2 that reads no more than it is asked to, as a client of Connect or gRPC would not. */
function openRaw(url: string, method: string): ClientHttp2Stream {
  const session = connectHttp2(url);
  closing.push(() => session.destroy());
  const stream = session.request({
    ':path': `${ECHO}/${method}`,
    ':method': 'POST',
    'content-type': 'application/connect+proto',
    'x-api-key': 'user',
  });
  return stream.on('error', () => undefined);
}

function envelope(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Resolves when the number is above zero and rises no more. */
async function settled(value: () => number): Promise<void> {
  let before = 0;
  await vi.waitFor(
    () => {
      const isStill = before > 0 && value() === before;
      before = value();
      expect(isStill).toBe(true);
    },
    { interval: 200, timeout: 15_000 },
  );
}

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
    await expect.poll(() => edge.open.streams).toBe(0);
  });

  test('a reader that pauses holds the service back, with less than a megabyte on the way', async () => {
    let sent = 0;
    const edge = await setUp({
      handlers: {
        async repeat(_, out) {
          for (; sent < 1_000; sent++) await out.send({ index: sent, payload: new Uint8Array(10_000) });
        },
      },
    });
    const stream = openRaw(edge.url, 'Repeat');
    stream.end(envelope(Buffer.alloc(0)));
    await settled(() => sent);
    expect(sent).toBeLessThan(100);
    let received = 0;
    stream.on('data', (chunk: Buffer) => (received += chunk.length));
    await new Promise((resolve) => stream.once('end', resolve));
    expect(sent).toBe(1_000);
    expect(received).toBeGreaterThan(10_000_000);
  });

  test('a service that does not read holds the caller back, with less than three megabytes on the way', async () => {
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
    const stream = openRaw(edge.url, 'Chat');
    const message = envelope(
      toBinary(ChatRequestSchema, create(ChatRequestSchema, { text: 'x'.repeat(10_000) })),
    );
    let taken = 0;
    const sending = (async () => {
      for (; taken < 1_000; taken++)
        if (!stream.write(message)) await new Promise((resolve) => stream.once('drain', resolve));
      stream.end();
    })();
    await settled(() => taken);
    expect(taken).toBeLessThan(300);
    go.resolve();
    await sending;
    await new Promise((resolve) => stream.resume().once('close', resolve));
    expect(received).toBe(1_000);
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
    await expect.poll(() => edge.open.streams).toBe(1);
    await vi.waitFor(() => expect(edge.open.streams).toBe(0), { timeout: 10_000 });
  });

  test('end when the right to them does', async () => {
    const edge = await setUp({ handlers: { repeat: (_, __, ctx) => untilAborted(ctx) } });
    const call = failure(collect(clientOf(edge.url, 'gRPC', 'revocable').repeat({})));
    await expect.poll(() => edge.open.streams).toBe(1);
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
    await expect.poll(() => edge.open.streams).toBe(2);
    const third = await failure(collect(client.repeat({})));
    expect([third.code, reasonOf(third)]).toEqual([Code.ResourceExhausted, 'TOO_MANY_STREAMS']);
    abort.abort();
    await Promise.all(open);
    await expect.poll(() => edge.open.streams).toBe(0);
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
    const broken = Buffer.alloc(9);
    broken.writeUInt32BE(4, 1);
    broken.write('oops', 5);
    stream.end(broken);
    await new Promise((resolve) => stream.once('close', resolve));
    expect(JSON.parse(Buffer.concat(chunks).subarray(5).toString())).toMatchObject({
      error: { code: 'invalid_argument', details: [{ debug: { reason: 'INVALID_FIELD' } }, {}] },
    });
  });
});
