import { expect, test } from 'vitest';
import type { HttpMesh } from '../../support/http-mesh.ts';

export function userCases(mesh: () => HttpMesh): void {
  test('register, log in, refresh, log out', async () => {
    const { call } = mesh();
    const login = { email: 'Ann@Example.org', password: 'a battery and a horse' };
    const registered = await call('POST /auth/register', { json: login });
    expect(registered).toMatchObject({
      status: 201,
      body: { id: expect.any(String), email: 'ann@example.org' },
    });
    expect(await call('POST /auth/register', { json: login })).toMatchObject({ status: 409 });
    const { status, body } = await call('POST /auth/login', { form: login });
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        access_token: expect.any(String),
        refresh_token: expect.any(String),
        token_type: 'bearer',
        expires_in: 900,
      },
    });
    const next = await call('POST /refresh', { json: { refresh_token: body.refresh_token } });
    expect(next.status).toBe(200);
    const token: string = next.body.access_token;
    expect(await call('GET /profiles', { token })).toMatchObject({ status: 200, body: [] });
    expect(await call('POST /logout', { token })).toMatchObject({
      status: 200,
      body: { status: 'logged_out' },
    });
    for (const dead of [token, body.access_token as string]) {
      const refused = await call('GET /profiles', { token: dead });
      expect(refused.status).toBe(401);
      expect(refused.headers.get('www-authenticate')).toContain('Bearer');
    }
    const used = await call('POST /refresh', { json: { refresh_token: next.body.refresh_token } });
    expect(used).toMatchObject({ status: 401, body: { detail: expect.any(String) } });
  });

  test('a wrong password, a stranger and a bad address are told apart as little as they must', async () => {
    const { call, user } = mesh();
    const { email } = await user();
    const wrong = await call('POST /auth/login', { json: { email, password: 'not the password' } });
    const unknown = await call('POST /auth/login', {
      json: { email: 'nobody@example.org', password: 'not the password' },
    });
    expect(wrong.status).toBe(401);
    expect(unknown).toMatchObject({ status: 401, body: wrong.body });
    expect(await call('POST /auth/register', { json: { email: 'nobody', password: 'short' } })).toMatchObject(
      {
        status: 422,
        body: {
          detail: [
            { loc: ['body', 'email'], msg: expect.any(String), type: 'value_error' },
            { loc: ['body', 'password'], msg: expect.any(String), type: 'value_error' },
          ],
        },
      },
    );
  });

  test('a refresh token is good once; its second use long after ends the login', async () => {
    const { call, user } = mesh();
    const { refreshToken } = await user();
    const first = await call('POST /refresh', { json: { refresh_token: refreshToken } });
    const second = await call('POST /refresh', { json: { refresh_token: first.body.refresh_token } });
    expect(second.status).toBe(200);
    expect(await call('POST /refresh', { json: { refresh_token: refreshToken } })).toMatchObject({
      status: 401,
    });
    const ended = await call('POST /refresh', { json: { refresh_token: second.body.refresh_token } });
    expect(ended).toMatchObject({ status: 401 });
  });

  test('who joins by invitation sees the same accounts', async () => {
    const { call, user } = mesh();
    const owner = await user();
    const colleague = await mesh().colleague(owner);
    const account = { name: 'Shared', phone: '+15551230001' };
    const made = await call('POST /accounts/', { token: owner.token, json: account });
    const { body } = await call('GET /profiles', { token: colleague.token });
    expect(body).toMatchObject([{ id: made.body.id }]);
  });
}
