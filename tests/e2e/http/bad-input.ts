import { once } from 'node:events';
import { connect } from 'node:http2';
import { createConnection } from 'node:net';
import { expect, test } from 'vitest';
import type { CallOptions, HttpMesh } from '../../support/http-mesh.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const login = { email: 'ann@example.org', password: 'correct horse battery' };

export function badInputCases(mesh: () => HttpMesh): void {
  const rows: [string, CallOptions, number, unknown][] = [
    [
      'no body at all',
      {},
      422,
      [
        { loc: ['body', 'email'], msg: 'Field required', type: 'missing' },
        { loc: ['body', 'password'], msg: 'Field required', type: 'missing' },
      ],
    ],
    [
      'JSON that is none',
      { headers: JSON_TYPE, body: '{"email": ' },
      422,
      [{ loc: ['body', 10], type: 'json_invalid' }],
    ],
    [
      'JSON that is no object',
      { headers: JSON_TYPE, body: '[1]' },
      422,
      [{ loc: ['body'], type: 'model_attributes_type' }],
    ],
    [
      'another type of body',
      { headers: { 'content-type': 'text/plain' }, body: 'x' },
      422,
      [{ loc: ['body'] }],
    ],
    ['no text', { json: { ...login, email: 7 } }, 422, [{ loc: ['body', 'email'], type: 'string_type' }]],
    ['null', { json: { ...login, email: null } }, 422, [{ loc: ['body', 'email'] }]],
    ['too long', { json: { ...login, email: 'x'.repeat(300) } }, 422, [{ type: 'string_too_long' }]],
    [
      'a password in the URL',
      { form: { email: login.email } },
      422,
      [{ loc: ['body', 'password'], type: 'missing' }],
    ],
    ['not UTF-8', { headers: JSON_TYPE, body: Uint8Array.from([0x7b, 0xff, 0x7d]) }, 400, expect.any(String)],
    [
      'a form that breaks off',
      { headers: { 'content-type': 'multipart/form-data; boundary=x' }, body: '--x\r\nnothing' },
      400,
      expect.any(String),
    ],
    ['too much', { json: { ...login, more: 'x'.repeat(100_000) } }, 413, expect.stringContaining('limit')],
  ];

  test.each(rows)('%s', async (name, options, status, detail) => {
    const target = name === 'a password in the URL' ? `?password=${login.password}` : '';
    const answer = await mesh().call(`POST /auth/login${target}`, options);
    expect(answer).toMatchObject({ status, body: { detail } });
  });

  test('JSON without a content type is JSON, and what is not asked for is passed over', async () => {
    const { url } = mesh();
    const { email, password } = await mesh().user();
    const body = Buffer.from(JSON.stringify({ email, password, remember: true }));
    const response = await fetch(`${url}/auth/login`, { method: 'POST', body });
    expect(response.status).toBe(200);
  });

  test('over HTTP/2 too, with a body and without', async () => {
    const session = connect(mesh().url);
    const ask = async (path: string, body?: string): Promise<{ status: unknown; text: string }> => {
      const stream = session.request({ ':method': 'POST', ':path': path, ...(body ? JSON_TYPE : {}) });
      stream.end(body);
      const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
      return { status: headers[':status'], text: (await stream.setEncoding('utf8').toArray()).join('') };
    };
    try {
      expect(await ask('/refresh')).toMatchObject({ status: 401 });
      const { email, password } = await mesh().user();
      const answer = await ask('/auth/login', JSON.stringify({ email, password }));
      expect(answer).toMatchObject({ status: 200, text: expect.stringContaining('access_token') });
    } finally {
      session.destroy();
    }
  });

  test('a sender that leaves in the middle of its body is no fault of the gateway', async () => {
    const { url, user, gatewayLog } = mesh();
    await user();
    const { hostname, port } = new URL(url);
    const socket = createConnection({ host: hostname, port: Number(port) });
    await once(socket, 'connect');
    const head =
      'POST /auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 50';
    await new Promise((resolve) => socket.write(`${head}\r\n\r\n{"email"`, resolve));
    socket.destroy();
    // One more that is answered: what came before it has been seen to.
    await user();
    expect(gatewayLog().filter(({ level }) => level === 'error' || level === 50)).toEqual([]);
  });

  const closed = [
    'GET /profiles',
    'POST /profiles/start',
    'POST /profiles/code',
    'POST /profiles/password',
    'GET /messages/unread',
    'POST /messages/unread',
    'POST /messages/send',
    'POST /messages/dialogs',
    'GET /utils/me',
    'POST /logout',
    'GET /accounts/',
    'POST /accounts/',
    'GET /accounts/17',
    'DELETE /accounts/17',
    'POST /accounts/17/send-code',
    'GET /proxies/',
    'GET /proxies/random',
    'POST /tasks/comment',
    'GET /tasks/',
  ];

  test.each(closed)('%s without credentials, or with bad ones: 401', async (target) => {
    const { call } = mesh();
    for (const options of [
      {},
      { token: 'not.a.token' },
      { key: 'tg_unknown' },
      { headers: { authorization: 'Basic x' } },
    ]) {
      const answer = await call(target, options);
      expect(answer).toMatchObject({ status: 401, body: { detail: expect.any(String) } });
      expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
    }
  });

  test('a key that lacks the scope: 403, and which', async () => {
    const { call, user, url } = mesh();
    const { token } = await user();
    const made = await fetch(`${url}/telegate.account_auth.v1.IdentityService/CreateApiKey`, {
      method: 'POST',
      headers: { ...JSON_TYPE, authorization: `Bearer ${token}` },
      body: JSON.stringify({ name: 'reader', scopes: ['account:read'] }),
    });
    const { secret: key } = (await made.json()) as { secret: string };
    expect(await call('GET /accounts/', { key })).toMatchObject({ status: 200, body: [] });
    const refused = await call('POST /accounts/', { key, json: { name: 'x', phone: '+15557300001' } });
    expect(refused).toMatchObject({
      status: 403,
      body: { detail: expect.stringContaining('account:write') },
    });
  });

  test('what is nowhere, and what is described', async () => {
    const { call, url } = mesh();
    expect(await call('GET /nowhere')).toMatchObject({ status: 404, body: { detail: 'Not Found' } });
    expect(await call('GET /auth/login')).toMatchObject({ status: 405 });
    const document = (await (await fetch(`${url}/openapi.json`)).json()) as { paths: object };
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining([
        '/status',
        '/auth/login',
        '/messages/send',
        '/accounts/{account_id}',
        '/proxies/random',
      ]),
    );
  });
}
