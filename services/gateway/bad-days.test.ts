import { request as httpRequest } from 'node:http';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { Code } from '@connectrpc/connect';
import { describe, expect, test, vi } from 'vitest';
import { closing, collect } from '../../tests/support/echo/harness.ts';
import {
  clientOf,
  ECHO,
  failure,
  reasonOf,
  setUp,
  untilAborted,
  type Setup,
} from '../../tests/support/edge.ts';

const ECHO_CALL = `${ECHO}/Echo`;

function openSocket({ port }: Setup): { socket: Socket; closed: Promise<unknown>; received(): string } {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  closing.push(() => void socket.destroy());
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  return { socket, closed: new Promise((resolve) => socket.once('close', resolve)), received: () => text };
}

function openSession({ url }: Setup): ClientHttp2Session {
  const session = connectHttp2(url);
  session.on('error', () => undefined);
  closing.push(() => session.destroy());
  return session;
}

const headers = (type = 'application/json') => ({
  ':path': ECHO_CALL,
  ':method': 'POST',
  'content-type': type,
  'x-api-key': 'user',
});

/** Status, and the code where the answer is an error. */
async function outcome(answer: Response): Promise<[number, string | undefined]> {
  const text = await answer.text();
  return [answer.status, text.startsWith('{') ? (JSON.parse(text) as { code?: string }).code : undefined];
}

async function expectGoodCall(edge: Setup): Promise<void> {
  const answer = await edge.call(ECHO_CALL, { body: '{"text":"still here"}' });
  expect([answer.status, await answer.json()]).toEqual([200, { text: 'still here' }]);
}

