import { request as httpRequest } from 'node:http';
import { describe, expect, test } from 'vitest';
import { InvalidFields } from '#lib/rpc/errors.ts';
import { ECHO, setUp } from '../../tests/support/edge.ts';

describe('JSON for curl', () => {
  test('a call, and its trace id', async () => {
    const edge = await setUp();
    const answer = await edge.call(`${ECHO}/Echo`, { body: '{"text":"hallo"}' });
    expect([answer.status, await answer.json()]).toEqual([200, { text: 'hallo' }]);
    expect(answer.headers.get('trace-id')).toMatch(/^[0-9a-f]{32}$/);
  });

  test('an error has its details twice: to decode and to read', async () => {
    const edge = await setUp({
      handlers: {
        async echo() {
          throw new InvalidFields([{ field: 'text', description: 'is too long; send less' }]);
        },
      },
    });
    const answer = await edge.call(`${ECHO}/Echo`);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      code: 'invalid_argument',
      message: 'text: is too long; send less',
      details: [
        {
          type: 'google.rpc.ErrorInfo',
          value: expect.stringMatching(/^[\w+/]+$/),
          debug: { reason: 'INVALID_FIELD', domain: 'telegate' },
        },
        {
          type: 'google.rpc.BadRequest',
          debug: { fieldViolations: [{ field: 'text', description: 'is too long; send less' }] },
        },
      ],
    });
  });

  test.each([
    ['nobody calls', {}, { 'x-api-key': undefined }, 401, 'CREDENTIALS_MISSING'],
    ['a wrong key', {}, { 'x-api-key': 'wrong' }, 401, 'CREDENTIALS_INVALID'],
  ])('%s', async (_, init, headers, status, reason) => {
    const edge = await setUp();
    const all: Record<string, string | undefined> = { 'content-type': 'application/json', ...headers };
    const sent = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
    const answer = await fetch(`${edge.url}${ECHO}/Echo`, {
      method: 'POST',
      headers: sent,
      body: '{}',
      ...init,
    });
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ details: [{ debug: { reason } }] });
    expect(answer.headers.get('trace-id')).toMatch(/^[0-9a-f]{32}$/);
  });

  test('what is no JSON, of another type, too large, not there', async () => {
    const edge = await setUp({}, { limits: { maxMessageBytes: 1_000 }, bridge: { hidden: ['repeat'] } });
    const broken = await edge.call(`${ECHO}/Echo`, { body: '{"text":' });
    expect([broken.status, ((await broken.json()) as { code: string }).code]).toEqual([
      400,
      'invalid_argument',
    ]);
    const unknown = await edge.call(`${ECHO}/Echo`, { headers: { 'content-type': 'text/xml' } });
    expect(unknown.status).toBe(415);
    const large = await edge.call(`${ECHO}/Echo`, { body: JSON.stringify({ text: 'x'.repeat(2_000) }) });
    expect([large.status, ((await large.json()) as { code: string }).code]).toEqual([
      429,
      'resource_exhausted',
    ]);
    for (const path of [`${ECHO}/Repeat`, `${ECHO}/Nothing`, '/nothing']) {
      const missing = await edge.call(path);
      expect([missing.status, await missing.json()]).toEqual([404, { detail: 'Not Found' }]);
      expect(missing.headers.get('trace-id')).toMatch(/^[0-9a-f]{32}$/);
    }
    expect((await edge.call(`${ECHO}/Echo`, { method: 'PUT' })).status).toBe(405);
  });

  test('a host that is none harms nobody', async () => {
    const edge = await setUp();
    const request = httpRequest(`${edge.url}${ECHO}/Echo`, { method: 'POST', headers: { host: 'a b[' } });
    const status = new Promise((resolve) => request.once('response', (got) => resolve(got.statusCode)));
    request.end('{}');
    expect(await status).toBe(400);
    expect((await edge.call(`${ECHO}/Echo`)).status).toBe(200);
  });
});

describe('a service that is away', () => {
  test('is named, with when to try again', async () => {
    const edge = await setUp({}, { address: '127.0.0.1:1' });
    const answer = await edge.call(`${ECHO}/Echo`);
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({
      code: 'unavailable',
      details: [
        { debug: { reason: 'DEPENDENCY_UNAVAILABLE', metadata: { dependency: 'EchoService' } } },
        { type: 'google.rpc.RetryInfo' },
      ],
    });
  });
});
