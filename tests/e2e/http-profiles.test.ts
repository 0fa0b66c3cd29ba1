import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startHttpMesh, type HttpMesh } from '../support/http-mesh.ts';

let mesh: HttpMesh;
beforeAll(async () => {
  mesh = await startHttpMesh();
}, 90_000);
afterAll(() => mesh?.stop());

describe('users', () => {
  test('register, log in, refresh, log out', async () => {
    const login = { email: 'Ann@Example.org', password: 'a battery and a horse' };
    const registered = await mesh.call('POST /auth/register', { json: login });
    expect(registered).toMatchObject({
      status: 201,
      body: { id: expect.any(String), email: 'ann@example.org' },
    });
    expect(await mesh.call('POST /auth/register', { json: login })).toMatchObject({ status: 409 });
    const { status, body, headers } = await mesh.call('POST /auth/login', { form: login });
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        access_token: expect.any(String),
        refresh_token: expect.any(String),
        token_type: 'bearer',
        expires_in: 900,
      },
    });
    expect(headers.getSetCookie()).toEqual([
      `access_token=${body.access_token}; Path=/; Max-Age=900; HttpOnly; SameSite=Lax`,
      expect.stringMatching(/^refresh_token=\S+; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Lax$/),
    ]);
    const next = await mesh.call('POST /refresh', { json: { refresh_token: body.refresh_token } });
    expect(next.status).toBe(200);
    const token: string = next.body.access_token;
    expect(await mesh.call('GET /profiles', { token })).toMatchObject({ status: 200, body: [] });
    const out = await mesh.call('POST /logout', { token });
    expect(out).toMatchObject({ status: 200, body: { status: 'logged_out' } });
    expect(out.headers.getSetCookie().every((cookie) => cookie.includes('Max-Age=0'))).toBe(true);
    expect(await mesh.call('GET /profiles', { token })).toMatchObject({ status: 401 });
    expect(await mesh.call('GET /profiles', { token: body.access_token })).toMatchObject({ status: 401 });
    const used = await mesh.call('POST /refresh', { json: { refresh_token: next.body.refresh_token } });
    expect(used).toMatchObject({ status: 401, body: { detail: expect.any(String) } });
  });
});

test('a profile: start, code, password; messages; me', async () => {
  const ann = await mesh.user();
  const { token } = ann;
  const password = 'two steps';
  const account = mesh.processes.telegram.account({ password, username: 'ann_http', firstName: 'Ann' });
  const { phone } = account;
  const started = await mesh.call('POST /profiles/start', { token, json: { phone } });
  expect(started).toMatchObject({ status: 200, body: { status: 'code_sent', phone, code_sent: true } });
  const wrong = await mesh.call('POST /profiles/code', { token, json: { phone, code: '00000' } });
  expect(wrong).toMatchObject({ status: 400, body: { detail: expect.stringContaining('wrong') } });
  const code = await mesh.call('POST /profiles/code', { token, form: { phone, code: mesh.codeOf(phone) } });
  expect(code).toMatchObject({ status: 200, body: { status: 'password_required' } });
  const bad = await mesh.call('POST /profiles/password', { token, json: { phone, password: 'nope' } });
  expect(bad).toMatchObject({ status: 400 });
  const done = await mesh.call('POST /profiles/password', { token, json: { phone, password } });
  expect(done).toMatchObject({
    status: 200,
    body: { status: 'authorized', profile: { phone, name: 'Ann', state: 'authorized' } },
  });
  expect((await mesh.call('GET /profiles', { token })).body).toEqual([done.body.profile]);

  const bob = await mesh.profile(ann);
  const sent = await mesh.call('POST /messages/send', {
    token,
    json: { phone: bob.phone, text: 'hello', tg_receiver: '@ann_http' },
  });
  expect(sent).toMatchObject({ status: 200, body: { status: 'sent', id: expect.any(Number) } });
  const unread = await mesh.call('GET /messages/unread', { token });
  expect(unread.body).toMatchObject([
    { phone, text: 'hello', dialog: { kind: 'user' }, sender: { id: bob.account.id } },
  ]);
  const dialogs = await mesh.call('POST /messages/dialogs', { token, json: { phone } });
  expect(dialogs.body).toMatchObject([
    { id: bob.account.id, unread_count: 1, last_message: { text: 'hello' } },
  ]);
  const me = await mesh.call(`GET /utils/me?phone=${phone}`, { token });
  expect(me.body).toEqual({ id: account.id, name: 'Ann', username: 'ann_http', phone });
  expect((await mesh.call('GET /utils/me', { token })).body).toHaveLength(2);
}, 30_000);

test('health', async () => {
  expect(await mesh.call('GET /health')).toMatchObject({ status: 200, body: { status: 'ok' } });
});
