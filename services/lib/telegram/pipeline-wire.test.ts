import { create } from '@bufbuild/protobuf';
import { FaultSpecSchema, FloodWaitKind } from '#gen/telegate/local_telegram/v1/faults_pb.ts';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { application, environmentOf, linkTo, quiet } from '../../../tests/support/driver.ts';
import { startControl, type TestControl } from '../../../tests/support/local-telegram-control.ts';
import { startTestTelegram, type TestTelegram } from '../../../tests/support/local-telegram.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { createBreakers } from './breakers.ts';
import { liveSockets } from './census.ts';
import { Api } from './client.ts';
import { direct } from './egress.ts';
import { DeadlineExceeded } from '#lib/rpc/errors.ts';
import { AccountBanned, FloodWait, LeaseLost, MigrateTo, NeedsLogin, TelegramUnreachable } from './errors.ts';
import { createFloodGate } from './flood-gate.ts';
import type { CallLimits, Link } from './link.ts';
import { createPipeline } from './pipeline.ts';
import { probeWith } from './probe.ts';

/* The pipeline over a real link, to a local Telegram that plays the faults. */

let server: TestTelegram;
let served: TestControl;

beforeAll(async () => {
  server = await startTestTelegram();
  served = await startControl(server.telegram);
});

afterAll(async () => {
  await served.close();
  await server.close();
});

const limits = { deadlineMs: 5_000 };
const state = () => new Api.updates.GetState();

async function session() {
  const account = server.account();
  const environment = environmentOf(server.telegram);
  const { key } = server.telegram.makeAuthorizedKey(account);
  const lease = new AbortController();
  const breakers = createBreakers({
    clock: systemClock,
    random: Math.random,
    log: quiet,
    probe: probeWith({ telegram: environment, application, clock: systemClock, log: quiet }),
  });
  const route = breakers.enter(String(account.id), { egress: direct, dataCenter: 2 });
  const connect = (): Promise<Link> => linkTo(environment, { authKey: key });
  const links = {
    route,
    link: (await connect()) as Link | undefined,
    async connect(_limits: CallLimits) {
      links.link = await connect();
      return links.link;
    },
  };
  const told: unknown[] = [];
  const pipeline = createPipeline({
    guard: {
      sessionId: 7n,
      fencingToken: 9n,
      check: () => lease.signal.throwIfAborted(),
      remainingMs: () => 60_000,
      lost: lease.signal,
    },
    gate: createFloodGate({ sessionId: 7n, clock: systemClock }),
    links,
    reports: {
      floodWait: (wait) => told.push(wait),
      condition: (condition, error) => told.push([condition, error]),
    },
    accountId: 'account',
    accountTag: 'tag',
    clock: systemClock,
    random: Math.random,
    log: quiet,
  });
  const scope = { accountIds: [String(account.id)] };
  onTestFinished(async () => {
    breakers.close();
    await links.link?.close();
    await served.control.deleteAllFaults({});
  });
  const calls = async () => (await served.control.listCalls({ accountId: String(account.id) })).calls;
  return { pipeline, links, lease, told, scope, breakers, route, calls };
}

type Scope = Awaited<ReturnType<typeof session>>['scope'];

async function play(scope: Scope, spec: object): Promise<void> {
  await served.control.createFault({ spec: create(FaultSpecSchema, { scope, ...spec }) });
}

const playError = (scope: Scope, text: string, count = 1): Promise<void> =>
  play(scope, { count, fault: { case: 'rpcError', value: { text } } });

test('an answer of Telegram', async () => {
  const { pipeline } = await session();
  expect(await pipeline.call(state(), limits)).toBeInstanceOf(Api.updates.State);
});

test('a flood wait: the second call stays here', async () => {
  const { pipeline, scope, told, calls } = await session();
  const value = { wait: { seconds: 30n }, kind: FloodWaitKind.PREMIUM };
  await play(scope, { fault: { case: 'floodWait', value } });
  await expect(pipeline.call(state(), limits)).rejects.toThrow(FloodWait);
  await expect(pipeline.call(state(), limits)).rejects.toThrow(FloodWait);
  expect(told).toEqual([{ kind: 'premium', method: 'updates.getState', seconds: 30 }]);
  expect(await calls()).toHaveLength(1);
});

