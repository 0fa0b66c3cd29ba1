import { FaultMoment, FloodWaitKind, RefusalKind } from '#gen/telegate/local_telegram/v1/faults_pb.ts';
import { CallOutcome, ConnectionEnd } from '#gen/telegate/local_telegram/v1/log_pb.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { startControl, type Control, type TestControl } from '../../tests/support/local-telegram-control.ts';
import { startTestTelegram, type TestTelegram } from '../../tests/support/local-telegram.ts';
import { plainClient } from '../../tests/support/gramjs.ts';
import { RawClient } from '../../tests/support/raw-mtproto.ts';
import { saltAt } from './session/salts.ts';
import { sendPrivate } from './world/private-chats.ts';
import type { Account, KeyRecord } from './world/state.ts';

let world: TestTelegram;
let served: TestControl;
let control: Control;
const clients: RawClient[] = [];

beforeAll(async () => {
  world = await startTestTelegram();
  served = await startControl(world.telegram);
  ({ control } = served);
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await control.deleteAllFaults({});
  for (const { method } of (await control.listFloodLimits({})).limits)
    await control.deleteFloodLimit({ method });
});

afterAll(async () => {
  await served.close();
  await world.close();
});

const getState = { _: 'updates.getState' };
const getConfig = { _: 'help.getConfig' };

async function open(key: KeyRecord): Promise<RawClient> {
  const raw = await new RawClient(key.key).open(world.telegram.dataCenters[0]!.port);
  raw.salt = saltAt(key, Math.floor(Date.now() / 1_000));
  clients.push(raw);
  return raw;
}

async function loggedIn(account: Account = world.account()) {
  const key = world.telegram.makeAuthorizedKey(account);
  return { account, key, raw: await open(key), scope: { accountIds: [String(account.id)] } };
}

async function answer(raw: RawClient, query: { _: string } = getState): Promise<string> {
  const id = raw.send(query);
  await vi.waitFor(() => expect(raw.resultOf(id)).toBeDefined());
  const result = raw.resultOf(id)!;
  return result._ === 'rpc_error' ? String(result['error_message']) : result._;
}

async function lastCall(account: Account) {
  const { calls } = await control.listCalls({ accountId: String(account.id) });
  return calls.at(-1)!;
}

test('a flood wait goes on for its account and method, and is used up once', async () => {
  const { raw, scope, account } = await loggedIn();
  const wait = { wait: { seconds: 42n } };
  const { fault } = await control.createFault({
    spec: {
      scope: { ...scope, methods: ['updates.getState'] },
      count: 1,
      skip: 1,
      fault: { case: 'floodWait', value: wait },
    },
  });
  expect(await answer(raw)).toBe('updates.state');
  expect(await answer(raw)).toBe('FLOOD_WAIT_42');
  expect(await answer(raw)).toMatch(/^FLOOD_WAIT_4[12]$/);
  expect(await answer(raw, getConfig)).toBe('config');
  const other = await loggedIn();
  expect(await answer(other.raw)).toBe('updates.state');
  const { calls } = await control.listCalls({ accountId: String(account.id), methods: ['updates.getState'] });
  expect(calls.map(({ faultId }) => faultId)).toEqual(['', fault!.faultId, fault!.faultId]);
  expect((await control.listFaults({})).faults).toEqual([]);
});

test('a premium wait spares accounts that have Premium', async () => {
  const value = { wait: { seconds: 9n }, kind: FloodWaitKind.PREMIUM };
  await control.createFault({ spec: { fault: { case: 'floodWait', value } } });
  const { raw } = await loggedIn();
  expect(await answer(raw)).toBe('FLOOD_PREMIUM_WAIT_9');
  const premium = await loggedIn(world.account({ premium: true }));
  expect(await answer(premium.raw)).toBe('updates.state');
});

