import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { AuthorizationEnd } from '#gen/telegate/local_telegram/v1/world_pb.ts';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { startTestTelegram, type TestTelegram } from '../../tests/support/local-telegram.ts';
import { RawClient } from '../../tests/support/raw-mtproto.ts';
import { saltAt } from './session/salts.ts';
import { sendPrivate } from './world/private-chats.ts';
import type { KeyRecord } from './world/state.ts';

let world: TestTelegram;
const clients: RawClient[] = [];

beforeAll(async () => {
  world = await startTestTelegram();
});

afterEach(() => {
  for (const one of clients.splice(0)) one.close();
});

afterAll(() => world.close());

const ping = (id = 7n) => ({ _: 'ping', ping_id: id });
const getState = { _: 'updates.getState' };

async function client(
  key: KeyRecord = world.telegram.makeAuthorizedKey(world.account()),
): Promise<RawClient> {
  const made = await new RawClient(key.key).open(world.telegram.dataCenters[0]!.port);
  made.salt = saltAt(key, Math.floor(Date.now() / 1_000));
  clients.push(made);
  return made;
}

const badCode = (raw: RawClient, id: bigint) =>
  raw.received.find(({ object }) => object['bad_msg_id'] === id)?.object['error_code'];

async function expectBad(raw: RawClient, id: bigint, code: number): Promise<void> {
  await vi.waitFor(() => expect(badCode(raw, id)).toBe(code));
}

test('a session is greeted once, and a wrong salt is answered with the right one', async () => {
  const raw = await client();
  const right = raw.salt;
  raw.salt = 1n;
  const id = raw.send(ping());
  await expectBad(raw, id, 48);
  expect(raw.salt).toBe(right);
  raw.send(ping(8n));
  await vi.waitFor(() => expect(raw.find('pong')).toMatchObject({ ping_id: 8n }));
  expect(raw.all('new_session_created')).toHaveLength(1);
});

test('message ids too old, too new or of another sender are refused', async () => {
  const raw = await client();
  await expectBad(raw, raw.send(ping(), { id: raw.nextId() | 1n }), 18);
  const at = (seconds: number) => (BigInt(Math.floor(Date.now() / 1_000) + seconds) << 32n) | 4n;
  await expectBad(raw, raw.send(ping(), { id: at(-400) }), 16);
  await expectBad(raw, raw.send(ping(), { id: at(100) }), 17);
  expect(raw.find('pong')).toBeUndefined();
});

test('sequence numbers that fall, jump ahead of a later message or have the wrong kind are refused', async () => {
  const raw = await client();
  const [early, late] = [raw.nextId(), raw.nextId() + 400n];
  raw.send(ping(), { id: late, seqno: 5 });
  await vi.waitFor(() => expect(raw.find('pong')).toBeDefined());
  await expectBad(raw, raw.send(ping(), { id: early, seqno: 7 }), 33);
  await expectBad(raw, raw.send(ping(), { id: late + 4n, seqno: 3 }), 32);
  const empty = Buffer.from('dcf8f17300000000', 'hex');
  await expectBad(raw, raw.send(empty, { id: late + 8n, seqno: 7 }), 34);
  await expectBad(raw, raw.send(getState, { id: late + 12n, seqno: 6 }), 35);
});

test('a message that comes twice is carried out once and answered again', async () => {
  const raw = await client();
  const [id, seqno] = [raw.nextId(), raw.nextSeqno()];
  const before = world.telegram.log.counters.calls;
  raw.send(getState, { id, seqno });
  await vi.waitFor(() => expect(raw.resultOf(id)).toBeDefined());
  raw.send(getState, { id, seqno });
  await vi.waitFor(() => expect(raw.all('rpc_result')).toHaveLength(2));
  const [first, second] = raw.received.filter(({ object }) => object._ === 'rpc_result');
  expect(second!.id).toBe(first!.id);
  expect(world.telegram.log.counters.calls).toBe(before + 1);
});

