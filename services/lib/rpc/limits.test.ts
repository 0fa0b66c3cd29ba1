import { Client as Channel, credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { expect, test, vi } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { closing, collect, connectTo, refusal, startServer } from '../../../tests/support/echo/harness.ts';
import { EchoRequestSchema } from '../../../tests/support/echo/v1/echo_pb.ts';
import { asIs, encode } from './definition.ts';
import { fromStatus, type RpcError } from './status.ts';

const ECHO = '/telegate.test.echo.v1.EchoService/Echo';

/** A client without our limits and codecs, as one in another language may be. */
function rawEcho(
  address: string,
  bytes: Buffer,
  metadata: Record<string, string> = {},
): Promise<RpcError | 'ok'> {
  const channel = new Channel(address, credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    'grpc.use_local_subchannel_pool': 1,
  });
  closing.push(() => channel.close());
  const sent = Metadata.fromHttp2Headers({ 'x-api-key': 'user', ...metadata });
  return new Promise((resolve) => {
    channel.makeUnaryRequest(
      ECHO,
      asIs,
      (answer) => answer,
      bytes,
      sent,
      (error: ServiceError | null) => resolve(error ? fromStatus(error, 'Echo') : 'ok'),
    );
  });
}

test('a request over the limit is refused by the server, with the limit', async () => {
  const server = await startServer({ limits: { maxMessageBytes: 10_000 } });
  const bytes = encode(EchoRequestSchema, { payload: new Uint8Array(1_000_000) });
  expect(await rawEcho(server.address, bytes)).toMatchObject({
    code: status.RESOURCE_EXHAUSTED,
    reason: ErrorReason.MESSAGE_TOO_LARGE,
    metadata: { limit_bytes: '10000' },
  });
  const justFits = encode(EchoRequestSchema, { payload: new Uint8Array(9_996) });
  expect(justFits).toHaveLength(9_999);
  expect(await rawEcho(server.address, justFits)).toBe('ok');
});

test('an answer over the limit is refused by the server, with the limit, also within a stream', async () => {
  const payload = new Uint8Array(20_000);
  const server = await startServer({
    limits: { maxMessageBytes: 10_000 },
    handlers: {
      echo: async () => ({ payload }),
      async repeat(_request, out) {
        await out.send({ index: 1 });
        await out.send({ payload });
      },
    },
  });
  const tooLarge = {
    code: status.RESOURCE_EXHAUSTED,
    reason: ErrorReason.MESSAGE_TOO_LARGE,
    metadata: { limit_bytes: '10000' },
  };
  expect(await rawEcho(server.address, Buffer.alloc(0))).toMatchObject(tooLarge);
  expect(await refusal(collect(connectTo(server).repeat({})))).toMatchObject(tooLarge);
});

test('a client refuses what is over its own limit, out before it is sent and in as it comes', async () => {
  const client = connectTo(await startServer(), { maxMessageBytes: 10_000 });
  const tooLarge = { reason: ErrorReason.MESSAGE_TOO_LARGE, metadata: { limit_bytes: '10000' } };
  await expect(client.echo({ payload: new Uint8Array(10_001) })).rejects.toMatchObject(tooLarge);
  await expect(client.chat().send({ text: 'x'.repeat(10_001) })).rejects.toMatchObject(tooLarge);

  const large = await startServer({ handlers: { echo: async () => ({ payload: new Uint8Array(20_000) }) } });
  expect(await refusal(connectTo(large, { maxMessageBytes: 10_000 }).echo({}))).toMatchObject({
    ...tooLarge,
    code: status.RESOURCE_EXHAUSTED,
  });
});

test("bytes that are no message are the caller's fault, and said to be", async () => {
  const server = await startServer();
  const error = await rawEcho(server.address, Buffer.from([0x0a, 0x7f, 0x01]));
  expect(error).toMatchObject({ code: status.INVALID_ARGUMENT, reason: ErrorReason.INVALID_FIELD });
  expect((error as RpcError).message).toContain('telegate.test.echo.v1.EchoRequest');
  expect(server.logLines).toEqual([]);
});

test('metadata is measured by its bytes: what is under the limit is taken', async () => {
  const client = connectTo(await startServer());
  await expect(
    client.echo({ text: 'ok' }, { metadata: { 'x-note': 'n'.repeat(15_000) } }),
  ).resolves.toMatchObject({ text: 'ok' });
});

test('metadata over the limit is refused', async () => {
  const server = await startServer();
  const error = await rawEcho(server.address, Buffer.alloc(0), { 'x-long': 'x'.repeat(17_000) });
  expect(error).toMatchObject({
    code: status.RESOURCE_EXHAUSTED,
    reason: ErrorReason.MESSAGE_TOO_LARGE,
    metadata: { limit_bytes: '16384' },
  });
});

test("a timeout that is none is the caller's fault", async () => {
  const server = await startServer();
  const error = await rawEcho(server.address, Buffer.alloc(0), { 'grpc-timeout': 'soon' });
  expect(error).toMatchObject({ code: status.INVALID_ARGUMENT });
});

