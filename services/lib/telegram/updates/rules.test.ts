import { expect, test } from 'vitest';
import { Api, wireLong } from '../client.ts';
import { NeedsLogin } from '../errors.ts';
import { CallAborted, CallTimedOut, CallUnreadable, LinkClosed, RawRpcError } from '../link.ts';
import { ALICE, PlayedServer, SELF } from './fixtures/played-server.ts';
import { deletedIn, gapsOf, MemoryStore, playedSession, textsOf } from './fixtures/played-session.ts';
import type { Notice } from './notice.ts';
import { remedyOf } from './remedy.ts';

const NEWS = 77n;

async function started(options: Parameters<typeof playedSession>[1] & { store?: MemoryStore } = {}) {
  const server = new PlayedServer({ channels: [NEWS] });
  const store = options.store ?? new MemoryStore();
  const session = await playedSession(server, { ...options, store });
  session.loop.receive(server.push([server.happen('account'), server.happen(NEWS)]));
  await session.clock.advance(2_000);
  session.notices.length = 0;
  server.calls.length = 0;
  return {
    server,
    ...session,
    store,
    push: (...updates: Api.TypeUpdate[]) => session.loop.receive(server.push(updates)),
  };
}

test('what comes twice is told once, and asks for nothing', async () => {
  const { server, clock, notices, push } = await started();
  const [one, two] = [server.happen('account'), server.happen(NEWS)];
  for (let i = 0; i < 3; i += 1) push(one, two);
  await clock.advance(10_000);
  expect(textsOf(notices)).toEqual(['account 2', '77 2']);
  expect(server.calls).toEqual([]);
});

test('what comes early waits for half a second, and only then is the difference asked for', async () => {
  const { server, clock, notices, push } = await started();
  const [first, second] = [server.happen('account'), server.happen('account')];
  push(second);
  await clock.advance(499);
  expect([textsOf(notices), server.calls]).toEqual([[], []]);
  push(first);
  await clock.advance(10_000);
  expect(textsOf(notices)).toEqual(['account 2', 'account 3']);
  expect(server.calls).toEqual([]);
  server.happen(NEWS);
  push(server.happen(NEWS));
  await clock.advance(500);
  expect(textsOf(notices, '77')).toEqual(['77 2', '77 3']);
  expect(server.calls).toEqual(['updates.GetChannelDifference']);
});

test('more early ones than are held lead to the difference at once', async () => {
  const { server, clock, notices, push } = await started();
  server.happen('account');
  for (let i = 0; i < 150; i += 1) push(server.happen('account'));
  await clock.advance(0);
  expect(server.calls[0]).toBe('updates.GetDifference');
  await clock.advance(1_000);
  expect(textsOf(notices)).toHaveLength(151);
});

test('a message that moves no counter is an old one; any other change that moves none is true', async () => {
  const { server, clock, notices, push } = await started();
  const { pts } = server.boxes.get('account')!;
  push(new Api.UpdateNewMessage({ message: server.message('account', 1), pts, ptsCount: 0 }));
  const webpage = new Api.WebPageEmpty({ id: wireLong(1n) });
  push(new Api.UpdateWebPage({ webpage, pts, ptsCount: 0 }));
  await clock.advance(1_000);
  expect(notices).toMatchObject([{ update: { className: 'UpdateWebPage' } }]);
});

test('a channel that was heard of a message late: what overlaps is fetched', async () => {
  const { server, clock, notices, push } = await started();
  server.happen(NEWS, 'delete', 2);
  push(server.happen(NEWS, 'delete', 5));
  await clock.advance(1_000);
  expect(deletedIn(notices)).toEqual(['77 13', '77 18']);
});

test.each([
  ['CHANNEL_PRIVATE', 'channel-gone'],
  ['PERSISTENT_TIMESTAMP_INVALID', 'state-refused'],
])('a channel refused with %s is told of and forgotten', async (text, cause) => {
  const { server, clock, notices, push, store } = await started();
  server.happen(NEWS);
  server.faults.push(() => new RawRpcError(400, text));
  push(server.happen(NEWS));
  await clock.advance(5_000);
  expect(gapsOf(notices)).toMatchObject([{ scope: NEWS, cause, lost: 'everything' }]);
  expect([...store.state!.channels]).toEqual([]);
  push(server.happen(NEWS));
  await clock.advance(5_000);
  expect(textsOf(notices)).toEqual(['77 4']);
});

test('a difference that can not be read is passed over, with a gap', async () => {
  const { server, clock, notices, push, loop } = await started();
  server.happen('account');
  server.faults.push(() => new CallUnreadable('unknown constructor'));
  push(server.happen('account'));
  await clock.advance(5_000);
  expect(gapsOf(notices)).toMatchObject([{ scope: 'account', cause: 'unreadable', lost: 'everything' }]);
  push(server.happen('account'));
  await clock.advance(5_000);
  expect(textsOf(notices)).toEqual(['account 4']);
  expect(loop.isSettled).toBe(true);
});

