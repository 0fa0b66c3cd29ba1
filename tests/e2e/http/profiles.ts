import { expect, test } from 'vitest';
import type { HttpMesh } from '../../support/http-mesh.ts';

export function profileCases(mesh: () => HttpMesh): void {
  test('start, code, password', async () => {
    const { call, user, processes, codeOf } = mesh();
    const { token } = await user();
    const password = 'two steps';
    const { phone } = processes.telegram.account({ password, firstName: 'Ann' });
    const started = await call('POST /profiles/start', { token, json: { phone } });
    expect(started).toMatchObject({ status: 200 });
    expect(started.body).toEqual({
      status: 'code_sent',
      phone,
      code_sent: true,
      code_type: 'sms',
      timeout: expect.any(Number),
    });
    expect(started.body.timeout).toBeGreaterThan(30);
    expect(started.body.timeout).toBeLessThanOrEqual(60);
    const wrong = await call('POST /profiles/code', { token, json: { phone, code: '00000' } });
    expect(wrong).toMatchObject({ status: 400, body: { detail: expect.stringContaining('is wrong') } });
    const early = await call('POST /profiles/password', { token, json: { phone, password } });
    expect(early).toMatchObject({ status: 400, body: { detail: expect.any(String) } });
    const code = await call('POST /profiles/code', { token, form: { phone, code: codeOf(phone) } });
    expect(code).toMatchObject({
      status: 200,
      body: { status: 'password_required', phone, attempts_left: 5 },
    });
    const bad = await call('POST /profiles/password', { token, json: { phone, password: 'nope' } });
    expect(bad).toMatchObject({ status: 400, body: { detail: expect.stringContaining('is wrong') } });
    const done = await call('POST /profiles/password', { token, json: { phone, password } });
    expect(done).toMatchObject({
      status: 200,
      body: { status: 'authorized', profile: { phone, name: 'Ann', state: 'authorized' } },
    });
    expect((await call('GET /profiles', { token })).body).toEqual([done.body.profile]);
    // The answer was lost, and is asked for again.
    const again = await call('POST /profiles/password', { token, json: { phone, password } });
    expect(again).toMatchObject({ status: 200, body: { profile: { phone } } });
  });

  test('a phone is known however it is spelt; a code without a login is refused with what to do', async () => {
    const { call, user, processes, codeOf } = mesh();
    const { token } = await user();
    const { phone } = processes.telegram.account();
    const none = await call('POST /profiles/code', { token, json: { phone, code: '12345' } });
    expect(none).toMatchObject({ status: 400, body: { detail: expect.stringContaining('start') } });
    const spelt = `${phone.slice(0, 2)} (${phone.slice(2, 5)}) ${phone.slice(5)}`;
    await call('POST /profiles/start', { token, json: { phone: spelt } });
    const code = await call('POST /profiles/code', { token, json: { phone: spelt, code: codeOf(phone) } });
    expect(code).toMatchObject({ status: 200, body: { profile: { phone } } });
    const unread = await call(`GET /messages/unread?phone=${phone}`, { token });
    expect(unread).toMatchObject({ status: 200, body: [] });
  });

  test("nobody hands in a code for another's login, neither a stranger nor a colleague", async () => {
    const { call, user, colleague, processes, codeOf } = mesh();
    const owner = await user();
    const { phone } = processes.telegram.account();
    await call('POST /profiles/start', { token: owner.token, json: { phone } });
    const code = codeOf(phone);
    for (const { token } of [await user(), await colleague(owner)]) {
      const refused = await call('POST /profiles/code', { token, json: { phone, code } });
      expect(refused).toMatchObject({ status: 400, body: { detail: expect.any(String) } });
      expect((await call('GET /profiles', { token })).body).toEqual([]);
    }
    const { token } = await colleague(owner);
    expect(await call('POST /profiles/start', { token, json: { phone } })).toMatchObject({ status: 409 });
    const own = await call('POST /profiles/code', { token: owner.token, json: { phone, code } });
    expect(own).toMatchObject({ status: 200, body: { status: 'authorized' } });
  });

  test('a number that nobody has is a field at fault', async () => {
    const { call, user } = mesh();
    const { token } = await user();
    const refused = await call('POST /profiles/start', { token, json: { phone: '+15559999999' } });
    expect(refused).toMatchObject({ status: 422, body: { detail: [{ loc: ['body', 'phone'] }] } });
  });
}
