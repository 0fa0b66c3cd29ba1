import { expect, test } from 'vitest';
import type { HttpMesh } from '../../support/http-mesh.ts';

const NOBODY = '00000000-0000-7000-8000-000000000000';

export function accountCases(mesh: () => HttpMesh): void {
  test('create, read, change, delete', async () => {
    const { call, user } = mesh();
    const { token } = await user();
    const json = { name: 'Support', phone: '+15557000001' };
    const made = await call('POST /accounts/', { token, json });
    expect(made).toMatchObject({
      status: 201,
      body: { ...json, status: 'active', state: 'new', session_id: null, created_at: expect.any(String) },
    });
    const path = `/accounts/${made.body.id}`;
    expect(await call('POST /accounts/', { token, json })).toMatchObject({
      status: 409,
      body: { detail: expect.any(String) },
    });
    expect((await call(`GET ${path}`, { token })).body).toEqual(made.body);
    const renamed = { name: 'Desk', phone: '+15557000001', status: 'paused' };
    expect(await call(`PUT ${path}`, { token, json: renamed })).toMatchObject({ status: 200, body: renamed });
    expect(await call(`PUT ${path}`, { token, json: { name: 'Desk' } })).toMatchObject({
      status: 422,
      body: { detail: [{ loc: ['body', 'phone'], msg: 'Field required', type: 'missing' }] },
    });
    const patched = await call(`PATCH ${path}`, { token, form: { name: 'Help' } });
    expect(patched).toMatchObject({ status: 200, body: { ...renamed, name: 'Help' } });
    // The state is the mesh's to know.
    const unmoved = await call(`PATCH ${path}`, { token, json: { state: 'authorized' } });
    expect(unmoved).toMatchObject({ status: 200, body: { state: 'new', name: 'Help' } });
    expect(await call(`DELETE ${path}`, { token })).toMatchObject({
      status: 200,
      body: { status: 'deleted' },
    });
    for (const target of [`GET ${path}`, `DELETE ${path}`, 'GET /accounts/17', `PATCH /accounts/${NOBODY}`])
      expect(
        await call(target, { token, ...(target.startsWith('P') ? { json: { name: 'x' } } : {}) }),
      ).toEqual(expect.objectContaining({ status: 404, body: { detail: 'Account not found' } }));
  });

  test('the list: filters and pages', async () => {
    const { call, user } = mesh();
    const { token } = await user();
    for (let index = 0; index < 5; index += 1)
      await call('POST /accounts/', {
        token,
        json: {
          name: `${index % 2 ? 'odd' : 'even'} ${index}`,
          phone: `+1555710000${index}`,
          status: index === 4 ? 'paused' : 'active',
        },
      });
    const names = async (query: string): Promise<string[]> =>
      (await call(`GET /accounts/${query}`, { token })).body.map(({ name }: { name: string }) => name);
    expect(await names('')).toEqual(['even 0', 'odd 1', 'even 2', 'odd 3', 'even 4']);
    expect(await names('?skip=1&limit=2')).toEqual(['odd 1', 'even 2']);
    expect(await names('?skip=4')).toEqual(['even 4']);
    expect(await names('?skip=9')).toEqual([]);
    expect(await names('?q=odd')).toEqual(['odd 1', 'odd 3']);
    expect(await names('?status=paused')).toEqual(['even 4']);
    // A plus that was not encoded is a blank, and a phone all the same.
    expect(await names('?phone=+15557100002')).toEqual(['even 2']);
    expect(await names('?phone=&q=&status=')).toHaveLength(5);
    const refused = await call('GET /accounts/?status=frozen&limit=0&skip=x', { token });
    expect(refused).toMatchObject({
      status: 422,
      body: {
        detail: [
          { loc: ['query', 'status'], msg: "Input should be 'active' or 'paused'", type: 'enum' },
          { loc: ['query', 'skip'], type: 'int_parsing' },
          { loc: ['query', 'limit'], type: 'greater_than_equal' },
        ],
      },
    });
  });

  test('send-code, sign-in, logout', async () => {
    const { call, user, processes, codeOf } = mesh();
    const { token } = await user();
    const { phone } = processes.telegram.account({ password: 'two steps' });
    const made = await call('POST /accounts/', { token, json: { name: 'Desk', phone } });
    const path = `/accounts/${made.body.id}`;
    const early = await call(`POST ${path}/sign-in`, { token, json: { code: '12345' } });
    expect(early).toMatchObject({ status: 400 });
    const sent = await call(`POST ${path}/send-code`, { token });
    expect(sent).toMatchObject({ status: 200, body: { status: 'code_sent', code_sent: true } });
    const next = await call(`POST ${path}/sign-in`, { token, json: { code: codeOf(phone) } });
    expect(next).toMatchObject({ status: 200, body: { status: 'password_required' } });
    expect(await call(`POST ${path}/sign-in`, { token, json: {} })).toMatchObject({ status: 422 });
    const done = await call(`POST ${path}/sign-in`, { token, form: { password: 'two steps' } });
    expect(done).toMatchObject({
      status: 200,
      body: {
        status: 'authorized',
        account: { id: made.body.id, name: 'Desk', state: 'authorized', session_id: expect.any(Number) },
      },
    });
    const out = await call(`POST ${path}/logout`, { token });
    expect(out).toMatchObject({
      status: 200,
      body: { status: 'logged_out', account: { state: 'needs_login', session_id: null } },
    });
    await call(`POST ${path}/send-code`, { token });
    const both = { code: codeOf(phone), password: 'two steps' };
    const again = await call(`POST ${path}/sign-in`, { token, json: both });
    expect(again).toMatchObject({ status: 200, body: { status: 'authorized' } });
  });

  test('either header will do; a slash less is a redirect; other methods are told', async () => {
    const { call, operatorKey, user } = mesh();
    expect(await call('GET /accounts/', { key: operatorKey })).toMatchObject({ status: 200 });
    const { token } = await user();
    expect(await call('GET /accounts/?limit=1', { token })).toMatchObject({ status: 200 });
    const response = await fetch(`${mesh().url}/accounts?limit=1`, { redirect: 'manual' });
    expect(response.status).toBe(307);
    expect(response.headers.get('location')).toBe('/accounts/?limit=1');
    const followed = await call('POST /accounts', { token, json: { name: 'Desk', phone: '+15557200001' } });
    expect(followed).toMatchObject({ status: 201, body: { name: 'Desk' } });
    const other = await call('PUT /accounts/', { token });
    expect(other).toMatchObject({ status: 405, body: { detail: 'Method Not Allowed' } });
    expect(other.headers.get('allow')).toBe('POST, GET, HEAD, OPTIONS');
    const options = await call('OPTIONS /accounts/');
    expect({ status: options.status, allow: options.headers.get('allow') }).toEqual({
      status: 204,
      allow: 'POST, GET, HEAD, OPTIONS',
    });
    const head = await call('HEAD /accounts/', { token });
    expect(head).toMatchObject({ status: 200, body: '' });
    expect(Number(head.headers.get('content-length'))).toBeGreaterThan(2);
    // HEAD takes no session.
    expect(await call('HEAD /session', { key: operatorKey })).toMatchObject({ status: 405 });
  });

  test('deleted though messaging has just used it, and what is in use elsewhere only by force', async () => {
    const { call, user, profile } = mesh();
    const ann = await user();
    const { phone, id } = await profile(ann);
    const json = { phone, text: 'hello', tg_receiver: 'me' };
    expect(await call('POST /messages/send', { token: ann.token, json })).toMatchObject({ status: 200 });
    const gone = await call(`DELETE /accounts/${id}?force=true`, { token: ann.token });
    expect(gone).toMatchObject({ status: 200 });
    expect((await call('GET /profiles', { token: ann.token })).body).toEqual([]);
  });
}