test('differences too long are gaps, and the session goes on behind them', async () => {
  const { server, clock, notices, push, loop } = await started();
  loop.disconnected();
  for (let i = 0; i < 3; i += 1) server.happen(i === 1 ? NEWS : 'account');
  server.forget('account');
  server.forget(NEWS);
  loop.connected(server.invoke);
  await clock.advance(1_000);
  push(server.happen('account'), server.happen(NEWS));
  await clock.advance(1_000);
  expect(textsOf(notices)).toEqual(['account 4', '77 3']);
  expect(gapsOf(notices)).toMatchObject([
    { cause: 'disconnected', lost: 'uncounted' },
    { scope: 'account', cause: 'too-long', fromPts: 11, toPts: 13 },
    { scope: NEWS, cause: 'too-long', fromPts: 11, toPts: 12 },
  ]);
});

test('a channel never heard of that changed while away is a gap', async () => {
  const server = new PlayedServer({ channels: [NEWS] });
  const { loop, clock, notices } = await playedSession(server);
  loop.disconnected();
  server.happen(NEWS);
  loop.connected(server.invoke);
  await clock.advance(1_000);
  expect(gapsOf(notices)).toMatchObject([
    { cause: 'disconnected' },
    { scope: NEWS, cause: 'unknown-channel', toPts: 11 },
  ]);
  loop.receive(server.push([server.happen(NEWS)]));
  await clock.advance(1_000);
  expect(textsOf(notices)).toEqual(['77 2']);
});

const short = (server: PlayedServer, from: bigint, out = false) => {
  const { pts, ptsCount, message } = server.happen('account') as Api.UpdateNewMessage;
  const { id, message: text } = message as Api.Message;
  return new Api.UpdateShortMessage({
    id,
    out,
    userId: wireLong(from),
    message: text,
    pts,
    ptsCount,
    date: server.date,
  });
};

test('short forms are whole messages; from somebody unknown, the difference brings who it is', async () => {
  const { server, clock, notices, loop } = await started();
  loop.receive(short(server, ALICE));
  loop.receive(short(server, ALICE, true));
  await clock.advance(0);
  expect(server.calls).toEqual([]);
  const messages = notices.map(
    (notice) => (notice as { update: Api.UpdateNewMessage }).update.message as Api.Message,
  );
  expect(messages.map(({ fromId }) => (fromId as Api.PeerUser).userId.toString())).toEqual([
    `${ALICE}`,
    `${SELF}`,
  ]);
  expect(messages.map(({ peerId }) => (peerId as Api.PeerUser).userId.toString())).toEqual([
    `${ALICE}`,
    `${ALICE}`,
  ]);
  loop.receive(short(server, 999n));
  await clock.advance(0);
  expect(server.calls).toEqual(['updates.GetDifference']);
  expect(textsOf(notices)).toEqual(['account 2', 'account 3', 'account 4']);
});

test('a chat that came as min only is fetched', async () => {
  const { server, clock, notices, loop } = await started();
  const update = server.happen('account');
  const stranger = new Api.User({ id: wireLong(555n), min: true, accessHash: wireLong(1n) });
  const { message } = update as Api.UpdateNewMessage;
  (message as Api.Message).peerId = new Api.PeerUser({ userId: wireLong(555n) });
  loop.receive(new Api.Updates({ updates: [update], users: [stranger], chats: [], date: 0, seq: 0 }));
  await clock.advance(0);
  expect(server.calls).toEqual(['updates.GetDifference']);
  expect(textsOf(notices)).toEqual(['account 2']);
});

const typing = (user: bigint) =>
  new Api.UpdateUserTyping({ userId: wireLong(user), action: new Api.SendMessageTypingAction() });

test('numbered envelopes come in their order; one that is missing leads to the difference', async () => {
  const { server, clock, notices, loop } = await started();
  const combined = (seqStart: number, seq: number, user: bigint) =>
    new Api.UpdatesCombined({ updates: [typing(user)], users: [], chats: [], date: 0, seqStart, seq });
  const typists = () =>
    notices.map((notice) => Number((notice as { update: Api.UpdateUserTyping }).update.userId));
  loop.receive(combined(3, 5, 2n));
  loop.receive(combined(1, 2, 1n));
  loop.receive(combined(3, 5, 2n));
  await clock.advance(0);
  expect(typists()).toEqual([1, 2]);
  loop.receive(combined(7, 7, 3n));
  await clock.advance(500);
  expect(server.calls).toEqual(['updates.GetDifference']);
});

