import { connect as connectHttp2 } from 'node:http2';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { connect as connectTls } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { createAuthority, opensslIsThere } from '../../tests/support/certificates.ts';
import { closing } from '../../tests/support/echo/harness.ts';
import { ECHO, setUp } from '../../tests/support/edge.ts';

const headers = { 'content-type': 'application/json', 'x-api-key': 'user' };

describe.skipIf(!opensslIsThere())('TLS', () => {
  function overHttp1(port: number, options: RequestOptions): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      httpsRequest({ port, host: 'localhost', path: `${ECHO}/Echo`, method: 'POST', headers, ...options })
        .on('response', (answer) => resolve(answer.resume().statusCode))
        .on('error', reject)
        .end('{}');
    });
  }

  test('HTTP/1.1 and HTTP/2 on one port, told apart by the handshake', async () => {
    const authority = createAuthority('tests');
    const edge = await setUp({}, { tls: authority.issue('localhost') });
    const { ca } = authority;
    expect(await overHttp1(edge.port, { ca })).toBe(200);
    const session = connectHttp2(`https://localhost:${edge.port}`, { ca });
    closing.push(() => session.destroy());
    const stream = session.request({ ':path': `${ECHO}/Echo`, ':method': 'POST', ...headers });
    stream.end('{"text":"x"}');
    expect(await new Promise((resolve) => stream.once('response', (got) => resolve(got[':status'])))).toBe(
      200,
    );
    await expect(fetch(edge.url)).rejects.toThrow(/./);
  });

  test('with an authority of clients, only they are let in', async () => {
    const authority = createAuthority('tests');
    const { ca } = authority;
    const edge = await setUp({}, { tls: { ...authority.issue('localhost'), clientCa: ca } });
    expect(await overHttp1(edge.port, { ca, ...authority.issue('client') })).toBe(200);
    await expect(overHttp1(edge.port, { ca })).rejects.toThrow(/./);
    const stranger = createAuthority('others').issue('client');
    await expect(overHttp1(edge.port, { ca, ...stranger })).rejects.toThrow(/./);
  });

  test('who says nothing after the handshake is cut off', async () => {
    const authority = createAuthority('tests');
    const limits = { headersTimeoutMs: 300 };
    const edge = await setUp({}, { tls: authority.issue('localhost'), limits });
    const silent = connectTls({ port: edge.port, host: 'localhost', ca: authority.ca });
    closing.push(() => void silent.destroy());
    expect(await new Promise((resolve) => silent.resume().once('close', () => resolve('closed')))).toBe(
      'closed',
    );
  });
});