/** A JSON text with these bytes in it. */
function textOf(...bytes: number[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([...Buffer.from('{"text":"'), ...bytes, ...Buffer.from('"}')]);
}

describe('what can not be read', () => {
  test('is refused by name, and never repeated', async () => {
    const edge = await setUp();
    const bodies: Record<string, string | Uint8Array<ArrayBuffer>> = {
      'no JSON at all': '{"text": "secret", oops',
      nothing: '',
      'a list': '[]',
      'a field of another type': '{"text": ["secret"]}',
      'bytes that are no base64': '{"payload": "secret!!"}',
      'half a surrogate pair': textOf(0xed, 0xa0, 0x80),
      'no UTF-8': textOf(0xff, 0xfe),
    };
    for (const [what, body] of Object.entries(bodies)) {
      const answer = await edge.call(ECHO_CALL, { body });
      const text = await answer.text();
      expect([what, answer.status]).toEqual([what, 400]);
      expect(text).not.toContain('secret');
      expect(JSON.parse(text)).toMatchObject({
        code: 'invalid_argument',
        details: [
          { debug: { reason: 'INVALID_FIELD' } },
          { debug: { fieldViolations: [{ field: 'body' }] } },
        ],
      });
    }
    expect(JSON.stringify(edge.logLines)).not.toContain('secret');
  });

  test('names the field and where JSON breaks', async () => {
    const edge = await setUp();
    const messageOf = async (body: string): Promise<string> =>
      ((await (await edge.call(ECHO_CALL, { body })).json()) as { message: string }).message;
    expect(await messageOf('{"text": 5}')).toContain('telegate.test.echo.v1.EchoRequest.text');
    expect(await messageOf('{"text": "a" 2}')).toContain('at position 13');
  });

  test('a field that nobody knows is passed over, and a null is none', async () => {
    const edge = await setUp();
    const answer = await edge.call(ECHO_CALL, { body: '{"text":null,"of_a_later_version":{"a":1}}' });
    expect([answer.status, await answer.json()]).toEqual([200, {}]);
  });

  test('bytes that are no message, over Connect and gRPC', async () => {
    const edge = await setUp();
    const broken = await edge.call(ECHO_CALL, {
      headers: { 'content-type': 'application/proto' },
      body: Uint8Array.from([0x0a, 0xff, 0xff]),
    });
    expect(await outcome(broken)).toEqual([400, 'invalid_argument']);
    const frames: Record<string, number[]> = {
      'a broken message': [0, 0, 0, 0, 3, 0x0a, 0xff, 0xff],
      'half a frame': [0, 0, 0, 0, 9, 0x0a],
      'compressed with nothing': [1, 0, 0, 0, 1, 0],
      'a frame of 4 GiB': [0, 0xff, 0xff, 0xff, 0xff, 0],
      nothing: [],
    };
    for (const [what, bytes] of Object.entries(frames)) {
      const stream = openSession(edge).request(headers('application/grpc'));
      const status = new Promise<unknown>((resolve) => {
        stream.on('error', () => resolve('broken'));
        stream.on('response', (got) => got['grpc-status'] !== undefined && resolve(got['grpc-status']));
        stream.on('trailers', (got) => resolve(got['grpc-status']));
      });
      stream.resume();
      stream.end(Buffer.from(bytes));
      const code = Number(await status);
      expect([what, code > 0]).toEqual([what, true]);
    }
    await expectGoodCall(edge);
  });

  test('content types that nobody speaks, methods that nobody serves', async () => {
    const edge = await setUp();
    for (const type of [
      'text/plain',
      'application/xml',
      'application/jsonx',
      'application/connect+json',
      '/',
    ])
      expect([type, (await edge.call(ECHO_CALL, { headers: { 'content-type': type } })).status]).toEqual([
        type,
        415,
      ]);
    expect((await edge.call(ECHO_CALL, { headers: { 'content-encoding': 'rot13' } })).status).toBe(501);
    expect(await outcome(await edge.call(ECHO_CALL, { headers: { 'connect-timeout-ms': 'soon' } }))).toEqual([
      400,
      'invalid_argument',
    ]);
    for (const path of [`${ECHO}/Nothing`, '/a.b.C/D', '/%', '//', '/..%2f..%2f']) {
      const answer = await edge.call(path);
      expect([path, answer.status]).toEqual([path, 404]);
      expect(answer.headers.get('trace-id')).toMatch(/^[0-9a-f]{32}$/);
    }
    const stream = openSession(edge).request({ ...headers('application/grpc'), ':path': '/a.b.C/D' });
    stream.end();
    expect(await new Promise((resolve) => stream.on('response', (got) => resolve(got[':status'])))).toBe(404);
  });

  test('what is no HTTP is a 400, and in the middle of an answer nothing', async () => {
    const edge = await setUp({ handlers: { repeat: (_, __, ctx) => untilAborted(ctx) } });
    const none = openSocket(edge);
    none.socket.write('hello there, gateway\r\n\r\n');
    await none.closed;
    expect(none.received()).toMatch(/^HTTP\/1\.1 400 [^]*\r\ntrace-id: [0-9a-f]{32}\r\n/);
    const middle = openSocket(edge);
    middle.socket.write(
      `POST ${ECHO}/Repeat HTTP/1.1\r\nhost: x\r\nx-api-key: user\r\ncontent-type: application/connect+json\r\ncontent-length: 7\r\n\r\n\0\0\0\0\x02{}`,
    );
    await expect.poll(() => middle.received()).toContain('200 OK');
    middle.socket.write('hello there, gateway\r\n\r\n');
    await middle.closed;
    expect(middle.received()).not.toContain('HTTP/1.1 400');
    await expect.poll(() => edge.open.streams).toBe(0);
  });
});

describe('what is too much', () => {
  test('bodies: announced, unannounced, compressed, in a stream', async () => {
    const edge = await setUp({}, { limits: { maxMessageBytes: 10_000 } });
    const large = JSON.stringify({ text: 'x'.repeat(20_000) });
    expect(await outcome(await edge.call(ECHO_CALL, { body: large }))).toEqual([429, 'resource_exhausted']);
    const unannounced = httpRequest(edge.url + ECHO_CALL, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': 'user', 'transfer-encoding': 'chunked' },
    });
    const status = new Promise((resolve) => unannounced.once('response', (got) => resolve(got.statusCode)));
    unannounced.on('error', () => undefined);
    unannounced.end(large);
    expect(await status).toBe(429);
    const bomb = gzipSync(JSON.stringify({ text: 'x'.repeat(20_000_000) }));
    const unpacked = await edge.call(ECHO_CALL, { headers: { 'content-encoding': 'gzip' }, body: bomb });
    expect(await outcome(unpacked)).toEqual([429, 'resource_exhausted']);
    const streamed = await failure(
      (async () => {
        const requests = (async function* () {
          yield { text: 'x'.repeat(20_000) };
        })();
        for await (const _ of clientOf(edge.url, 'gRPC').chat(requests));
      })(),
    );
    expect(streamed.code).toBe(Code.ResourceExhausted);
    await expectGoodCall(edge);
  });

  test('an upload that does not end is cut off after its refusal', async () => {
    const edge = await setUp({}, { limits: { maxMessageBytes: 10_000 } });
    const { socket, closed, received } = openSocket(edge);
    socket.write(
      `POST ${ECHO_CALL} HTTP/1.1\r\nhost: x\r\nx-api-key: user\r\ncontent-type: application/json\r\ncontent-length: 99999999\r\n\r\n`,
    );
    const flow = setInterval(() => socket.write(Buffer.alloc(1_000, ' ')), 5);
    closing.push(() => clearInterval(flow));
    await closed;
    expect(received()).toMatch(/^HTTP\/1\.1 429 /);
    expect(received()).toContain('MESSAGE_TOO_LARGE');
  });

  test('an answer beyond the limit says so', async () => {
    const edge = await setUp(
      { handlers: { echo: async () => ({ payload: new Uint8Array(9_000) }) } },
      { limits: { maxMessageBytes: 10_000 } },
    );
    expect((await clientOf(edge.url).echo({})).payload).toHaveLength(9_000);
    // Base64 is a third longer.
    const answer = await edge.call(ECHO_CALL);
    expect([answer.status, await answer.json()]).toMatchObject([
      429,
      { details: [{ debug: { reason: 'MESSAGE_TOO_LARGE' } }] },
    ]);
  });

  test('headers, many small ones too', async () => {
    const edge = await setUp();
    const { socket, closed, received } = openSocket(edge);
    socket.write(`POST ${ECHO_CALL} HTTP/1.1\r\nhost: x\r\n`);
    for (let index = 0; index < 3_000; index += 1) socket.write(`x-${index}: y\r\n`);
    await closed;
    expect(received()).toMatch(/^HTTP\/1\.1 431 [^]*\r\ntrace-id: [0-9a-f]{32}\r\n/);
    const stream = openSession(edge).request({
      ...headers(),
      ...Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`x-${index}`, 'y'])),
    });
    const refused = await new Promise((resolve) => {
      stream.once('error', () => resolve('refused')).once('close', () => resolve('refused'));
      stream.once('response', (got) => resolve(got[':status']));
    });
    expect([431, 'refused']).toContain(refused);
    await expectGoodCall(edge);
  });
});