test('a handler that fails gets the same again, and nothing is saved before it took it', async () => {
  const store = new MemoryStore();
  const taken: Notice[] = [];
  let isBroken = false;
  const handler = (batch: readonly Notice[]): void => {
    if (isBroken) throw new Error('not now');
    taken.push(...batch);
  };
  const { server, clock, push } = await started({ store, handler });
  taken.length = 0;
  const before = store.state!.pts;
  isBroken = true;
  push(server.happen('account'));
  await clock.advance(10_000);
  expect(store.state!.pts).toBe(before);
  isBroken = false;
  await clock.advance(10_000);
  expect(textsOf(taken)).toEqual(['account 2']);
  expect(store.state!.pts).toBe(before + 1);
});

test('a handler that is slow: the buffer is bounded, the gap is told, and the rest follows', async () => {
  let release = (): void => undefined;
  const taken: Notice[] = [];
  const handler = async (batch: readonly Notice[]): Promise<void> => {
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    taken.push(...batch);
  };
  const server = new PlayedServer({ channels: [NEWS] });
  const { loop, clock } = await playedSession(server, { handler, limits: { mostWaiting: 20 } });
  for (let i = 0; i < 500; i += 1) {
    loop.receive(server.push([server.happen(i % 2 === 0 ? 'account' : NEWS)]));
    loop.receive(server.push([typing(ALICE)]));
  }
  await clock.advance(1_000);
  expect(loop.waiting).toBeLessThan(30);
  for (let i = 0; i < 1_000 && textsOf(taken).length < 500; i += 1) {
    release();
    await clock.advance(600);
  }
  expect(textsOf(taken, 'account')).toHaveLength(250);
  expect(textsOf(taken, '77')).toEqual(Array.from({ length: 250 }, (_, index) => `77 ${index + 1}`));
  expect(gapsOf(taken)).toMatchObject([{ cause: 'slow-handler', lost: 'uncounted' }]);
});

test('saves come at most so often, and again after one that failed', async () => {
  const { server, clock, push, store, loop } = await started({ limits: { saveEveryMs: 1_000 } });
  const before = store.saves;
  for (let i = 0; i < 50; i += 1) {
    push(server.happen('account'));
    await clock.advance(100);
  }
  expect(store.saves - before).toBeLessThanOrEqual(5);
  store.failing = true;
  push(server.happen(NEWS));
  await clock.advance(3_000);
  store.failing = false;
  await clock.advance(1_000);
  expect(store.state!.channels.get(NEWS)!.pts).toBe(server.boxes.get(NEWS)!.pts);
  push(server.happen('account'));
  await clock.advance(0);
  await loop.close();
  expect(store.state!.pts).toBe(server.boxes.get('account')!.pts);
  expect(clock.pendingTimers).toBe(0);
});

test("answers to the session's own calls count", async () => {
  const { server, clock, push, notices, loop } = await started();
  const counters = () => ({ pts: server.boxes.get('account')!.pts, ptsCount: 1 });
  const peer = new Api.InputPeerUser({ userId: wireLong(ALICE), accessHash: wireLong(7n) });
  const send = new Api.messages.SendMessage({ peer, message: 'hi', randomId: wireLong(1n) });
  server.happen('account');
  loop.answered(send, new Api.UpdateShortSentMessage({ out: true, id: 2, date: 1, ...counters() }));
  server.happen('account');
  loop.answered(
    new Api.messages.ReadHistory({ peer, maxId: 0 }),
    new Api.messages.AffectedMessages(counters()),
  );
  const channel = new Api.InputChannel({ channelId: wireLong(NEWS), accessHash: wireLong(78n) });
  const { pts } = server.happen(NEWS, 'delete') as Api.UpdateDeleteChannelMessages;
  const gone = new Api.messages.AffectedMessages({ pts, ptsCount: 1 });
  loop.answered(new Api.channels.DeleteMessages({ channel, id: [1] }), gone);
  push(server.happen('account'), server.happen(NEWS));
  await clock.advance(1_000);
  expect(textsOf(notices)).toEqual(['hi', 'account 4', '77 2']);
  expect(deletedIn(notices)).toEqual(['77 1']);
  expect(server.calls).toEqual([]);
});

