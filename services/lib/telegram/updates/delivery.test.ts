import { pause } from '#lib/lifecycle/clock.ts';
import { expect, test } from 'vitest';
import { Api, wireLong } from '../client.ts';
import { ALICE, PlayedServer } from './fixtures/played-server.ts';
import {
  gapsOf,
  MemoryStore,
  NEWS,
  playedSession,
  startedSession,
  textsOf,
} from './fixtures/played-session.ts';
import type { Notice } from './notice.ts';

const typing = new Api.UpdateUserTyping({
  userId: wireLong(ALICE),
  action: new Api.SendMessageTypingAction(),
});

test('a handler that fails gets the same again, and nothing is saved before it took it', async () => {
  const store = new MemoryStore();
  const taken: Notice[] = [];
  let isBroken = false;
  const handler = (batch: readonly Notice[]): void => {
    if (isBroken) throw new Error('not now');
    taken.push(...batch);
  };
  const { server, clock, push } = await startedSession({ store, handler });
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
    loop.receive(server.push([typing]));
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
  const { server, clock, push, store, loop } = await startedSession({ limits: { saveEveryMs: 1_000 } });
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

test('a crash in the middle of a gap of a channel: the gap is filled after it', async () => {
  const { server, clock, push, store, loop } = await startedSession({ limits: { saveEveryMs: 100 } });
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

test('a handler that is slow slows the differences down too', async () => {
  const { server, clock, loop } = await startedSession({ limits: { mostWaiting: 20 } });
  loop.disconnected();
  let isStuck = true;
  const taken: Notice[] = [];
  const handler = async (batch: readonly Notice[]): Promise<void> => {
    if (isStuck) await pause(clock, 60_000);
    taken.push(...batch);
  };
  const after = await playedSession(server, { clock, handler, limits: { mostWaiting: 20 } });
  after.loop.disconnected();
  for (let i = 0; i < 300; i += 1) server.happen('account');
  after.loop.connected(server.invoke);
  await clock.advance(59_000);
  expect(after.loop.waiting).toBeLessThan(30);
  isStuck = false;
  await clock.advance(60_000);
  expect(textsOf(taken)).toHaveLength(300);
});

test('where several channels stand is saved for each', async () => {
  const server = new PlayedServer({ channels: [1n, 2n, 3n] });
  const store = new MemoryStore();
  const { loop, clock } = await playedSession(server, { store });
  loop.receive(server.push([server.happen(1n), server.happen(2n), server.happen(3n)]));
  const channel = (id: bigint) => new Api.InputChannel({ channelId: wireLong(id), accessHash: wireLong(id) });
  for (const id of [1n, 2n, 3n]) {
    const { pts } = server.happen(id, 'delete') as Api.UpdateDeleteChannelMessages;
    const request = new Api.channels.DeleteHistory({ channel: channel(id) });
    loop.answered(request, new Api.messages.AffectedHistory({ pts, ptsCount: 1, offset: 0 }));
  }
  await clock.advance(5_000);
  expect([...store.state!.channels.values()].map(({ pts }) => pts)).toEqual([12, 12, 12]);
});