test('a principal may open so many streams, and each that ends makes room', async () => {
  const server = await startServer({ limits: { maxStreamsPerPrincipal: 3 } });
  const client = connectTo(server);
  const chats = Array.from({ length: 3 }, () => client.chat());
  await Promise.all(chats.map(({ opened }) => opened));
  expect(await refusal(collect(client.chat().responses))).toMatchObject({
    code: status.RESOURCE_EXHAUSTED,
    reason: ErrorReason.TOO_MANY_STREAMS,
    metadata: { limit: '3' },
  });
  await expect(connectTo(server, { apiKey: 'operator' }).chat().opened).resolves.toBeDefined();
  chats[0]!.end();
  await vi.waitFor(async () => expect(await client.chat().opened).toBeDefined());
});

test('unary calls in flight are bounded', async () => {
  const answer = Promise.withResolvers<object>();
  const server = await startServer({
    limits: { maxUnaryInFlight: 2 },
    handlers: { echo: () => answer.promise },
  });
  const client = connectTo(server);
  const held = [client.echo({}), client.echo({})];
  await vi.waitFor(() => expect(server.open.unary).toBe(2));
  expect(await refusal(client.echo({}))).toMatchObject({
    code: status.RESOURCE_EXHAUSTED,
    metadata: { limit: '2', of: 'calls' },
    retryAfterMs: 1_000,
  });
  answer.resolve({});
  await Promise.all(held);
  await vi.waitFor(() => expect(server.open.unary).toBe(0));
});

test('of 10,000 streams of one client the limit is served, the rest refused, and others are served', async () => {
  const server = await startServer();
  const client = connectTo(server);
  const chats = Array.from({ length: 10_000 }, () => client.chat());
  const outcomes = await Promise.allSettled(chats.map(({ opened }) => opened));
  const refusals = outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => reason);
  expect(refusals).toHaveLength(8_000);
  expect(new Set(refusals.map(({ reason }) => reason))).toEqual(new Set([ErrorReason.TOO_MANY_STREAMS]));
  expect(server.open.streams).toBe(2_000);
  await expect(connectTo(server).echo({ text: 'me too' })).resolves.toBeDefined();
  for (const chat of chats) chat.cancel();
  await vi.waitFor(() => expect(server.open.streams).toBe(0));
});

test('a connection opens no more streams than it may, and the server stays free for others', async () => {
  const server = await startServer({ limits: { maxStreamsPerConnection: 50 } });
  const client = connectTo(server);
  const chats = Array.from({ length: 200 }, () => client.chat());
  await Promise.all(chats.slice(0, 50).map(({ opened }) => opened));
  expect(await rawEcho(server.address, Buffer.alloc(0))).toBe('ok');
  expect(server.open.streams).toBe(50);
  for (const chat of chats.slice(0, 50)) chat.end();
  await Promise.all(chats.slice(50, 100).map(({ opened }) => opened));
});

test('a client that never reads holds its handler back, in bounded memory, and is cut off in the end', async () => {
  let sends = 0;
  let outBuffered = 0;
  const cutOff = Promise.withResolvers<void>();
  const server = await startServer({
    limits: { readerStallMs: 300 },
    handlers: {
      async repeat(_request, out, ctx) {
        ctx.signal.addEventListener('abort', () => cutOff.resolve());
        const payload = new Uint8Array(10_000);
        for (;;) {
          await out.send({ payload });
          sends += 1;
          outBuffered = Math.max(outBuffered, out.buffered);
        }
      },
    },
  });
  const stream = connectTo(server).repeat({});
  await stream.opened;
  await cutOff.promise;
  expect(sends).toBeGreaterThan(0);
  expect(sends).toBeLessThan(200);
  expect(outBuffered).toBeLessThanOrEqual(7);
  expect(await refusal(collect(stream))).toMatchObject({
    code: status.RESOURCE_EXHAUSTED,
    reason: ErrorReason.QUOTA_EXCEEDED,
  });
});

test('a handler that sends on and on without awaiting is stopped', async () => {
  const server = await startServer({
    handlers: {
      async repeat(_request, out) {
        const payload = new Uint8Array(10_000);
        for (let index = 0; index < 100_000; index++) void out.send({ payload });
      },
    },
  });
  expect(await refusal(collect(connectTo(server).repeat({})))).toMatchObject({
    code: status.RESOURCE_EXHAUSTED,
  });
});

test('trySend refuses when the buffer is full, and the message is not sent', async () => {
  const accepted = Promise.withResolvers<number>();
  const server = await startServer({
    handlers: {
      async repeat(_request, out) {
        let index = 0;
        while (out.trySend({ index, payload: new Uint8Array(1_000) })) index += 1;
        accepted.resolve(index);
        await out.send({ index: -1 });
      },
    },
  });
  const indexes = (await collect(connectTo(server).repeat({}))).map(({ index }) => index);
  const count = await accepted.promise;
  expect(count).toBeGreaterThan(10);
  expect(count).toBeLessThanOrEqual(64);
  expect(indexes).toEqual([...Array.from({ length: count }, (_, index) => index), -1]);
});
