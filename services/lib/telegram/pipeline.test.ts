import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { FakeClock } from '#lib/lifecycle/clock-fake.ts';
import {
  Cancelled,
  DeadlineExceeded,
  InvalidFields,
  QuotaExceeded,
  type DomainError,
} from '#lib/rpc/errors.ts';
import { Api } from './client.ts';
import {
  AccountBanned,
  BreakerOpen,
  FloodWait,
  LeaseLost,
  MigrateTo,
  NeedsLogin,
  TelegramRefused,
  TelegramUnreachable,
} from './errors.ts';
import { answers, fails, playedSession, sameAnswer, says, type Play } from './fixtures/played-session.ts';
import { CallAborted, CallTimedOut, LinkClosed, type Link } from './link.ts';
import type { PipelineLimits } from './pipeline.ts';

const read = () => new Api.help.GetConfig();
const send = () =>
  new Api.messages.SendMessage({ peer: new Api.InputPeerSelf(), message: 'text of a message' });
const edit = () => new Api.messages.EditMessage({ peer: new Api.InputPeerSelf(), id: 1, message: 'other' });
const limits: PipelineLimits = { deadlineMs: 60_000 };
const never = () => new Promise<never>(() => undefined);

const session = (...plays: Play[]) => playedSession({}, ...plays);

async function errorOf<T>(type: new (...args: never[]) => T, work: Promise<unknown>): Promise<T> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(type);
  return error as T;
}

/** The outcome of `work` when the pauses between its attempts have passed. */
async function played<T>(clock: FakeClock, work: Promise<T>): Promise<T> {
  // A rejection is looked at in the end; until then it is nobody's.
  work.catch(() => undefined);
  await clock.advance(10_000);
  return work;
}

test('an answer comes back, and the path has worked', async () => {
  const { pipeline, culprits, sent } = session();
  expect(await pipeline.call(read(), limits)).toBe(sameAnswer);
  expect(culprits).toEqual(['success']);
  expect(sent).toHaveLength(1);
  expect(pipeline.running).toBe(0);
});

test('without a lease nothing leaves', async () => {
  const { pipeline, loseLease, sent } = session();
  loseLease();
  expect((await errorOf(LeaseLost, pipeline.call(read(), limits))).metadata).toEqual({
    lease_id: 'lease',
    session_id: '7',
  });
  expect(sent).toEqual([]);
});

test('a token that has become stale lets nothing out, and makes no link', async () => {
  const { pipeline, makeStale, links, link, sent } = session();
  const connected = Promise.withResolvers<Link>();
  links.link = undefined;
  links.connect = () => connected.promise;
  const call = errorOf(LeaseLost, pipeline.call(read(), limits));
  await setImmediate();
  makeStale();
  connected.resolve(link);
  await call;
  expect(sent).toEqual([]);
  links.connect = never;
  await errorOf(LeaseLost, pipeline.call(read(), limits));
});

test('a lease that ends while the link is made lets nothing out', async () => {
  const { pipeline, links, link, clock, leaseEndsIn, sent } = session();
  leaseEndsIn(1_000);
  const connected = Promise.withResolvers<Link>();
  links.link = undefined;
  links.connect = () => connected.promise;
  const call = errorOf(LeaseLost, pipeline.call(read(), limits));
  await clock.advance(1_000);
  connected.resolve(link);
  await call;
  expect(sent).toEqual([]);
});

test('a call under way ends at the moment when the lease does', async () => {
  const { pipeline, loseLease } = session(never);
  const call = errorOf(LeaseLost, pipeline.call(read(), limits));
  await setImmediate();
  loseLease();
  await call;
  expect(pipeline.running).toBe(0);
});

test('so does one that waits for a link, and one between two attempts', async () => {
  const waiting = session();
  waiting.links.link = undefined;
  waiting.links.connect = never;
  const first = errorOf(LeaseLost, waiting.pipeline.call(read(), limits));
  await setImmediate();
  waiting.loseLease();
  await first;

  const resting = session(says(500, 'RPC_CALL_FAIL'));
  const second = errorOf(LeaseLost, resting.pipeline.call(read(), limits));
  await setImmediate();
  expect(resting.sent).toHaveLength(1);
  resting.loseLease();
  await second;
});

