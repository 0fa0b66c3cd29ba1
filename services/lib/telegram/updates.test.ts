import { ChannelKind, ChannelRole } from '#gen/telegate/local_telegram/v1/world_pb.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { environmentOf, linkTo, quiet } from '../../../tests/support/driver.ts';
import { startTestTelegram, type TestTelegram } from '../../../tests/support/local-telegram.ts';
import {
  createChannel,
  deleteChannelMessages,
  editChannelMessage,
  publish,
  setRole,
} from '../../local-telegram/world/channels.ts';
import {
  contentOf,
  deletePrivate,
  editPrivate,
  sendPrivate,
} from '../../local-telegram/world/private-chats.ts';
import type { Account, Channel } from '../../local-telegram/world/state.ts';
import { accessHash } from '../../local-telegram/world/world.ts';
import { Api, wireLong } from './client.ts';
import type { TelegramEnvironment } from './environment.ts';
import { RawRpcError, type Link } from './link.ts';
import { UpdateLoop, type UpdateLimits } from './updates.ts';
import { deletedIn, gapsOf, MemoryStore, textsOf } from './updates/fixtures/played-session.ts';
import type { Notice } from './updates/notice.ts';
import type { Invoke } from './updates/recovery.ts';

let server: TestTelegram;
let environment: TelegramEnvironment;

beforeAll(async () => {
  server = await startTestTelegram();
  environment = environmentOf(server.telegram);
});

afterAll(() => server.close());

const inTime = { deadlineMs: 5_000 };

class Session {
  readonly account: Account;
  readonly notices: Notice[] = [];
  readonly store: MemoryStore;
  readonly loop: UpdateLoop;
  readonly methods: string[] = [];
  readonly faults: Error[] = [];
  link!: Link;
  readonly #key: Buffer;

  constructor(account: Account, options: { limits?: Partial<UpdateLimits>; store?: MemoryStore } = {}) {
    this.account = account;
    this.store = options.store ?? new MemoryStore();
    this.#key = server.telegram.makeAuthorizedKey(account).key;
    this.loop = new UpdateLoop({
      selfId: BigInt(account.id),
      store: this.store,
      handler: (batch) => {
        this.notices.push(...batch);
      },
      clock: systemClock,
      log: quiet,
      limits: { patienceMs: 50, saveEveryMs: 10, ...options.limits },
    });
  }

