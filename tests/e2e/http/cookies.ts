import { expect, test } from 'vitest';
import type { HttpMesh } from '../../support/http-mesh.ts';

export function cookieCases(mesh: () => HttpMesh): void {
  async function loggedIn(headers: Record<string, string> = {}) {
    const { call, user } = mesh();
    const { email, password } = await user();
    const answer = await call('POST /auth/login', { json: { email, password }, headers });
    const cookies = answer.headers.getSetCookie();
    return { answer, cookies, cookie: cookies.map((one) => one.split(';')[0]).join('; ') };
  }

  test('a page of the gateway needs no header: the tokens are cookies that no script reads', async () => {
    const { call } = mesh();
    const { answer, cookies, cookie } = await loggedIn({ 'sec-fetch-site': 'same-origin' });
    expect(cookies).toEqual([
      `access_token=${answer.body.access_token}; Path=/; Max-Age=900; HttpOnly; SameSite=Lax`,
      expect.stringMatching(/^refresh_token=\S+; Path=\/; Max-Age=\d{6,}; HttpOnly; SameSite=Lax$/),
    ]);
    expect(await call('GET /profiles', { headers: { cookie } })).toMatchObject({ status: 200 });
    const next = await call('POST /refresh', { headers: { cookie } });
    expect(next).toMatchObject({ status: 200, body: { token_type: 'bearer' } });
    expect(next.headers.getSetCookie()).toHaveLength(2);
    const out = await call('POST /logout', { headers: { cookie } });
    expect(out.status).toBe(200);
    expect(out.headers.getSetCookie()).toEqual([
      'access_token=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax',
      'refresh_token=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax',
    ]);
    expect(await call('GET /profiles', { headers: { cookie } })).toMatchObject({ status: 401 });
    const dead = await call('POST /refresh', { headers: { cookie } });
    expect(dead.status).toBe(401);
    expect(dead.headers.getSetCookie()[0]).toContain('Max-Age=0');
  });

  test.each([
    ['the browser says so', { 'sec-fetch-site': 'cross-site' }],
    ['it is a neighbour', { 'sec-fetch-site': 'same-site', origin: 'http://other.localhost' }],
    ['its origin says so', { origin: 'https://evil.example' }],
    ['its origin is hidden', { origin: 'null' }],
  ])('a page of another site has no use of them: %s', async (_, headers) => {
    const { call } = mesh();
    const { cookie } = await loggedIn();
    for (const target of ['GET /profiles', 'POST /logout', 'POST /refresh'])
      expect(await call(target, { headers: { cookie, ...headers } })).toMatchObject({
        status: 401,
        body: { detail: expect.stringContaining('other sites') },
      });
    // Neither does it log its visitor in as somebody else.
    expect((await loggedIn(headers)).cookies).toEqual([]);
    expect(await call('GET /profiles', { headers: { cookie } })).toMatchObject({ status: 200 });
  });

  test('its own origin is no other', async () => {
    const { call, url } = mesh();
    const { cookie } = await loggedIn({ origin: url });
    const answer = await call('GET /profiles', { headers: { cookie, origin: url } });
    expect(answer.status).toBe(200);
  });

  test('behind TLS they are for TLS alone', async () => {
    const { cookies } = await loggedIn({ 'x-forwarded-proto': 'https' });
    for (const cookie of cookies) expect(cookie).toMatch(/; Secure$/);
  });
}