test.each<[string, Play]>([
  ['an answer', answers],
  ['a refusal', says(400, 'PEER_ID_INVALID')],
  ['the end of the link', fails(new LinkClosed({ reason: 'closed' }, true))],
])('what comes after the end of the lease is LEASE_LOST: %s', async (_, play) => {
  const answered = Promise.withResolvers<void>();
  const { pipeline, clock, leaseEndsIn } = session(async (request, given) => {
    await answered.promise;
    return play(request, given);
  });
  leaseEndsIn(1_000);
  const call = errorOf(LeaseLost, pipeline.call(read(), limits));
  await clock.advance(1_000);
  answered.resolve();
  expect((await call).metadata['session_id']).toBe('7');
});

test('the deadline is the shortest of the caller, the lease and what a call may take', async () => {
  const { pipeline, leaseEndsIn, sent } = session();
  await pipeline.call(read(), { deadlineMs: 60_000 });
  await pipeline.call(read(), { deadlineMs: 5_000 });
  leaseEndsIn(2_000);
  await pipeline.call(read(), { deadlineMs: 5_000 });
  expect(sent.map((one) => one.limits.deadlineMs)).toEqual([30_000, 5_000, 2_000]);
});

test('the time that connecting took is not given twice', async () => {
  const { pipeline, links, link, clock, sent } = session();
  links.link = undefined;
  links.connect = async () => {
    await clock.advance(1_500);
    return link;
  };
  await pipeline.call(read(), { deadlineMs: 5_000 });
  expect(sent[0]!.limits.deadlineMs).toBe(3_500);
  await errorOf(DeadlineExceeded, pipeline.call(read(), { deadlineMs: 1_500 }));
  expect(sent).toHaveLength(1);
});

test.each([
  [5_000, 5_000, DeadlineExceeded, []],
  [15_000, 15_000, DeadlineExceeded, ['either']],
  [60_000, 30_000, TelegramUnreachable, ['either']],
])('given %i ms, silence for %i ms is %o', async (given, waits, type, blamed) => {
  const { pipeline, clock, culprits } = session(async () => {
    await clock.advance(waits);
    throw new CallTimedOut(true);
  });
  await errorOf<Error>(type, pipeline.call(edit(), { deadlineMs: given }));
  expect(culprits).toEqual(blamed);
});

test('silence until the end of the lease is LEASE_LOST, also when the timer fires a moment early', async () => {
  const { pipeline, clock, leaseEndsIn } = session(async (_, { deadlineMs }) => {
    await clock.advance(deadlineMs - 0.5);
    throw new CallTimedOut(true);
  });
  await errorOf(DeadlineExceeded, pipeline.call(read(), { deadlineMs: 100 }));
  leaseEndsIn(1_000);
  expect((await errorOf(LeaseLost, pipeline.call(read(), limits))).metadata['session_id']).toBe('7');
});

test('a lease that was renewed meanwhile is not lost', async () => {
  const { pipeline, clock, leaseEndsIn } = session(async (_, { deadlineMs }) => {
    await clock.advance(deadlineMs / 2);
    leaseEndsIn(60_000);
    await clock.advance(deadlineMs / 2);
    throw new CallTimedOut(true);
  });
  leaseEndsIn(1_000);
  expect(await errorOf(TelegramUnreachable, pipeline.call(read(), limits))).toMatchObject({ sent: true });
});

test('a caller that gives up gets CANCELLED', async () => {
  const { pipeline, sent } = session(fails(new CallAborted(true)));
  await errorOf(Cancelled, pipeline.call(read(), limits));
  await errorOf(Cancelled, pipeline.call(read(), { ...limits, signal: AbortSignal.abort() }));
  expect(sent).toHaveLength(1);
});

test('a flood wait is reported once and gates the method, and no other', async () => {
  const { pipeline, told, sent, clock, culprits } = session(says(420, 'FLOOD_WAIT_30'), answers);
  const first = await errorOf(FloodWait, pipeline.call(read(), { ...limits, peer: 'user:1' }));
  const second = await errorOf(FloodWait, pipeline.call(read(), limits));
  expect(first.retryAfterMs).toBe(30_000);
  expect(second.wait).toEqual(first.wait);
  expect(told).toEqual([{ kind: 'flood', method: 'help.getConfig', seconds: 30 }]);
  expect(culprits).toEqual(['success']);
  await pipeline.call(edit(), limits);
  await clock.advance(30_000);
  await pipeline.call(read(), limits);
  expect(sent).toHaveLength(3);
});