  async connect(): Promise<this> {
    this.link = await linkTo(environment, { authKey: this.#key });
    this.link.onUpdates((raw) => this.loop.receive(raw));
    const invoke: Invoke = (request, limits) => {
      this.methods.push(request.className);
      const fault = this.faults.shift();
      return fault ? Promise.reject(fault) : this.link.invoke(request, limits);
    };
    this.loop.connected(invoke);
    await vi.waitUntil(() => this.loop.isSettled, { timeout: 5_000 });
    return this;
  }

  async cut(): Promise<void> {
    this.loop.disconnected();
    await this.link.close();
  }

  async call<R extends Api.AnyRequest>(request: R): Promise<R['__response']> {
    const answer = await this.link.invoke(request, inTime);
    this.loop.answered(request, answer);
    return answer;
  }
}

async function started(
  account: Account,
  options?: ConstructorParameters<typeof Session>[1],
): Promise<Session> {
  const session = new Session(account, options);
  onTestFinished(async () => {
    await session.loop.close();
    await session.link.close();
  });
  await session.loop.load();
  return session.connect();
}

const draft = (text: string) => ({ text, entities: undefined, media: undefined, randomId: 0n, replyTo: 0 });

function write(from: Account, to: Account, text: string): number {
  return sendPrivate(server.telegram.world, from, to, draft(text)).receiverId;
}

function post(channel: Channel, from: Account, text: string) {
  const { world } = server.telegram;
  const content = contentOf(world, from.id, draft(text));
  return publish(world, channel, { content, isPost: true, replyTo: 0, threadId: 0 }).message;
}

function people() {
  return { ann: server.account({ firstName: 'Ann' }), bob: server.account({ firstName: 'Bob' }) };
}

function channelOf(owner: Account, ...members: Account[]): Channel {
  const { world } = server.telegram;
  const channel = createChannel(world, { kind: ChannelKind.BROADCAST, title: 'News', creatorId: owner.id });
  for (const member of members) setRole(world, channel, member.id, ChannelRole.MEMBER);
  return channel;
}

const numbered = (name: string, from: number, count: number) =>
  Array.from({ length: count }, (_, index) => `${name} ${from + index}`);

test('300 messages written while a session is away come once and in order, in slices', async () => {
  const { ann, bob } = people();
  const channel = channelOf(bob, ann);
  post(channel, bob, 'c 0');
  const [one, two] = [await started(ann), await started(ann)];
  write(bob, ann, 'm 0');
  await expect.poll(() => textsOf(one.notices)).toEqual(['m 0']);
  await one.cut();
  for (let i = 1; i <= 300; i += 1) {
    write(bob, ann, `m ${i}`);
    post(channel, bob, `c ${i}`);
  }
  one.methods.length = 0;
  await one.connect();
  for (let i = 301; i <= 305; i += 1) {
    write(bob, ann, `m ${i}`);
    post(channel, bob, `c ${i}`);
  }
  for (const { notices } of [one, two]) {
    await expect.poll(() => textsOf(notices, 'm ')).toEqual(numbered('m', 0, 306));
    await expect.poll(() => textsOf(notices, 'c ')).toEqual(numbered('c', 1, 305));
  }
  expect(one.methods.filter((method) => method === 'updates.GetDifference').length).toBeGreaterThan(2);
  expect(one.methods.filter((method) => method === 'updates.GetChannelDifference').length).toBeGreaterThan(2);
  expect(gapsOf(one.notices)).toMatchObject([{ cause: 'disconnected', lost: 'uncounted' }]);
  expect(gapsOf(two.notices)).toEqual([]);
  expect(two.methods).toEqual(['updates.GetState', 'messages.GetDialogs']);
});

test('edits, deletions and reads come too, pushed and fetched alike', async () => {
  const { world } = server.telegram;
  const { ann, bob } = people();
  const channel = channelOf(bob, ann);
  const first = post(channel, bob, 'c 1');
  const [away, there] = [await started(ann), await started(ann)];
  await away.cut();
  const [kept, gone] = [write(bob, ann, 'kept'), write(bob, ann, 'gone')];
  editPrivate(world, ann, ann.messages.get(kept)!, { text: 'edited', entities: undefined });
  deletePrivate(world, ann, [gone], { revoke: true });
  editChannelMessage(world, channel, first, { text: 'c edited', entities: undefined });
  deleteChannelMessages(world, channel, [first.id]);
  await away.connect();
  for (const { notices } of [away, there]) {
    await expect.poll(() => deletedIn(notices)).toEqual([`account ${gone}`, `${channel.id} ${first.id}`]);
    const names = notices.flatMap((notice) => (notice.kind === 'update' ? notice.update.className : []));
    expect(names.filter((name) => name === 'UpdateEditMessage')).toHaveLength(1);
    expect(names.filter((name) => name === 'UpdateEditChannelMessage')).toHaveLength(1);
  }
});

test("what a session does itself counts, and is told like anybody's", async () => {
  const { ann, bob } = people();
  const one = await started(ann);
  const hash = accessHash(server.telegram.world, ann.id, bob.id);
  const peer = new Api.InputPeerUser({ userId: wireLong(BigInt(bob.id)), accessHash: wireLong(hash) });
  await one.call(new Api.messages.SendMessage({ peer, message: 'mine', randomId: wireLong(1n) }));
  await one.call(new Api.messages.SendMessage({ peer, message: 'mine', randomId: wireLong(1n) }));
  write(bob, ann, 'theirs');
  await expect.poll(() => textsOf(one.notices)).toEqual(['mine', 'theirs']);
  const [sent] = one.notices;
  expect(sent).toMatchObject({ source: 'own', update: { message: { out: true, id: 1 } } });
  await one.call(new Api.messages.DeleteMessages({ id: [1], revoke: true }));
  await one.call(new Api.messages.ReadHistory({ peer, maxId: 0 }));
  write(bob, ann, 'after');
  await expect.poll(() => textsOf(one.notices)).toEqual(['mine', 'theirs', 'after']);
  expect(deletedIn(one.notices)).toEqual(['account 1']);
  expect(one.methods).not.toContain('updates.GetDifference');
});

test('a process that dies goes on from what was taken', async () => {
  const { ann, bob } = people();
  const channel = channelOf(bob, ann);
  post(channel, bob, 'c 0');
  const store = new MemoryStore();
  const before = await started(ann, { store });
  write(bob, ann, 'm 0');
  await expect.poll(() => store.state?.pts).toBe(ann.box.pts);
  expect(store.state!.channels.get(BigInt(channel.id))!.pts).toBe(channel.box.pts);
  await before.cut();
  write(bob, ann, 'm 1');
  post(channel, bob, 'c 1');
  const after = await started(ann, { store });
  await expect.poll(() => textsOf(after.notices).toSorted()).toEqual(['c 1', 'm 1']);
});

test('a history too long to fetch is a gap that is told, and the session goes on behind it', async () => {
  const { ann, bob } = people();
  const channel = channelOf(bob, ann);
  post(channel, bob, 'c 0');
  const one = await started(ann);
  await one.cut();
  const [from, channelFrom] = [ann.box.pts, channel.box.pts];
  for (let i = 0; i < 5; i += 1) {
    write(bob, ann, 'lost');
    post(channel, bob, 'lost');
  }
  ann.box.events.splice(0, ann.box.events.length - 1);
  channel.box.events.splice(0, channel.box.events.length - 1);
  await one.connect();
  write(bob, ann, 'm 1');
  post(channel, bob, 'c 1');
  await expect.poll(() => textsOf(one.notices).toSorted()).toEqual(['c 1', 'm 1']);
  expect(gapsOf(one.notices).filter(({ lost }) => lost === 'everything')).toMatchObject([
    { scope: 'account', cause: 'too-long', fromPts: from, toPts: from + 5 },
    { scope: BigInt(channel.id), cause: 'too-long', fromPts: channelFrom, toPts: channelFrom + 5 },
  ]);
});

test('counters that the server does not know begin anew, with a gap', async () => {
  const { ann, bob } = people();
  const store = new MemoryStore();
  store.state = { pts: 5_000, qts: 0, seq: 0, date: 1, channels: new Map() };
  const one = await started(ann, { store });
  write(bob, ann, 'm 1');
  await expect.poll(() => textsOf(one.notices)).toEqual(['m 1']);
  expect(gapsOf(one.notices)).toMatchObject([
    { cause: 'disconnected' },
    { cause: 'state-refused', fromPts: 5_000, lost: 'everything' },
  ]);
});

test('a probe finds what was never pushed', async () => {
  const { ann, bob } = people();
  const one = await started(ann);
  one.link.onUpdates(() => undefined);
  write(bob, ann, 'm 1');
  expect(textsOf(one.notices)).toEqual([]);
  await one.loop.probe();
  await expect.poll(() => textsOf(one.notices)).toEqual(['m 1']);
  expect(one.loop.probesAhead).toBe(1);
});

test('a flood wait on the difference is waited out', async () => {
  const { ann, bob } = people();
  const one = await started(ann);
  await one.cut();
  write(bob, ann, 'm 1');
  one.faults.push(new RawRpcError(420, 'FLOOD_WAIT_1'));
  await one.connect();
  expect(textsOf(one.notices)).toEqual(['m 1']);
});