test('any error, and a data centre in trouble', async () => {
  const { raw, scope, account } = await loggedIn();
  const error = { case: 'rpcError' as const, value: { text: 'PEER_FLOOD' } };
  const { fault } = await control.createFault({ spec: { scope, fault: error } });
  expect(await answer(raw)).toBe('PEER_FLOOD');
  expect(await lastCall(account)).toMatchObject({
    errorCode: 400,
    outcome: CallOutcome.ERROR,
    effect: false,
  });
  await control.deleteFault({ faultId: fault!.faultId });
  await control.createFault({
    spec: { scope, fault: { case: 'serverTrouble', value: { text: 'Timeout' } } },
  });
  expect(await answer(raw)).toBe('Timeout');
  expect(await lastCall(account)).toMatchObject({ errorCode: -503 });
});

test('a connection drops before a call, after it, or in the middle of its answer', async () => {
  const expected = [
    [FaultMoment.BEFORE_CALL, CallOutcome.SWALLOWED],
    [FaultMoment.AFTER_CALL, CallOutcome.UNANSWERED],
    [FaultMoment.MID_ANSWER, CallOutcome.UNANSWERED],
  ] as const;
  for (const [moment, outcome] of expected) {
    const { raw, scope, account } = await loggedIn();
    await control.createFault({ spec: { scope, count: 1, fault: { case: 'drop', value: { moment } } } });
    const id = raw.send(getState);
    await vi.waitFor(() => expect(raw.closed).toBe(true));
    expect(raw.resultOf(id)).toBeUndefined();
    expect(await lastCall(account)).toMatchObject({ outcome });
    const { connections } = await control.listConnections({ accountId: String(account.id) });
    expect(connections.at(-1)).toMatchObject({ end: ConnectionEnd.FAULT });
  }
});

test('a silent connection stays open and answers nothing', async () => {
  const { raw, scope, account } = await loggedIn();
  await control.createFault({ spec: { scope, count: 1, fault: { case: 'silence', value: {} } } });
  raw.send(getState);
  await vi.waitFor(async () =>
    expect(await lastCall(account)).toMatchObject({ outcome: CallOutcome.SWALLOWED }),
  );
  raw.send(getState);
  raw.send({ _: 'ping', ping_id: 1n });
  const other = await loggedIn();
  expect(await answer(other.raw)).toBe('updates.state');
  expect(raw.closed).toBe(false);
  expect(raw.all('rpc_result')).toEqual([]);
});

test('a delay holds one answer back, and not the others', async () => {
  const { raw, scope } = await loggedIn();
  const methods = ['updates.getState'];
  const delay = { case: 'delay' as const, value: { delay: { nanos: 300_000_000 } } };
  await control.createFault({ spec: { scope: { ...scope, methods }, fault: delay } });
  const startedAt = performance.now();
  const late = raw.send(getState);
  expect(await answer(raw, getConfig)).toBe('config');
  expect(raw.resultOf(late)).toBeUndefined();
  await vi.waitFor(() => expect(raw.resultOf(late)).toBeDefined());
  expect(performance.now() - startedAt).toBeGreaterThan(250);
});

test('garbage and transport errors come in place of answers', async () => {
  const { raw, scope } = await loggedIn();
  await control.createFault({ spec: { scope, count: 1, fault: { case: 'transportError', value: {} } } });
  raw.send(getState);
  await vi.waitFor(() => expect(raw.transportErrors).toEqual([-404]));
  const second = await loggedIn();
  const before = (await control.getCounters({})).counters!.faultsStruck;
  const garbage = { case: 'garbage' as const, value: { length: 64 } };
  await control.createFault({ spec: { scope: second.scope, count: 1, fault: garbage } });
  second.raw.send(getState);
  await vi.waitFor(async () =>
    expect((await control.getCounters({})).counters!.faultsStruck).toBe(before + 1n),
  );
  await vi.waitFor(async () =>
    expect(await lastCall(second.account)).toMatchObject({ outcome: CallOutcome.UNANSWERED }),
  );
});