test('a container is opened; one that comes twice, or in a container, is refused', async () => {
  const raw = await client();
  const { bytes, ids } = raw.container([ping(1n), getState]);
  const [id, seqno] = [raw.nextId(), raw.nextSeqno(false)];
  raw.send(bytes, { id, seqno });
  await vi.waitFor(() => expect(raw.resultOf(ids[1]!)).toMatchObject({ _: 'updates.state' }));
  expect(raw.find('pong')).toMatchObject({ ping_id: 1n, msg_id: ids[0] });
  raw.send(bytes, { id, seqno });
  await expectBad(raw, id, 19);
  const head = Buffer.alloc(8);
  head.writeUInt32LE(0x73f1f8dc, 0);
  head.writeUInt32LE(9, 4);
  await expectBad(raw, raw.send(head, { seqno: raw.nextSeqno(false) }), 64);
});

test('a message whose msg_key does not fit closes the connection, and an unknown key is answered -404', async () => {
  const raw = await client();
  raw.send(ping(), { tamper: true });
  await vi.waitFor(() => expect(raw.closed).toBe(true));
  expect(raw.received).toEqual([]);
  const stranger = await new RawClient(randomBytes(256)).open(world.telegram.dataCenters[0]!.port);
  clients.push(stranger);
  stranger.send(ping());
  await vi.waitFor(() => expect(stranger.transportErrors).toEqual([-404]));
});

test('service messages are answered: future salts, states, resends, dropped answers, sessions', async () => {
  const raw = await client();
  const id = raw.send(getState);
  await vi.waitFor(() => expect(raw.resultOf(id)).toBeDefined());
  raw.send({ _: 'get_future_salts', num: 3 });
  await vi.waitFor(() => expect(raw.find('future_salts')).toMatchObject({ salts: { length: 3 } }));
  raw.send({ _: 'msgs_state_req', msg_ids: [id, id + (20n << 32n)] });
  await vi.waitFor(() =>
    expect(Buffer.from(raw.find('msgs_state_info')!['info'] as Buffer)).toEqual(Buffer.of(4, 3)),
  );
  const answerId = raw.received.find(({ object }) => object._ === 'rpc_result')!.id;
  raw.send({ _: 'msg_resend_req', msg_ids: [answerId] });
  await vi.waitFor(() => expect(raw.all('rpc_result')).toHaveLength(2));
  const drop = raw.send({ _: 'rpc_drop_answer', req_msg_id: id });
  await vi.waitFor(() =>
    expect(raw.resultOf(drop)).toMatchObject({ _: 'rpc_answer_dropped', msg_id: answerId }),
  );
  raw.send({ _: 'destroy_session', session_id: 5n });
  await vi.waitFor(() => expect(raw.find('destroy_session_none')).toBeDefined());
});

test('an answer that was not acknowledged is sent again where the session goes on', async () => {
  const key = world.telegram.makeAuthorizedKey(world.account());
  const raw = await client(key);
  const id = raw.send(getState);
  await vi.waitFor(() => expect(raw.resultOf(id)).toBeDefined());
  raw.close();
  const next = await client(key);
  next.sessionId = raw.sessionId;
  next.send(ping(), { id: next.nextId(), seqno: 3 });
  await vi.waitFor(() => expect(next.resultOf(id)).toMatchObject({ _: 'updates.state' }));
  expect(next.all('new_session_created').length).toBeLessThanOrEqual(1);
});

test('invokeAfterMsg waits for the other call and fails with it', async () => {
  const raw = await client();
  const failing = raw.send({ _: 'contacts.resolveUsername', username: 'nobody_at_all' });
  const good = raw.send(getState);
  const encoded = Buffer.alloc(4);
  encoded.writeUInt32LE(0xedd4882a);
  const after = raw.send({ _: 'invokeAfterMsg', msg_id: failing, query: encoded });
  const fine = raw.send({ _: 'invokeAfterMsg', msg_id: good, query: encoded });
  await vi.waitFor(() => expect(raw.resultOf(after)).toMatchObject({ error_message: 'MSG_WAIT_FAILED' }));
  await vi.waitFor(() => expect(raw.resultOf(fine)).toMatchObject({ _: 'updates.state' }));
});

