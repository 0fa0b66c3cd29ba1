import { randomUUIDv7 } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HistoryOrder, SendMessageRequestSchema } from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import type { Actor, Dialog, Message } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import { ChannelKind } from '#gen/telegate/local_telegram/v1/world_pb.ts';
import { startControl, type TestControl } from '../../../tests/support/local-telegram-control.ts';
import { peerRoutes } from '../peers/routes.ts';
import { sendingRoutes } from '../sending/routes.ts';
import {
  callOf,
  callsOf,
  openTestMessaging,
  refusal,
  type Acting,
  type TestMessaging,
} from '../test-messaging.ts';
import { readingRoutes } from './routes.ts';

let messaging: TestMessaging;
let control: TestControl;
let ann: Acting;
let bob: Acting;
let cid: Acting;

beforeAll(async () => {
  messaging = await openTestMessaging();
  control = await startControl(messaging.telegram.telegram);
  ann = messaging.acting({ firstName: 'Ann', username: 'ann_reads' });
  bob = messaging.acting({ firstName: 'Bob', username: 'bob_writes' });
  cid = messaging.acting({ firstName: 'Cid', username: 'cid_writes' });
  for (let number = 1; number <= 7; number += 1) await say(bob, `bob ${number}`);
  await say(cid, 'cid 1');
});
afterAll(async () => {
  await control.close();
  await messaging.close();
});

async function say(by: Acting, text: string, to = '@ann_reads'): Promise<Message> {
  const request = create(SendMessageRequestSchema, {
    actor: by.actor,
    peer: to,
    text,
    requestId: randomUUIDv7(),
  });
  const answer = await sendingRoutes(messaging).sendMessage(request, callOf(messaging.tenantId));
  return answer.message as Message;
}

const DEFAULTS = {
  pageSize: 0,
  pageToken: '',
  peer: '',
  order: HistoryOrder.UNSPECIFIED as HistoryOrder,
  fromMessageId: 0n,
  upToMessageId: 0n,
  postIds: [] as bigint[],
  commentsOfPostId: 0n,
};

interface Answer {
  readonly dialogs: Dialog[];
  readonly messages: Message[];
  readonly posts: Message[];
  readonly nextPageToken: string;
  readonly totalCount: number;
}

type Method = 'listDialogs' | 'listUnread' | 'getHistory' | 'markRead' | 'getPosts';

function ask(
  method: Method,
  request: Partial<typeof DEFAULTS> & { actor?: Actor; channel?: string },
): Promise<Answer> {
  const handler = readingRoutes(messaging)[method] as (...args: unknown[]) => Promise<Answer>;
  return handler({ ...DEFAULTS, actor: ann.actor, ...request }, callOf(messaging.tenantId));
}

async function pages(method: Method, request: Parameters<typeof ask>[1]): Promise<Answer[]> {
  const all: Answer[] = [];
  let pageToken = '';
  do {
    const page = await ask(method, { ...request, pageToken });
    all.push(page);
    ({ nextPageToken: pageToken } = page);
  } while (pageToken !== '' && all.length < 30);
  return all;
}

const textsOf = (messages: readonly Message[]): string[] => messages.map(({ text }) => text);

test('dialogs, the most recent first, page by page, each once', async () => {
  const whole = await ask('listDialogs', {});
  const titles = whole.dialogs.map(({ peer }) => peer!.title);
  expect(titles.slice(0, 2)).toEqual(['Cid', 'Bob']);
  expect(whole.dialogs[1]).toMatchObject({
    unreadCount: 7,
    lastMessage: { text: 'bob 7', outgoing: false },
  });
  const single = await pages('listDialogs', { pageSize: 1 });
  expect(single.flatMap(({ dialogs }) => dialogs.map(({ peer }) => peer!.title))).toEqual(titles);
});

test.each([
  [HistoryOrder.NEWEST_FIRST, 3],
  [HistoryOrder.OLDEST_FIRST, 3],
  [HistoryOrder.NEWEST_FIRST, 7],
  [HistoryOrder.OLDEST_FIRST, 100],
  [HistoryOrder.OLDEST_FIRST, 1],
])('history in order %s by %s: each message once', async (order, pageSize) => {
  const read = await pages('getHistory', { peer: '@bob_writes', order, pageSize });
  const expected = Array.from({ length: 7 }, (_, index) => `bob ${index + 1}`);
  if (order === HistoryOrder.NEWEST_FIRST) expected.reverse();
  expect(read.flatMap(({ messages }) => textsOf(messages))).toEqual(expected);
});

test('history from a message on, itself included', async () => {
  const { messages } = await ask('getHistory', { peer: '@bob_writes' });
  const fourth = messages.find(({ text }) => text === 'bob 4')!.messageId;
  const from = { peer: '@bob_writes', fromMessageId: fourth, pageSize: 2 };
  expect(textsOf((await ask('getHistory', from)).messages)).toEqual(['bob 4', 'bob 3']);
  const onward = await ask('getHistory', { ...from, order: HistoryOrder.OLDEST_FIRST });
  expect(textsOf(onward.messages)).toEqual(['bob 4', 'bob 5']);
});