test("slow mode is one chat's, and nobody's when the chat is not known", async () => {
  const { pipeline, told, sent } = session(
    says(420, 'SLOWMODE_WAIT_30'),
    says(420, 'SLOWMODE_WAIT_20'),
    answers,
  );
  await errorOf(FloodWait, pipeline.call(send(), limits));
  expect(told).toEqual([]);
  await errorOf(FloodWait, pipeline.call(send(), { ...limits, peer: 'channel:1' }));
  expect(told).toEqual([
    { kind: 'slow_mode', method: 'messages.sendMessage', peer: 'channel:1', seconds: 20 },
  ]);
  await errorOf(FloodWait, pipeline.call(send(), { ...limits, peer: 'channel:1' }));
  await pipeline.call(send(), { ...limits, peer: 'channel:2' });
  expect(sent).toHaveLength(3);
});

test('a premium wait keeps its kind', async () => {
  const { pipeline } = session(says(420, 'FLOOD_PREMIUM_WAIT_3'));
  expect((await errorOf(FloodWait, pipeline.call(read(), limits))).wait.kind).toBe('premium');
});

test.each<[string, string, new (...args: never[]) => DomainError]>([
  ['AUTH_KEY_UNREGISTERED', 'needs_login', NeedsLogin],
  ['AUTH_KEY_DUPLICATED', 'dead_key', NeedsLogin],
  ['USER_DEACTIVATED_BAN', 'banned', AccountBanned],
  ['FROZEN_METHOD_INVALID', 'frozen', AccountBanned],
  ['PEER_FLOOD', 'limited', TelegramRefused],
])('%s is told as %s', async (text, condition, type) => {
  const { pipeline, told, culprits, sent } = session(says(401, text));
  await errorOf(type, pipeline.call(send(), limits));
  expect(told).toEqual([[condition, text]]);
  expect(culprits).toEqual(['success']);
  expect(sent).toHaveLength(1);
});

test('a condition that many calls meet is told once', async () => {
  const { pipeline, told } = session(says(406, 'AUTH_KEY_DUPLICATED'));
  await Promise.allSettled([1, 2, 3].map(() => pipeline.call(read(), limits)));
  expect(told).toHaveLength(1);
});

test('a refusal names what Telegram said, and a login reads on in its verdict', async () => {
  const { pipeline } = session(says(400, 'PEER_ID_INVALID'), says(401, 'SESSION_PASSWORD_NEEDED'));
  const refused = await errorOf(TelegramRefused, pipeline.call(read(), limits));
  expect(refused.metadata).toEqual({ telegram_error: 'PEER_ID_INVALID' });
  const login = await errorOf(TelegramRefused, pipeline.call(read(), limits));
  expect(login.verdict).toEqual({ kind: 'login', step: 'needs_password' });
});

test('a migration goes up to the session layer', async () => {
  const { pipeline, told } = session(says(303, 'USER_MIGRATE_4'));
  expect(await errorOf(MigrateTo, pipeline.call(read(), limits))).toMatchObject({
    dataCenter: 4,
    kind: 'user',
  });
  expect(told).toEqual([]);
});

test.each<[number, string]>([
  [500, 'RPC_CALL_FAIL'],
  [500, 'RPC_MCGET_FAIL'],
  [-503, 'Timeout'],
])('a read is tried again after %i %s', async (code, text) => {
  const { pipeline, clock, sent, culprits } = session(says(code, text), says(code, text), answers);
  expect(await played(clock, pipeline.call(read(), limits))).toBe(sameAnswer);
  expect(sent).toHaveLength(3);
  expect(culprits).toEqual(['trouble', 'trouble', 'success']);
});

test('three times and no more, with pauses that grow', async () => {
  const { pipeline, clock, sent } = session(says(500, 'RPC_CALL_FAIL'));
  const call = errorOf(TelegramUnreachable, pipeline.call(read(), limits));
  await clock.advance(199);
  expect(sent).toHaveLength(1);
  await clock.advance(1);
  expect(sent).toHaveLength(2);
  await clock.advance(399);
  expect(sent).toHaveLength(2);
  await clock.advance(1);
  expect((await call).metadata).toEqual({ data_center: '2' });
  expect(sent).toHaveLength(3);
});

test('not when the pause would outlast the deadline', async () => {
  const { pipeline, sent, clock } = session(says(500, 'RPC_CALL_FAIL'));
  await errorOf(TelegramUnreachable, pipeline.call(read(), { deadlineMs: 200 }));
  expect(sent).toHaveLength(1);
  expect(clock.pendingTimers).toBe(0);
});

