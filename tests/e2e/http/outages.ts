import { expect, test } from 'vitest';
import type { HttpMesh } from '../../support/http-mesh.ts';

const NOWHERE = '127.0.0.1:9';

export function outageCases(mesh: () => HttpMesh): void {
  test('all is well', async () => {
    const { status, body } = await mesh().call('GET /health');
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        status: 'ok',
        services: {
          'session-pool': 'serving',
          'account-auth': 'serving',
          messaging: 'serving',
          'proxy-registry': 'serving',
          engagement: 'serving',
        },
      },
    });
  });

  test('messaging is away: its calls say so, the rest goes on', async () => {
    const { call, gateway, user, profile } = mesh();
    const ann = await user();
    const { token } = ann;
    const { phone } = await profile(ann);
    const url = await gateway({ MESSAGING_ADDRESS: NOWHERE });
    const health = await call('GET /health', { url });
    expect(health).toMatchObject({ status: 503, body: { services: { messaging: 'unreachable' } } });
    const refused = await call('POST /messages/dialogs', { url, token, json: { phone } });
    expect(refused).toMatchObject({
      status: 503,
      body: { detail: expect.stringContaining('MessagingService') },
    });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await call('GET /messages/unread', { url, token })).toMatchObject({ status: 503 });
    expect(await call('GET /profiles', { url, token })).toMatchObject({ status: 200, body: [{ phone }] });
    expect(await call('GET /proxies/', { url, token })).toMatchObject({ status: 200 });
  });

  test('proxy-registry is away', async () => {
    const { call, gateway, user } = mesh();
    const { token } = await user();
    const url = await gateway({ PROXY_REGISTRY_ADDRESS: NOWHERE });
    const refused = await call('GET /proxies/', { url, token });
    expect(refused).toMatchObject({
      status: 503,
      body: { detail: expect.stringContaining('ProxyRegistryService') },
    });
    expect(await call('GET /accounts/', { url, token })).toMatchObject({ status: 200 });
  });

  test('engagement is away: tasks say so, and all else is well', async () => {
    const { call, gateway, user } = mesh();
    const { token } = await user();
    const url = await gateway({ ENGAGEMENT_ADDRESS: NOWHERE });
    const json = { channel: '@my_channel', latest: 1, reactions: ['👍'] };
    for (const [target, options] of [
      ['GET /tasks/', {}],
      ['POST /tasks/reaction', { json }],
    ] as const)
      expect(await call(target, { url, token, ...options })).toMatchObject({
        status: 503,
        body: { detail: expect.stringContaining('EngagementService') },
      });
    const health = await call('GET /health', { url });
    expect(health).toMatchObject({ status: 200, body: { services: { engagement: 'unreachable' } } });
  });

  test('account-auth is away: nobody logs in, and the operator works on', async () => {
    const { call, gateway, operatorKey } = mesh();
    const url = await gateway({ ACCOUNT_AUTH_ADDRESS: NOWHERE });
    const json = { email: 'ann@example.org', password: 'correct horse battery' };
    const refused = await call('POST /auth/login', { url, json });
    expect(refused).toMatchObject({
      status: 503,
      body: { detail: expect.stringContaining('IdentityService') },
    });
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await call('GET /proxies/', { url, key: operatorKey })).toMatchObject({ status: 200 });
    expect(await call('GET /status', { url, key: operatorKey })).toMatchObject({ status: 200 });
  });
}
