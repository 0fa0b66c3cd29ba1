import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { closing, collect } from '../../tests/support/echo/harness.ts';
import { clientOf, ECHO, failure, reasonOf, setUp, untilAborted } from '../../tests/support/edge.ts';

describe('drain', () => {
  test('streams end with GOING_AWAY at once, calls that run finish, new ones are refused', async () => {
    const go = Promise.withResolvers<void>();
    const edge = await setUp({
      handlers: {
        async echo({ text }) {
          await go.promise;
          return { text };
        },
        repeat: (_, __, ctx) => untilAborted(ctx),
      },
    });
    const client = clientOf(edge.url, 'gRPC');
    const stream = failure(collect(client.repeat({})));
    const overHttp1 = edge.call(`${ECHO}/Echo`, { body: '{"text":"one"}' });
    const overHttp2 = client.echo({ text: 'two' });
    await expect.poll(() => edge.open).toMatchObject({ unary: 2, streams: 1 });
    const drained = edge.drain(10_000);
    expect(reasonOf(await stream)).toBe('GOING_AWAY');
    await expect(fetch(`${edge.url}/anything`)).rejects.toThrow(/./);
    go.resolve();
    expect(await (await overHttp1).json()).toEqual({ text: 'one' });
    expect(await overHttp2).toMatchObject({ text: 'two' });
    await drained;
  });

  test('what is left after the grace is cut off', async () => {
    const edge = await setUp({ handlers: { echo: (_, ctx) => untilAborted(ctx).then(() => ({})) } });
    const call = clientOf(edge.url).echo({});
    call.catch(() => undefined);
    await expect.poll(() => edge.open.unary).toBe(1);
    await edge.drain(50);
    await expect(call).rejects.toThrow(/./);
  });
});

describe('pages of other origins', () => {
  const preflight = {
    method: 'OPTIONS',
    headers: { origin: 'https://app.example', 'access-control-request-method': 'POST' },
    body: null,
  };

  test('may not call unless configured', async () => {
    const edge = await setUp();
    const answer = await edge.call(`${ECHO}/Echo`, preflight);
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    expect(answer.status).toBeGreaterThanOrEqual(400);
  });

  test('may when configured, and others may not', async () => {
    const edge = await setUp({}, { corsOrigins: ['https://app.example'] });
    const asked = await edge.call(`${ECHO}/Echo`, preflight);
    expect(asked.status).toBe(204);
    expect(asked.headers.get('trace-id')).toMatch(/^[0-9a-f]{32}$/);
    expect(asked.headers.get('access-control-allow-headers')).toContain('x-api-key');
    const answer = await edge.call(`${ECHO}/Echo`, { headers: { origin: 'https://app.example' } });
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect(answer.headers.get('access-control-expose-headers')).toContain('trace-id');
    const other = await edge.call(`${ECHO}/Echo`, { headers: { origin: 'https://evil.example' } });
    expect(other.headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('headers', () => {
  test('too many of them are refused over HTTP/1.1', async () => {
    const edge = await setUp();
    const answer = await edge.call(`${ECHO}/Echo`, { headers: { 'x-much': 'x'.repeat(20_000) } });
    expect(answer.status).toBe(431);
  });

  test('and over HTTP/2', async () => {
    const edge = await setUp();
    const value = 'x'.repeat(20_000);
    const session = connectHttp2(edge.url);
    session.on('error', () => undefined);
    closing.push(() => session.destroy());
    const stream = session.request({ ':path': `${ECHO}/Echo`, ':method': 'POST', 'x-much': value });
    const outcome = await new Promise<unknown>((resolve) => {
      stream.once('response', (headers) => resolve(headers[':status']));
      stream.once('error', () => resolve('refused'));
    });
    expect([431, 'refused']).toContain(outcome);
    expect((await edge.call(`${ECHO}/Echo`)).status).toBe(200);
  });
});

describe('a connection that tells what it speaks byte by byte', () => {
  async function speak(pieces: readonly string[]): Promise<string> {
    const edge = await setUp();
    const socket = connect({ port: edge.port, host: '127.0.0.1', noDelay: true });
    closing.push(() => void socket.destroy());
    const first = new Promise<Buffer>((resolve) => socket.once('data', resolve));
    for (const piece of pieces)
      await new Promise<void>((resolve) => socket.write(piece, () => setImmediate(resolve)));
    return (await first).toString('latin1');
  }

  test('HTTP/1.1, also with a method that begins as the preface of HTTP/2', async () => {
    expect(
      await speak(['P', 'O', 'ST /nothing HTTP/1.1\r\nhost: x\r\n', 'content-length: 0\r\n\r\n']),
    ).toMatch(/^HTTP\/1\.1 404 /);
    expect(await speak(['PRI', 'NT / HTTP/1.1\r\nhost: x\r\n\r\n'])).toMatch(/^HTTP\/1\.1 4/);
  });

  test('HTTP/2', async () => {
    const settings = '\0\0\0\x04\0\0\0\0\0';
    const answer = await speak(['PR', 'I * HTTP/2.0\r\n', '\r\nSM\r\n\r\n', settings]);
    expect(answer.charCodeAt(3)).toBe(4);
  });

  test('nothing at all: it is closed', async () => {
    const edge = await setUp({}, { limits: { headersTimeoutMs: 100 } });
    const socket = connect({ port: edge.port, host: '127.0.0.1' });
    await new Promise((resolve) => socket.once('close', resolve));
    expect(socket.bytesRead).toBe(0);
  });
});