test('new connections are refused, by a reset or by silence', async () => {
  const refuse = (kind: RefusalKind) =>
    control.createFault({ spec: { count: 1, fault: { case: 'refuseConnections', value: { kind } } } });
  await refuse(RefusalKind.RESET);
  // The reset may come before the client knows that it is connected.
  const refused = await loggedIn().catch((error: Error) => error);
  await vi.waitFor(() => expect(refused instanceof Error || refused.raw.closed).toBe(true));
  await refuse(RefusalKind.SILENT);
  const silent = await loggedIn();
  silent.raw.send(getState);
  const fine = await loggedIn();
  expect(await answer(fine.raw)).toBe('updates.state');
  expect(silent.raw.closed).toBe(false);
  expect(silent.raw.received).toEqual([]);
});

test('a key exchange with an unknown RSA key leads nowhere', async () => {
  await control.createFault({ spec: { count: 1, fault: { case: 'unknownRsaKey', value: {} } } });
  const before = world.telegram.world.state.keys.size;
  const client = plainClient(world.target);
  expect(await client.connect()).toBe(false);
  expect(world.telegram.world.state.keys.size).toBe(before);
  await client.destroy();
});

test('a clock that is an hour off refuses ids and shows its own time', async () => {
  const { raw, scope } = await loggedIn();
  expect(await answer(raw)).toBe('updates.state');
  const offset = { seconds: 3_600n };
  await control.createFault({ spec: { scope, fault: { case: 'clockSkew', value: { offset } } } });
  const id = raw.send(getState);
  await vi.waitFor(() => {
    const refused = raw.received.find(({ object }) => object['bad_msg_id'] === id)!;
    expect([16, 48]).toContain(refused.object['error_code']);
    expect(Number(refused.id >> 32n) - Date.now() / 1_000).toBeGreaterThan(3_500);
  });
});

test('updates that are held back leave a gap that can be filled', async () => {
  const { raw, scope, account } = await loggedIn();
  await answer(raw);
  const before = account.box.pts;
  await control.createFault({ spec: { scope, fault: { case: 'holdUpdates', value: {} } } });
  const draft = { text: 'held', entities: undefined, media: undefined, randomId: 0n, replyTo: 0 };
  sendPrivate(world.telegram.world, world.account(), account, draft);
  const difference = { _: 'updates.getDifference', pts: before, date: 0, qts: 0 };
  expect(await answer(raw, difference)).toBe('updates.difference');
  expect(raw.find('updates')).toBeUndefined();
});

test('flood limits count an account in a sliding window, by peer when asked to', async () => {
  const { raw } = await loggedIn();
  const limit = { method: 'updates.getState', calls: 2, window: { seconds: 100n } };
  await control.setFloodLimit({ limit });
  expect([await answer(raw), await answer(raw), await answer(raw)]).toEqual([
    'updates.state',
    'updates.state',
    expect.stringMatching(/^FLOOD_WAIT_(100|99)$/) as string,
  ]);
  await control.setFloodLimit({ limit: { ...limit, wait: { seconds: 7n } } });
  expect([await answer(raw), await answer(raw), await answer(raw)].at(-1)).toBe('FLOOD_WAIT_7');
  await control.deleteFloodLimit({ method: 'updates.getState' });
  expect(await answer(raw)).toBe('updates.state');
});

test('faults that make no sense are refused', async () => {
  const wrong = [
    {},
    { fault: { case: 'floodWait' as const, value: { wait: { seconds: 0n } } } },
    { fault: { case: 'silence' as const, value: { moment: FaultMoment.MID_ANSWER } } },
    { fault: { case: 'garbage' as const, value: { length: 70_000 } } },
    { count: -1, fault: { case: 'drop' as const, value: {} } },
  ];
  for (const spec of wrong)
    await expect(control.createFault({ spec })).rejects.toMatchObject({ reason: ErrorReason.INVALID_FIELD });
});
