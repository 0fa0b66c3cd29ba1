import { expect, test } from 'vitest';
import { Api, wireLong } from '../client.ts';
import { RawRpcError } from '../link.ts';
import { PlayedServer } from './fixtures/played-server.ts';
import type { Invoke } from './recovery.ts';
import {
  deletedIn,
  gapsOf,
  NEWS,
  playedSession,
  startedSession,
  textsOf,
} from './fixtures/played-session.ts';

test('a channel that was heard of a message late: what overlaps is fetched', async () => {
  const { server, clock, notices, push } = await startedSession();
  server.happen(NEWS, 'delete', 2);
  push(server.happen(NEWS, 'delete', 5));
  await clock.advance(1_000);
  expect(deletedIn(notices)).toEqual(['77 13', '77 18']);
});

test.each([
  ['CHANNEL_PRIVATE', 'channel-gone'],
  ['PERSISTENT_TIMESTAMP_INVALID', 'state-refused'],
])('a channel refused with %s is told of and forgotten', async (text, cause) => {
  const { server, clock, notices, push, store } = await startedSession();
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
  const { server, clock, notices, loop } = await startedSession();
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

test('channels that keep failing do not hold up the others', async () => {
  const all = [1n, 2n, 3n, 4n];
  const server = new PlayedServer({ channels: all });
  const { loop, clock, notices } = await playedSession(server);
  for (const id of all) loop.receive(server.push([server.happen(id)]));
  await clock.advance(1_000);
  for (const id of all) {
    server.happen(id);
    loop.receive(server.push([server.happen(id)]));
  }
  server.refuse = (request) =>
    request instanceof Api.updates.GetChannelDifference &&
    ['1', '2'].includes(String((request.channel as Api.InputChannel).channelId));
  await clock.advance(60_000);
  expect(textsOf(notices, '3 ')).toHaveLength(3);
  expect(textsOf(notices, '4 ')).toHaveLength(3);
  server.refuse = undefined;
  await clock.advance(60_000);
  expect(textsOf(notices)).toHaveLength(12);
});

test("a channel's update that comes with the account's difference is counted all the same", async () => {
  const { server, clock, notices, loop } = await startedSession();
  loop.disconnected();
  const update = server.happen(NEWS);
  const parts = { newMessages: [], newEncryptedMessages: [], users: server.users(), chats: server.chats() };
  const answer = new Api.updates.Difference({ ...parts, otherUpdates: [update], state: server.state() });
  const invoke: Invoke = (request, limits) =>
    request instanceof Api.updates.GetDifference ? Promise.resolve(answer) : server.invoke(request, limits);
  loop.connected(invoke);
  await clock.advance(1_000);
  loop.receive(server.push([update, server.happen(NEWS)]));
  await clock.advance(1_000);
  expect(textsOf(notices)).toEqual(['77 2', '77 3']);
  expect(server.calls).toEqual([]);
});

test('comments in a group that the account is not in are told, and what others write there is not fetched', async () => {
  const server = new PlayedServer({ channels: [NEWS] });
  const { loop, clock, notices } = await playedSession(server);
  server.calls.length = 0;
  const group = new Api.InputPeerChannel({ channelId: wireLong(NEWS), accessHash: wireLong(78n) });
  const comment = new Api.messages.SendMessage({ peer: group, message: '', randomId: wireLong(1n) });
  const chats = server.chats().map((chat) => Object.assign(chat, { left: true }));
  const answer = (update: Api.TypeUpdate) =>
    new Api.Updates({ updates: [update], users: [], chats, date: 0, seq: 0 });
  loop.answered(comment, answer(server.happen(NEWS)));
  server.happen(NEWS);
  loop.answered(comment, answer(server.happen(NEWS)));
  await clock.advance(5_000);
  expect(textsOf(notices)).toEqual(['77 1', '77 3']);
  expect(gapsOf(notices)).toEqual([]);
  expect(server.calls).toEqual([]);
});