test('invokeWithoutUpdates leaves a session without updates', async () => {
  const [ada, bob] = [world.account(), world.account()];
  const quiet = await client(world.telegram.makeAuthorizedKey(ada));
  const listening = await client(world.telegram.makeAuthorizedKey(ada));
  const encoded = Buffer.alloc(4);
  encoded.writeUInt32LE(0xedd4882a);
  const asked = quiet.send({ _: 'invokeWithoutUpdates', query: encoded });
  const listens = listening.send(getState);
  await vi.waitFor(() => {
    expect(quiet.resultOf(asked)).toBeDefined();
    expect(listening.resultOf(listens)).toBeDefined();
  });
  const draft = { text: 'hi', entities: undefined, media: undefined, randomId: 0n, replyTo: 0 };
  sendPrivate(world.telegram.world, bob, ada, draft);
  await vi.waitFor(() => expect(listening.find('updates')).toBeDefined());
  quiet.send(ping());
  await vi.waitFor(() => expect(quiet.find('pong')).toBeDefined());
  expect(quiet.find('updates')).toBeUndefined();
});

test('ping_delay_disconnect closes a connection that stays silent', async () => {
  const raw = await client();
  raw.send({ _: 'ping_delay_disconnect', ping_id: 1n, disconnect_delay: 1 });
  await vi.waitFor(() => expect(raw.closed).toBe(true), { timeout: 5_000 });
});

test('a key that two connections use at once is dead for both, and says so for ever', async () => {
  const key = world.telegram.makeAuthorizedKey(world.account());
  const [older, newer] = [await client(key), await client(key)];
  const sendPing = async (raw: RawClient, id: bigint) => {
    raw.send(ping(id));
    await vi.waitFor(() => expect(raw.all('pong').some((one) => one['ping_id'] === id)).toBe(true));
  };
  await sendPing(older, 1n);
  await sendPing(newer, 2n);
  await sendPing(newer, 3n);
  expect(key.authorization!.end).toBe(AuthorizationEnd.UNSPECIFIED);
  const call = older.send(getState);
  await vi.waitFor(() =>
    expect(older.resultOf(call)).toMatchObject({ error_code: 406, error_message: 'AUTH_KEY_DUPLICATED' }),
  );
  expect(key.authorization!.end).toBe(AuthorizationEnd.DUPLICATED);
  const later = await client(key);
  const again = later.send(getState);
  await vi.waitFor(() =>
    expect(later.resultOf(again)).toMatchObject({ error_message: 'AUTH_KEY_DUPLICATED' }),
  );
  expect(world.telegram.log.counters.keysDuplicated).toBe(1);
});

test('an honest reconnect through a half-open path keeps its key', async () => {
  const key = world.telegram.makeAuthorizedKey(world.account());
  const [halfOpen, newer] = [await client(key), await client(key)];
  halfOpen.send(ping(1n));
  await vi.waitFor(() => expect(halfOpen.find('pong')).toBeDefined());
  for (const id of [2n, 3n, 4n]) newer.send(ping(id));
  await vi.waitFor(() => expect(newer.all('pong')).toHaveLength(3));
  expect(key.authorization!.end).toBe(AuthorizationEnd.UNSPECIFIED);
});

test('a call that can not be read is answered, not the end of the connection', async () => {
  const raw = await client();
  const unknown = Buffer.alloc(8, 0x11);
  const id = raw.send(unknown);
  await vi.waitFor(() => expect(raw.resultOf(id)).toMatchObject({ error_code: 400 }));
  const deep = Buffer.concat(Array.from({ length: 12 }, () => Buffer.from('b75994bf', 'hex')));
  const nested = raw.send(deep);
  await vi.waitFor(() => expect(raw.resultOf(nested)).toMatchObject({ error_code: 400 }));
  expect(raw.closed).toBe(false);
});

test('arbitrary bytes, in the clear or under a key, are no more than the end of a connection', async () => {
  const port = world.telegram.dataCenters[0]!.port;
  for (let run = 0; run < 40; run += 1) {
    const raw = await client();
    raw.send(randomBytes(4 * (run % 12)));
    raw.sendPacket(randomBytes(4 + 4 * run));
    const plain = Buffer.concat([Buffer.alloc(20), randomBytes(4 * run)]);
    plain.writeUInt32LE(4 * run, 16);
    raw.sendPacket(plain);
    const noise = connect(port, '127.0.0.1');
    noise.on('error', () => undefined);
    noise.end(randomBytes(run * 7));
  }
  const raw = await client();
  raw.send(ping());
  await vi.waitFor(() => expect(raw.find('pong')).toBeDefined());
});
