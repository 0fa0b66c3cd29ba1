import { expect, test } from 'vitest';
import { Api, wireLong } from '../client.ts';
import { CallUnreadable, RawRpcError } from '../link.ts';
import { ALICE, SELF, type PlayedServer } from './fixtures/played-server.ts';
import { deletedIn, gapsOf, NEWS, startedSession, textsOf } from './fixtures/played-session.ts';

test('what comes twice is told once, and asks for nothing', async () => {
  const { server, clock, notices, push } = await startedSession();
  const [one, two] = [server.happen('account'), server.happen(NEWS)];
  for (let i = 0; i < 3; i += 1) push(one, two);
  await clock.advance(10_000);
  expect(textsOf(notices)).toEqual(['account 2', '77 2']);
  expect(server.calls).toEqual([]);
});

test('what comes early waits for half a second, and only then is the difference asked for', async () => {
  const { server, clock, notices, push } = await startedSession();
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
  const { server, clock, notices, push } = await startedSession();
  server.happen('account');
  for (let i = 0; i < 150; i += 1) push(server.happen('account'));
  await clock.advance(0);
  expect(server.calls[0]).toBe('updates.GetDifference');
  await clock.advance(1_000);
  expect(textsOf(notices)).toHaveLength(151);
});

test('a message that moves no counter is an old one; any other change that moves none is true', async () => {
  const { server, clock, notices, push } = await startedSession();
  const { pts } = server.boxes.get('account')!;
  push(new Api.UpdateNewMessage({ message: server.message('account', 1), pts, ptsCount: 0 }));
  const webpage = new Api.WebPageEmpty({ id: wireLong(1n) });
  push(new Api.UpdateWebPage({ webpage, pts, ptsCount: 0 }));
  await clock.advance(1_000);
  expect(notices).toMatchObject([{ update: { className: 'UpdateWebPage' } }]);
});

test('a difference that can not be read is passed over, with a gap', async () => {
  const { server, clock, notices, push, loop } = await startedSession();
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
  const { server, clock, notices, push, loop } = await startedSession();
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
  const { server, clock, notices, loop } = await startedSession();
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
  const { server, clock, notices, loop } = await startedSession();
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
  const { server, clock, notices, loop } = await startedSession();
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

test("answers to the session's own calls count", async () => {
  const { server, clock, push, notices, loop } = await startedSession();
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

test('an account refused for good asks no more on this connection', async () => {
  const { server, clock, loop } = await startedSession();
  loop.disconnected();
  server.faults.push(() => new RawRpcError(401, 'SESSION_REVOKED'));
  loop.connected(server.invoke);
  await clock.advance(600_000);
  expect(server.calls).toEqual(['updates.GetDifference']);
  loop.connected(server.invoke);
  await clock.advance(1_000);
  expect(server.calls).toHaveLength(2);
});

test.each(['account', NEWS] as const)(
  'a flood of pushes during a difference (%s): none is missing',
  async (scope) => {
    const { server, clock, push, notices } = await startedSession();
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
  const { server, clock, push, notices } = await startedSession();
  const { pts } = server.boxes.get('account')!;
  push(new Api.UpdateDeleteMessages({ messages: [1], pts: pts + 3, ptsCount: 1 }));
  await clock.advance(3_600_000);
  expect(server.calls).toHaveLength(5);
  expect(gapsOf(notices)).toMatchObject([{ cause: 'never-given', fromPts: pts, toPts: pts + 2 }]);
  expect(deletedIn(notices)).toEqual(['account 1']);
});