describe('who is too slow', () => {
  test('with headers is cut off', async () => {
    const edge = await setUp({}, { limits: { headersTimeoutMs: 200 } });
    const { socket, closed, received } = openSocket(edge);
    socket.write(`POST ${ECHO_CALL} HTTP/1.1\r\nhost: x\r\n`);
    const drip = setInterval(() => socket.write('x-a: b\r\n'), 20);
    closing.push(() => clearInterval(drip));
    await closed;
    expect(received()).toMatch(/^HTTP\/1\.1 408 [^]*\r\ntrace-id: [0-9a-f]{32}\r\n/);
  });

  test('with a body is answered when the time of the call is over, and cut off', async () => {
    const edge = await setUp({}, { limits: { defaultDeadlineMs: 200 } });
    const { socket, closed, received } = openSocket(edge);
    socket.write(
      `POST ${ECHO_CALL} HTTP/1.1\r\nhost: x\r\nx-api-key: user\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{`,
    );
    await closed;
    expect(received()).toMatch(/^HTTP\/1\.1 504 /);
    const stream = openSession(edge).request(headers());
    stream.write('{');
    const status = await new Promise((resolve) => stream.on('response', (got) => resolve(got[':status'])));
    expect(status).toBe(504);
    await new Promise((resolve) => stream.resume().once('close', resolve));
    await expect.poll(() => edge.open.unary).toBe(0);
  });

  test.each(['application/json', 'application/grpc'])(
    'with taking an answer (%s) is cut off',
    async (type) => {
      const payload = new Uint8Array(3_500_000);
      let asked = 0;
      const edge = await setUp(
        {
          handlers: {
            async echo() {
              asked += 1;
              return { payload };
            },
          },
        },
        { limits: { defaultDeadlineMs: 300, overdueMs: 200, maxMessageBytes: 8_000_000 } },
      );
      const session = openSession(edge);
      const stream = session.request(headers(type));
      stream.on('error', () => undefined);
      // Never read from: the window of HTTP/2 is soon full.
      stream.end(type === 'application/json' ? '{}' : Buffer.alloc(5));
      await expect.poll(() => asked).toBe(1);
      await expect.poll(() => edge.open.unary).toBe(0);
      await expectStillServing(edge);
    },
  );

  async function expectStillServing(edge: Setup): Promise<void> {
    expect((await edge.call(`${ECHO}/Nothing`)).status).toBe(404);
  }
});

describe('who leaves', () => {
  test.each(['Connect over HTTP/1.1', 'Connect over HTTP/2', 'gRPC'])(
    'in the middle of a stream ends it at the service within a second, over %s',
    async (name) => {
      const ended = Promise.withResolvers<number>();
      const edge = await setUp({
        handlers: {
          async repeat(_, out, ctx) {
            await out.send({});
            await untilAborted(ctx);
            ended.resolve(performance.now());
          },
        },
      });
      const abort = new AbortController();
      const stream = clientOf(edge.url, name).repeat({}, { signal: abort.signal })[Symbol.asyncIterator]();
      await stream.next();
      const left = performance.now();
      abort.abort();
      await stream.next().catch(() => undefined);
      expect((await ended.promise) - left).toBeLessThan(1_000);
    },
  );

  test('with its socket torn off, over HTTP/1.1 and HTTP/2', async () => {
    let ended = 0;
    const edge = await setUp({
      handlers: {
        async repeat(_, out, ctx) {
          await out.send({});
          await untilAborted(ctx);
          ended += 1;
        },
      },
    });
    const body = Buffer.from([0, 0, 0, 0, 2, ...Buffer.from('{}')]);
    const { socket } = openSocket(edge);
    socket.write(
      `POST ${ECHO}/Repeat HTTP/1.1\r\nhost: x\r\nx-api-key: user\r\ncontent-type: application/connect+json\r\ncontent-length: 7\r\n\r\n`,
    );
    socket.write(body);
    const session = openSession(edge);
    const stream = session.request({ ...headers('application/connect+json'), ':path': `${ECHO}/Repeat` });
    stream.on('error', () => undefined).end(body);
    await expect.poll(() => edge.open.streams).toBe(2);
    socket.resetAndDestroy();
    session.destroy();
    await vi.waitFor(() => expect(ended).toBe(2), { timeout: 1_000 });
    await expect.poll(() => edge.open.streams).toBe(0);
  });
});