test.each<[string, unknown, new (...args: never[]) => Error]>([
  ['AUTH_KEY_UNREGISTERED', 'needs_login', NeedsLogin],
  ['USER_DEACTIVATED_BAN', 'banned', AccountBanned],
  ['FROZEN_METHOD_INVALID', 'frozen', AccountBanned],
])('%s is %s', async (text, condition, type) => {
  const { pipeline, scope, told } = await session();
  await playError(scope, text);
  await expect(pipeline.call(state(), limits)).rejects.toThrow(type);
  expect(told).toEqual([[condition, text]]);
});

test('a migration comes up with its data centre', async () => {
  const { pipeline, scope } = await session();
  await playError(scope, 'USER_MIGRATE_1');
  const error: unknown = await pipeline.call(state(), limits).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(MigrateTo);
  expect(error).toMatchObject({ dataCenter: 1, kind: 'user' });
});

test('trouble of the data centre is passed over by asking again', async () => {
  const { pipeline, scope, calls } = await session();
  await play(scope, { count: 2, fault: { case: 'serverTrouble', value: { text: 'Timeout' } } });
  await pipeline.call(state(), limits);
  expect(await calls()).toHaveLength(3);
});

test('a connection that drops before the answer: a read goes out again over the next', async () => {
  const { pipeline, scope, links } = await session();
  const first = links.link!;
  await play(scope, { count: 1, fault: { case: 'drop', value: {} } });
  void first.closed.then(() => (links.link = undefined));
  await pipeline.call(state(), limits);
  expect(links.link).not.toBe(first);
});

test('a message is sent once though its answer was lost', async () => {
  const { pipeline, scope, links, calls } = await session();
  const afterCall = { moment: 2 };
  await play(scope, { count: 1, fault: { case: 'drop', value: afterCall } });
  void links.link!.closed.then(() => (links.link = undefined));
  const message = new Api.messages.SendMessage({ peer: new Api.InputPeerSelf(), message: 'once' });
  await pipeline.call(message, limits);
  expect((await calls()).filter(({ method }) => method === 'messages.sendMessage')).toHaveLength(2);
  const history = await pipeline.call(
    new Api.messages.GetHistory({
      peer: new Api.InputPeerSelf(),
      limit: 10,
      offsetId: 0,
      offsetDate: 0,
      addOffset: 0,
      maxId: 0,
      minId: 0,
      hash: 0n as never,
    }),
    limits,
  );
  expect((history as Api.messages.Messages).messages).toHaveLength(1);
});

test("silence ends with the caller's time, or at once with the lease", async () => {
  const { pipeline, scope, lease } = await session();
  await play(scope, { fault: { case: 'silence', value: {} } });
  await expect(pipeline.call(state(), { deadlineMs: 100 })).rejects.toThrow(DeadlineExceeded);
  const call = pipeline.call(state(), limits);
  lease.abort(new LeaseLost(7n));
  await expect(call).rejects.toThrow(LeaseLost);
});

test("trouble that lasts opens the breaker; a probe of nobody's closes it", async () => {
  const { pipeline, scope, breakers, route } = await session();
  await playError(scope, 'RPC_CALL_FAIL', 5);
  const edit = new Api.messages.EditMessage({ peer: new Api.InputPeerSelf(), id: 1, message: 'x' });
  const fail = () => expect(pipeline.call(edit, limits)).rejects.toThrow(TelegramUnreachable);
  await vi.waitFor(
    async () => {
      await fail();
      expect(() => route.check()).toThrow('dc:2');
    },
    { interval: 260, timeout: 5_000 },
  );
  const sockets = liveSockets();
  const closed = Promise.withResolvers<string>();
  breakers.onChange(({ name, position }) => position === 'closed' && closed.resolve(name));
  expect(await closed.promise).toBe('dc:2');
  expect(liveSockets()).toBe(sockets);
  await pipeline.call(state(), limits);
}, 15_000);