test.each([
  [new RawRpcError(420, 'FLOOD_WAIT_7'), { kind: 'retry', afterMs: 7_000 }],
  [new RawRpcError(500, 'RPC_CALL_FAIL'), { kind: 'retry' }],
  [new RawRpcError(-503, 'Timeout'), { kind: 'retry' }],
  [new RawRpcError(400, 'PERSISTENT_TIMESTAMP_OUTDATED'), { kind: 'retry' }],
  [new RawRpcError(400, 'PERSISTENT_TIMESTAMP_EMPTY'), { kind: 'void' }],
  [new RawRpcError(401, 'AUTH_KEY_UNREGISTERED'), { kind: 'later' }],
  [new RawRpcError(406, 'AUTH_KEY_DUPLICATED'), { kind: 'later' }],
  [new NeedsLogin('a'), { kind: 'later' }],
  [new CallTimedOut(true), { kind: 'retry' }],
  [new CallAborted(true), { kind: 'later' }],
  [new LinkClosed({ reason: 'closed' }, true), { kind: 'later' }],
  [new CallUnreadable(''), { kind: 'unreadable' }],
])('%s: $1', (error, remedy) => {
  expect(remedyOf(error, 'account')).toEqual(remedy);
});

test('an account refused for good asks no more on this connection', async () => {
  const { server, clock, loop } = await started();
  loop.disconnected();
  server.faults.push(() => new RawRpcError(401, 'SESSION_REVOKED'));
  loop.connected(server.invoke);
  await clock.advance(600_000);
  expect(server.calls).toEqual(['updates.GetDifference']);
  loop.connected(server.invoke);
  await clock.advance(1_000);
  expect(server.calls).toHaveLength(2);
});

test('a crash in the middle of a gap of a channel: the gap is filled after it', async () => {
  const { server, clock, push, store, loop } = await started({ limits: { saveEveryMs: 100 } });
  server.happen(NEWS);
  push(server.happen(NEWS));
  push(server.happen('account'));
  await clock.advance(400);
  expect(store.state!.pts).toBe(server.boxes.get('account')!.pts);
  loop.disconnected();
  const after = await playedSession(server, { store });
  await after.clock.advance(1_000);
  expect(textsOf(after.notices)).toEqual(['77 2', '77 3']);
});

test.each(['account', NEWS] as const)(
  'a flood of pushes during a difference (%s): none is missing',
  async (scope) => {
    const { server, clock, push, notices } = await started();
    server.delay = { clock, ms: 100 };
    server.happen(scope);
    push(server.happen(scope));
    await clock.advance(550);
    for (let i = 0; i < 400; i += 1) push(server.happen(scope));
    await clock.advance(60_000);
    expect(textsOf(notices)).toEqual(Array.from({ length: 402 }, (_, index) => `${scope} ${index + 2}`));
  },
);

test('what was announced and is in no difference is given up in the end, and told', async () => {
  const { server, clock, push, notices } = await started();
  const { pts } = server.boxes.get('account')!;
  push(new Api.UpdateDeleteMessages({ messages: [1], pts: pts + 3, ptsCount: 1 }));
  await clock.advance(3_600_000);
  expect(server.calls).toHaveLength(5);
  expect(gapsOf(notices)).toMatchObject([{ cause: 'never-given', fromPts: pts, toPts: pts + 2 }]);
  expect(deletedIn(notices)).toEqual(['account 1']);
});

test('a channel without its access hash goes on behind what is missing, with a gap', async () => {
  const server = new PlayedServer({ channels: [NEWS] });
  const { loop, clock, notices } = await playedSession(server);
  const push = (update: Api.TypeUpdate) =>
    loop.receive(new Api.Updates({ updates: [update], users: [], chats: [], date: 0, seq: 0 }));
  push(server.happen(NEWS));
  server.happen(NEWS);
  push(server.happen(NEWS));
  await clock.advance(1_000);
  expect(textsOf(notices)).toEqual(['77 1', '77 3']);
  expect(gapsOf(notices)).toMatchObject([{ scope: NEWS, cause: 'unknown-channel', fromPts: 11, toPts: 12 }]);
  expect(loop.isSettled).toBe(true);
});

test('a list of dialogs shows which channel is behind, and where a new one stands', async () => {
  const { server, clock, notices, loop } = await started();
  server.happen(NEWS);
  const dialog = (id: bigint, pts: number) =>
    new Api.Dialog({
      peer: new Api.PeerChannel({ channelId: wireLong(id) }),
      topMessage: 1,
      readInboxMaxId: 0,
      readOutboxMaxId: 0,
      unreadCount: 0,
      unreadMentionsCount: 0,
      unreadReactionsCount: 0,
      notifySettings: new Api.PeerNotifySettings({}),
      pts,
    });
  const nobody = { messages: [], users: [] };
  const dialogs = [dialog(NEWS, server.boxes.get(NEWS)!.pts), dialog(99n, 500)];
  const answer = new Api.messages.Dialogs({ dialogs, chats: server.chats(), ...nobody });
  loop.answered(new Api.messages.GetDialogs({}), answer);
  await clock.advance(2_000);
  expect(textsOf(notices)).toEqual(['77 2']);
  expect(server.calls).toEqual(['updates.GetChannelDifference']);
});