/** A frame of HTTP/2 by hand. */
function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** HPACK without its compression: every field as a literal; pseudo-headers first. */
function headerBlock(fields: Record<string, string>): Buffer {
  const ordered = Object.entries(fields).toSorted(([a], [b]) => Number(b[0] === ':') - Number(a[0] === ':'));
  return Buffer.concat(
    ordered.map(([name, value]) =>
      Buffer.concat([
        Buffer.from([0, name.length]),
        Buffer.from(name),
        Buffer.from([value.length]),
        Buffer.from(value),
      ]),
    ),
  );
}

const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;

describe('floods over HTTP/2', () => {
  test.each([
    ['pings', frame(PING, 0, 0, Buffer.alloc(8))],
    ['settings', frame(SETTINGS, 0, 0)],
  ])('of %s end the connection, and no other', async (_, one) => {
    const edge = await setUp({}, { limits: { controlFramesPerSecond: 50 } });
    const other = clientOf(edge.url, 'gRPC');
    await other.echo({});
    const { socket, closed } = openSocket(edge);
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    socket.write(frame(SETTINGS, 0, 0));
    const flood = Buffer.concat(Array.from({ length: 50 }, () => one));
    const flow = setInterval(() => socket.write(flood), 5);
    closing.push(() => clearInterval(flow));
    await closed;
    await expect(other.echo({})).resolves.toBeDefined();
  });

  test('of streams that are reset at once end the connection, and leave nothing behind', async () => {
    let running = 0;
    const edge = await setUp(
      {
        handlers: {
          async echo(_, ctx) {
            running += 1;
            await untilAborted(ctx);
            running -= 1;
            return {};
          },
        },
      },
      { limits: { maxStreamsPerConnection: 100, streamResetsPerSecond: 10, callsPerSecond: 0 } },
    );
    const { socket, closed } = openSocket(edge);
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    socket.write(frame(SETTINGS, 0, 0));
    const block = headerBlock({ ...headers(), ':scheme': 'http', ':authority': 'x' });
    let stream = 1;
    const flow = setInterval(() => {
      for (let index = 0; index < 20; index += 1, stream += 2)
        socket.write(
          Buffer.concat([
            frame(HEADERS, 4, stream, block),
            frame(RST_STREAM, 0, stream, Buffer.from([0, 0, 0, 8])),
          ]),
        );
    }, 5);
    closing.push(() => clearInterval(flow));
    await closed;
    expect(stream).toBeGreaterThan(200);
    await expect.poll(() => [edge.open.unary, running]).toEqual([0, 0]);
    await expect(clientOf(edge.url, 'gRPC').repeat({})[Symbol.asyncIterator]().next()).resolves.toBeDefined();
  });

  test('a caller that resets now and then is not punished', async () => {
    const edge = await setUp({ handlers: { repeat: (_, __, ctx) => untilAborted(ctx) } });
    const client = clientOf(edge.url, 'gRPC');
    for (let round = 0; round < 20; round += 1) {
      const abort = new AbortController();
      const call = failure(collect(client.repeat({}, { signal: abort.signal })));
      abort.abort();
      await call;
    }
    expect(await client.echo({ text: 'x' })).toMatchObject({ text: 'x' });
  });
});

test('a stream too many on a connection waits in the client, not here', async () => {
  const edge = await setUp(
    { handlers: { repeat: (_, __, ctx) => untilAborted(ctx) } },
    { limits: { maxStreamsPerConnection: 2, maxStreamsPerPrincipal: 1 } },
  );
  const client = clientOf(edge.url, 'gRPC');
  const abort = new AbortController();
  const first = failure(collect(client.repeat({}, { signal: abort.signal })));
  await expect.poll(() => edge.open.streams).toBe(1);
  expect(reasonOf(await failure(collect(client.repeat({}))))).toBe('TOO_MANY_STREAMS');
  abort.abort();
  await first;
});