test('a page token is for its own list alone', async () => {
  const { nextPageToken } = await ask('getHistory', { peer: '@bob_writes', pageSize: 2 });
  for (const other of [{ peer: '@cid_writes' }, { actor: bob.actor }]) {
    const error = await refusal(
      ask('getHistory', { peer: '@bob_writes', pageSize: 2, pageToken: nextPageToken, ...other }),
    );
    expect(error.fieldViolations).toMatchObject([{ field: 'page_token' }]);
  }
});

test('unread messages of all and of one, marked as read never back', async () => {
  const read = await pages('listUnread', { pageSize: 3 });
  expect(read[0]!.totalCount).toBe(8);
  const texts = read.flatMap(({ messages }) => textsOf(messages));
  expect(texts).toHaveLength(8);
  expect(new Set(texts)).toEqual(new Set(['cid 1', ...Array.from({ length: 7 }, (_, i) => `bob ${i + 1}`)]));
  const { messages } = await ask('getHistory', { peer: '@bob_writes' });
  const idOf = (text: string): bigint => messages.find((one) => one.text === text)!.messageId;
  const peer = '@bob_writes';
  expect(await ask('markRead', { peer, upToMessageId: idOf('bob 5') })).toEqual({ unreadCount: 2 });
  expect(await ask('markRead', { peer, upToMessageId: idOf('bob 2') })).toEqual({ unreadCount: 2 });
  expect(callsOf(messaging, ann.account, 'messages.readHistory')).toBe(1);
  const left = await ask('listUnread', { peer });
  expect(textsOf(left.messages)).toEqual(['bob 7', 'bob 6']);
  expect(await ask('markRead', { peer })).toEqual({ unreadCount: 0 });
  expect((await ask('listUnread', { peer })).messages).toEqual([]);
});

test('a peer is asked for once, and never seen is said', async () => {
  const resolve = (peer: string) =>
    peerRoutes(messaging).resolvePeer({ actor: ann.actor, peer } as never, callOf(messaging.tenantId));
  const dee = messaging.telegram.account({ firstName: 'Dee', username: 'dee_silent' });
  const first = await resolve('@Dee_Silent');
  expect(first.peer).toMatchObject({ peer: `user:${dee.id}`, title: 'Dee', username: 'dee_silent' });
  expect(await resolve(first.peer!.peer!)).toEqual(first);
  await resolve('https://t.me/dee_silent');
  expect(callsOf(messaging, ann.account, 'contacts.resolveUsername')).toBe(1);
  expect((await refusal(resolve('user:424242'))).reason).toBe(ErrorReason.NOT_FOUND);
});

test('posts: newest first, by number in the order asked, comments; no view is counted', async () => {
  const { channel } = await control.control.createChannel({
    kind: ChannelKind.BROADCAST,
    title: 'News',
    username: 'news_reads',
    creatorAccountId: String(bob.account.id),
    withDiscussionGroup: true,
  });
  const { channelId } = channel!;
  const { posts } = await control.control.createPosts({
    channelId,
    posts: [{ text: 'post 1' }, { text: 'post 2' }, { text: 'post 3' }],
  });
  const ids = posts.map(({ messageId }) => BigInt(messageId));
  for (const text of ['comment 1', 'comment 2'])
    await control.control.sendMessage({
      accountId: String(cid.account.id),
      to: { peer: { case: 'channelId', value: channelId } },
      commentOnPostId: Number(ids[2]),
      text,
    });
  const news = { channel: '@news_reads' };
  const read = await pages('getPosts', { ...news, pageSize: 2 });
  expect(read.flatMap((page) => textsOf(page.posts)).slice(0, 3)).toEqual(['post 3', 'post 2', 'post 1']);
  expect(read[0]!.posts[0]).toMatchObject({ commentCount: 2, viewCount: 0 });
  const asked = await ask('getPosts', { ...news, postIds: [ids[1]!, 99_999n, ids[0]!] });
  expect(textsOf(asked.posts)).toEqual(['post 2', 'post 1']);
  const comments = await pages('getPosts', { ...news, commentsOfPostId: ids[2]!, pageSize: 1 });
  expect(comments.flatMap((page) => textsOf(page.posts))).toEqual(['comment 2', 'comment 1']);
  expect(messaging.telegram.telegram.log.counters.viewIncrements).toBe(0);
  expect((await refusal(ask('getPosts', { channel: '@bob_writes' }))).fieldViolations).toMatchObject([
    { field: 'channel' },
  ]);
});

test('a chat that vanished is said to be gone, not guessed', async () => {
  const { channel } = await control.control.createChannel({
    kind: ChannelKind.BROADCAST,
    title: 'Gone',
    username: 'gone_reads',
    creatorAccountId: String(bob.account.id),
  });
  await ask('getPosts', { channel: '@gone_reads' });
  await control.control.deleteChannel({ channelId: channel!.channelId });
  const error = await refusal(ask('getPosts', { channel: '@gone_reads' }));
  expect([ErrorReason.TELEGRAM_REFUSED, ErrorReason.NOT_FOUND]).toContain(error.reason);
});