test('a send is repeated as the same object with the same random_id', async () => {
  const { pipeline, clock, sent } = session(says(500, 'RPC_CALL_FAIL'), answers);
  const request = send();
  const randomId = String(request.randomId);
  await played(clock, pipeline.call(request, limits));
  expect(sent.map((one) => one.request === request)).toEqual([true, true]);
  expect(String(request.randomId)).toBe(randomId);
});

test('that it was sent before is no trouble', async () => {
  const { pipeline, sent } = session(says(500, 'RANDOM_ID_DUPLICATE'));
  const { verdict } = await errorOf(TelegramRefused, pipeline.call(send(), limits));
  expect(verdict.kind).toBe('sent_before');
  expect(sent).toHaveLength(1);
});

test('what changes something and can not be known again is not repeated', async () => {
  const { pipeline, sent } = session(says(500, 'RPC_CALL_FAIL'));
  await errorOf(TelegramUnreachable, pipeline.call(edit(), limits));
  expect(sent).toHaveLength(1);
});

test.each([
  ['a read', read, true],
  ['an edit that never left', edit, false],
])('the link ends under %s: it goes out again', async (_, make, wasSent) => {
  const lost = new LinkClosed({ reason: 'lost', blame: 'data-center' }, wasSent);
  const { pipeline, clock, sent, culprits } = session(fails(lost), answers);
  expect(await played(clock, pipeline.call(make(), limits))).toBe(sameAnswer);
  expect(sent).toHaveLength(2);
  expect(culprits).toEqual(['either', 'success']);
});

test('the link ends under an edit that was sent: nobody knows what became of it', async () => {
  const { pipeline, sent } = session(fails(new LinkClosed({ reason: 'lost', blame: 'proxy' }, true)));
  expect(await errorOf(TelegramUnreachable, pipeline.call(edit(), limits))).toMatchObject({ sent: true });
  expect(sent).toHaveLength(1);
});

test('an attempt asks lease, gate and breaker again', async () => {
  const gated = session(says(500, 'RPC_CALL_FAIL'), answers);
  const first = errorOf(FloodWait, gated.pipeline.call(read(), limits));
  await setImmediate();
  gated.gate.learn({ kind: 'flood', seconds: 60 });
  await gated.clock.advance(1_000);
  await first;
  expect(gated.sent).toHaveLength(1);

  const broken = session(says(500, 'RPC_CALL_FAIL'), answers);
  const second = errorOf(BreakerOpen, broken.pipeline.call(read(), limits));
  await setImmediate();
  await broken.openBreaker();
  await broken.clock.advance(1_000);
  await second;
  expect(broken.sent).toHaveLength(1);
});

test('an open breaker lets nothing out', async () => {
  const { pipeline, openBreaker, sent } = session();
  await openBreaker();
  const refused = await errorOf(BreakerOpen, pipeline.call(read(), limits));
  expect(refused.metadata).toEqual({ breaker: 'dc:2' });
  expect(refused.retryAfterMs).toBeGreaterThanOrEqual(1_000);
  expect(sent).toEqual([]);
});

test('views are not raised, however the call is wrapped; reading them is let through', async () => {
  const { pipeline, sent } = session();
  const views = (increment: boolean) =>
    new Api.messages.GetMessagesViews({ peer: new Api.InputPeerSelf(), id: [1], increment });
  await errorOf(InvalidFields, pipeline.call(views(true), limits));
  const wrapped = new Api.InvokeWithLayer({
    layer: 198,
    query: new Api.InvokeWithoutUpdates({ query: views(true) }),
  });
  await errorOf(InvalidFields, pipeline.call(wrapped, limits));
  expect(sent).toEqual([]);
  await pipeline.call(views(false), limits);
  expect(sent).toHaveLength(1);
});

test('the gate sees through wrappings', async () => {
  const { pipeline, gate, sent } = session();
  gate.learn({ kind: 'flood', method: 'help.getConfig', seconds: 5 });
  await errorOf(FloodWait, pipeline.call(new Api.InvokeWithoutUpdates({ query: read() }), limits));
  expect(sent).toEqual([]);
});

test('a thousand calls may be under way, and no more', async () => {
  const { pipeline, loseLease } = session(never);
  const calls = Array.from({ length: 1_000 }, () => pipeline.call(read(), limits));
  await errorOf(QuotaExceeded, pipeline.call(read(), limits));
  expect(pipeline.running).toBe(1_000);
  loseLease();
  const ends = await Promise.allSettled(calls);
  expect(ends.every(({ status }) => status === 'rejected')).toBe(true);
  expect(pipeline.running).toBe(0);
});
