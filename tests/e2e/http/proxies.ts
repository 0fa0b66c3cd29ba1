import { expect, test } from 'vitest';
import type { HttpMesh } from '../../support/http-mesh.ts';

export function proxyCases(mesh: () => HttpMesh): void {
  test('add, list, draw, delete; the password comes back to nobody', async () => {
    const { call, user } = mesh();
    const { token } = await user();
    expect(await call('GET /proxies/random', { token })).toMatchObject({ status: 404 });
    const json = { host: '127.0.0.1', port: 9, username: 'user', password: 'canary-proxy-password' };
    const made = await call('POST /proxies/', { token, json });
    expect(made).toMatchObject({
      status: 201,
      body: { type: 'socks5', host: '127.0.0.1', port: 9, username: 'user' },
    });
    expect(await call('POST /proxies/', { token, json })).toMatchObject({ status: 409 });
    const second = await call('POST /proxies/', { token, form: { host: '127.0.0.1', port: '10' } });
    expect(second).toMatchObject({ status: 201, body: { port: 10, username: null } });
    const { body: list } = await call('GET /proxies/', { token });
    expect(list.map(({ id }: { id: string }) => id)).toEqual([made.body.id, second.body.id]);
    expect((await call('GET /proxies/?skip=1&limit=1', { token })).body).toHaveLength(1);
    const one = await call(`GET /proxies/${made.body.id}`, { token });
    expect(one).toMatchObject({ status: 200, body: { id: made.body.id } });
    expect(JSON.stringify([made.body, list, one.body])).not.toContain('canary');
    expect(await call(`DELETE /proxies/${made.body.id}`, { token })).toMatchObject({ status: 200 });
    for (const target of [
      `GET /proxies/${made.body.id}`,
      'GET /proxies/17',
      `DELETE /proxies/${made.body.id}`,
    ])
      expect(await call(target, { token })).toEqual(
        expect.objectContaining({ status: 404, body: { detail: 'Proxy not found' } }),
      );
  });

  test('one that works is drawn before one that does not', async () => {
    const { call, user, workingProxy } = mesh();
    const { token } = await user();
    const proxy = await workingProxy();
    await call('POST /proxies/', { token, json: { host: '127.0.0.1', port: 9 } });
    const { body: up } = await call('POST /proxies/', { token, json: proxy });
    await expect
      .poll(async () => (await call(`GET /proxies/${up.id}`, { token })).body.state, { timeout: 10_000 })
      .toBe('up');
    for (const _ of [1, 2, 3])
      expect((await call('GET /proxies/random', { token })).body).toMatchObject({ id: up.id, state: 'up' });
  });

  test('faults are named as fields', async () => {
    const { call, user } = mesh();
    const { token } = await user();
    const refused = await call('POST /proxies/', { token, json: { host: '10.0.0.1', port: 70_000 } });
    expect(refused).toMatchObject({
      status: 422,
      body: { detail: [{ loc: ['body', 'port'], type: 'less_than_equal' }] },
    });
    const privately = await call('POST /proxies/', { token, json: { host: '10.0.0.1', port: 1_080 } });
    expect(privately).toMatchObject({ status: 422, body: { detail: [{ loc: ['body', 'host'] }] } });
  });
}
