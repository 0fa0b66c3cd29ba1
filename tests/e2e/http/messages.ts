import { expect, test } from 'vitest';
import type { HttpMesh } from '../../support/http-mesh.ts';

export function messageCases(mesh: () => HttpMesh): void {
  test('send, unread, dialogs, me', async () => {
    const { call, user, profile } = mesh();
    const ann = await user();
    const { token } = ann;
    const reader = await profile(ann, { username: 'ann_reads', firstName: 'Ann' });
    const me = { id: reader.account.id, name: 'Ann', username: 'ann_reads', phone: reader.phone };
    // The only profile is itself, several are a list.
    expect((await call('GET /utils/me', { token })).body).toEqual(me);
    const writer = await profile(ann, { firstName: 'Bob' });
    const { body: both } = await call('GET /utils/me', { token });
    expect(both).toHaveLength(2);
    expect(both).toContainEqual(me);
    expect((await call(`GET /utils/me?phone=${reader.phone}`, { token })).body).toEqual(me);

    const say = (tg_receiver: string | number, text: string) =>
      call('POST /messages/send', { token, json: { phone: writer.phone, text, tg_receiver } });
    const first = await say('@ann_reads', 'one');
    expect(first).toMatchObject({
      status: 200,
      body: {
        status: 'sent',
        id: expect.any(Number),
        date: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/),
        dialog: { id: reader.account.id, kind: 'user' },
      },
    });
    expect(await say('ann_reads', 'two')).toMatchObject({ status: 200 });
    expect(await say(reader.account.id, 'three')).toMatchObject({ status: 200 });
    expect(await say(String(reader.account.id), 'four')).toMatchObject({ status: 200 });
    expect(await say('nobody_has_this', 'five')).toMatchObject({ status: 404 });

    const unread = await call(`GET /messages/unread?phone=${encodeURIComponent(reader.phone)}`, { token });
    expect(unread.body.map(({ text }: { text: string }) => text)).toEqual(['four', 'three', 'two', 'one']);
    expect(unread.body[0]).toMatchObject({
      phone: reader.phone,
      dialog: { id: writer.account.id, title: 'Bob', kind: 'user' },
      sender: { id: writer.account.id, name: 'Bob' },
      id: expect.any(Number),
      date: expect.any(String),
      outgoing: false,
    });
    expect(unread.headers.get('x-total-count')).toBe('4');
    const asked = await call('POST /messages/unread', { token, form: { phone: reader.phone, limit: '2' } });
    expect(asked.body).toHaveLength(2);

    const dialogs = await call('POST /messages/dialogs', { token, json: { phone: reader.phone } });
    expect(dialogs.body).toMatchObject([
      { id: writer.account.id, title: 'Bob', kind: 'user', unread_count: 4, last_message: { text: 'four' } },
    ]);
  });

  test('groups and channels by their numbers, as Telethon counts', async () => {
    const { call, user, profile, processes } = mesh();
    const ann = await user();
    const { token } = ann;
    const { phone, account } = await profile(ann);
    const { channel } = await processes.control.control.createChannel({
      title: 'News',
      creatorAccountId: String(account.id),
    });
    const { body } = await call('POST /messages/dialogs', { token, json: { phone } });
    const id = -1_000_000_000_000 - Number(channel!.channelId);
    expect(body).toContainEqual(expect.objectContaining({ id, title: 'News', kind: 'channel' }));
    const sent = await call('POST /messages/send', {
      token,
      form: { phone, text: 'a post', tg_receiver: String(id) },
    });
    expect(sent).toMatchObject({ status: 200, body: { dialog: { id, kind: 'channel' } } });
    const own = await call('POST /messages/send', {
      token,
      json: { phone, text: 'a note', tg_receiver: 'me' },
    });
    expect(own).toMatchObject({ status: 200, body: { dialog: { id: account.id } } });
  });

  test('of all profiles the unread are merged, the newest first; who can not be asked is named', async () => {
    const { call, user, profile, processes } = mesh();
    const ann = await user();
    const { token } = ann;
    const [one, two, three] = [await profile(ann), await profile(ann), await profile(ann)];
    const writer = processes.telegram.account({ firstName: 'Bob' });
    const { control } = processes.control;
    for (const [index, { account }] of [one, two, one, three].entries())
      await control.sendMessage({
        accountId: String(writer.id),
        to: { peer: { case: 'accountId', value: String(account.id) } },
        text: `message ${index}`,
      });
    await call('GET /messages/unread', { token });
    await control.createFault({
      spec: {
        scope: { methods: ['messages.getDialogs'], accountIds: [String(three.account.id)] },
        count: 1,
        fault: { case: 'rpcError', value: { text: 'FLOOD_WAIT_30', code: 420 } },
      },
    });
    const { status, body, headers } = await call('GET /messages/unread', { token });
    expect(status).toBe(200);
    const seen = body.map(({ phone, text }: { phone: string; text: string }) => `${phone} ${text}`);
    expect(new Set(seen)).toEqual(
      new Set([`${one.phone} message 0`, `${two.phone} message 1`, `${one.phone} message 2`]),
    );
    const dates = body.map(({ date }: { date: string }) => date);
    expect(dates).toEqual(dates.toSorted().toReversed());
    expect(headers.get('x-failed-profiles')).toBe(`${three.phone}=FLOOD_WAIT`);
  });

  test('a flood wait is 429, with the time', async () => {
    const { call, user, profile, processes } = mesh();
    const ann = await user();
    const { phone, account } = await profile(ann);
    const { control } = processes.control;
    await control.createFault({
      spec: {
        scope: { methods: ['messages.sendMessage'], accountIds: [String(account.id)] },
        count: 1,
        fault: { case: 'rpcError', value: { text: 'FLOOD_WAIT_30', code: 420 } },
      },
    });
    const json = { phone, text: 'hello', tg_receiver: 'me' };
    for (const _ of [1, 2]) {
      const refused = await call('POST /messages/send', { token: ann.token, json });
      expect(refused).toMatchObject({ status: 429, body: { detail: expect.any(String) } });
      const seconds = Number(refused.headers.get('retry-after'));
      expect(seconds).toBeGreaterThan(25);
      expect(seconds).toBeLessThanOrEqual(30);
    }
  });

  test('a repeat with the same Idempotency-Key sends nothing twice', async () => {
    const { call, user, profile } = mesh();
    const ann = await user();
    const { phone } = await profile(ann);
    const request = {
      token: ann.token,
      json: { phone, text: 'once', tg_receiver: 'me' },
      headers: { 'Idempotency-Key': 'send 1' },
    };
    const first = await call('POST /messages/send', request);
    expect(first.status).toBe(200);
    expect((await call('POST /messages/send', request)).body).toEqual(first.body);
  });

  test('a profile of somebody else is not there', async () => {
    const { call, user, profile } = mesh();
    const { phone } = await profile(await user());
    const { token } = await user();
    for (const [target, json] of [
      ['POST /messages/unread', { phone }],
      ['POST /messages/dialogs', { phone }],
      ['POST /messages/send', { phone, text: 'hello', tg_receiver: 'me' }],
    ] as const)
      expect(await call(target, { token, json })).toMatchObject({ status: 404 });
    expect(await call(`GET /utils/me?phone=${phone}`, { token })).toMatchObject({ status: 404 });
    expect(await call('GET /messages/unread', { token })).toMatchObject({ status: 200, body: [] });
  });

  test('a profile that is not logged in is told so', async () => {
    const { call, user } = mesh();
    const { token } = await user();
    const { body } = await call('POST /accounts/', { token, json: { name: 'Desk', phone: '+15557400001' } });
    for (const [target, json] of [
      ['POST /messages/unread', {}],
      ['POST /messages/dialogs', {}],
      ['POST /messages/send', { text: 'hello', tg_receiver: 'me' }],
    ] as const)
      expect(await call(target, { token, json: { phone: body.phone, ...json } })).toMatchObject({
        status: 409,
        body: { detail: expect.stringContaining('POST /profiles/start') },
      });
  });

  test('a session that somebody has leased is left to them', async () => {
    const { call, user, profile, url } = mesh();
    const ann = await user();
    const { phone, id } = await profile(ann);
    const account = await call(`GET /accounts/${id}`, { token: ann.token });
    const taken = await fetch(`${url}/telegate.session_pool.v1.SessionPoolService/AcquireLease`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${ann.token}` },
      body: JSON.stringify({ selector: { sessionId: String(account.body.session_id) }, holder: 'a worker' }),
    });
    expect(taken.status).toBe(200);
    const json = { phone, text: 'hello', tg_receiver: 'me' };
    const refused = await call('POST /messages/send', { token: ann.token, json });
    expect(refused).toMatchObject({ status: 409, body: { detail: expect.stringContaining('leased') } });
    const kept = await call(`DELETE /accounts/${id}`, { token: ann.token });
    expect(kept).toMatchObject({ status: 409, body: { detail: expect.stringContaining('leased') } });
  });
}
