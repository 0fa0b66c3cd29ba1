import { randomUUIDv7 } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { sql } from 'kysely';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { ChannelKind, ChannelRole as WorldRole } from '#gen/telegate/local_telegram/v1/world_pb.ts';
import { ChannelRole } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import {
  SendCommentRequestSchema,
  SendMessageRequestSchema,
  SendReactionRequestSchema,
} from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import { startControl, type TestControl } from '../../../tests/support/local-telegram-control.ts';
import { sendingRoutes } from '../sending/routes.ts';
import { callOf, openTestMessaging, refusal, type Acting, type TestMessaging } from '../test-messaging.ts';
import { ceilingOn, recordCeiling } from './ceiling.ts';
import { engagingRoutes } from './routes.ts';

let messaging: TestMessaging;
let control: TestControl;
let owner: Acting;
let fans: Acting[];
let place: { username: string; channelId: string; groupId: string; postId: bigint };

const CEILING = 3;
let channels = 0;

beforeAll(async () => {
  messaging = await openTestMessaging();
  control = await startControl(messaging.telegram.telegram);
  owner = messaging.acting({ firstName: 'Owner' });
  fans = Array.from({ length: CEILING + 2 }, (_, index) => messaging.acting({ firstName: `Fan ${index}` }));
});
afterAll(async () => {
  await control.close();
  await messaging.close();
});

beforeEach(async () => {
  const username = `news_${(channels += 1)}_engaged`;
  const { channel, discussionGroup } = await control.control.createChannel({
    kind: ChannelKind.BROADCAST,
    title: username,
    username,
    creatorAccountId: String(owner.account.id),
    withDiscussionGroup: true,
  });
  const { channelId } = channel!;
  const { posts } = await control.control.createPosts({ channelId, posts: [{ text: 'post' }] });
  place = {
    username: `@${username}`,
    channelId,
    groupId: discussionGroup!.channelId,
    postId: BigInt(posts[0]!.messageId),
  };
});

const call = (): ReturnType<typeof callOf> => callOf(messaging.tenantId);

function comment(by: Acting, changes: { requestId?: string } = {}) {
  const { username: channel, postId } = place;
  const request = create(SendCommentRequestSchema, {
    actor: by.actor,
    channel,
    postId,
    text: 'well',
    requestId: changes.requestId ?? randomUUIDv7(),
  });
  return engagingRoutes(messaging).sendComment(request, call());
}

function react(by: Acting, emoji = '👍') {
  const request = create(SendReactionRequestSchema, {
    actor: by.actor,
    peer: place.username,
    messageId: place.postId,
    emoji,
  });
  return engagingRoutes(messaging).sendReaction(request, call());
}

const role = async (by: Acting) =>
  engagingRoutes(messaging).getChannelRole({ actor: by.actor, channel: place.username } as never, call());

function comments(): number {
  const group = messaging.telegram.telegram.world.state.channels.get(Number(place.groupId))!;
  return group.messages.filter(({ deleted, threadId }) => !deleted && threadId !== 0).length;
}

async function places(kind: string): Promise<number> {
  const { rows } = await sql<{ taken: number }>`
    select taken from post_counts where channel = ${`channel:${place.channelId}`} and kind = ${kind}`.execute(
    messaging.database.kysely,
  );
  return rows[0]?.taken ?? 0;
}

test('a comment stands under its post, once', async () => {
  const requestId = randomUUIDv7();
  const first = await comment(fans[0]!, { requestId });
  expect(first.message).toMatchObject({ text: 'well', peer: { peer: `channel:${place.groupId}` } });
  expect((await comment(fans[0]!, { requestId })).message).toEqual(first.message);
  expect([comments(), await places('comment')]).toEqual([1, 1]);
});

test('the ceiling holds for all callers at once, and is one a post', async () => {
  const all = await Promise.allSettled(fans.map((fan) => comment(fan)));
  expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(CEILING);
  const refused = all.filter((one) => one.status === 'rejected').map(({ reason }) => reason as unknown);
  for (const error of refused) expect(error).toMatchObject({ reason: ErrorReason.QUOTA_EXCEEDED });
  expect([comments(), await places('comment')]).toEqual([CEILING, CEILING]);
});

test('an answer to the copy in the group, or to a comment, is a comment too', async () => {
  const first = await comment(fans[0]!);
  const answer = (to: bigint) =>
    sendingRoutes(messaging).sendMessage(
      create(SendMessageRequestSchema, {
        actor: fans[0]!.actor,
        peer: `channel:${place.groupId}`,
        text: 'and another',
        replyToMessageId: to,
        requestId: randomUUIDv7(),
      }),
      call(),
    );
  await answer(first.message!.messageId!);
  await answer(first.message!.replyToMessageId!);
  expect(await places('comment')).toBe(CEILING);
  expect((await refusal(answer(first.message!.messageId!))).reason).toBe(ErrorReason.QUOTA_EXCEEDED);
  expect(comments()).toBe(CEILING);
});

test('reactions: an account counts once, its reaction changes and goes', async () => {
  expect(await react(fans[0]!)).toMatchObject({ reactions: [{ emoji: '👍', count: 1, chosen: true }] });
  expect(await react(fans[0]!)).toMatchObject({ reactions: [{ count: 1 }] });
  expect(await react(fans[0]!, '🔥')).toMatchObject({ reactions: [{ emoji: '🔥', count: 1 }] });
  expect(await react(fans[0]!, '')).toEqual({ reactions: [] });
  expect(await places('reaction')).toBe(1);
  const all = await Promise.allSettled(fans.slice(1).map((fan) => react(fan)));
  expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(CEILING - 1);
});

test('what Telegram refused leaves its place to others', async () => {
  expect((await refusal(react(fans[0]!, 'x'))).reason).toBe(ErrorReason.TELEGRAM_REFUSED);
  expect(await places('reaction')).toBe(0);
});

test('roles', async () => {
  expect(await role(owner)).toMatchObject({
    role: ChannelRole.CREATOR,
    canPost: true,
    discussionGroup: { peer: `channel:${place.groupId}` },
  });
  expect(await role(fans[0]!)).toMatchObject({ role: ChannelRole.NONE, canPost: false });
  const { channelId } = place;
  const become = (worldRole: WorldRole, rights = {}) =>
    control.control.setMember({
      channelId,
      accountId: String(fans[0]!.account.id),
      role: worldRole,
      ...rights,
    });
  await become(WorldRole.MEMBER);
  expect(await role(fans[0]!)).toMatchObject({ role: ChannelRole.MEMBER, canPost: false });
  await become(WorldRole.ADMIN, { adminRights: { postMessages: true } });
  expect(await role(fans[0]!)).toMatchObject({ role: ChannelRole.ADMIN, canPost: true });
  await become(WorldRole.ADMIN, { adminRights: { deleteMessages: true } });
  expect(await role(fans[0]!)).toMatchObject({ role: ChannelRole.ADMIN, canPost: false });
  await become(WorldRole.BANNED);
  expect(await role(fans[0]!)).toMatchObject({ role: ChannelRole.BANNED, canPost: false });
});

test('only a local Telegram lifts the ceiling beyond 50, and a raised one is kept', async () => {
  expect([ceilingOn('telegram', 500), ceilingOn('telegram', 20), ceilingOn('local-test', 500)]).toEqual([
    50, 20, 500,
  ]);
  const log = pino({ level: 'silent' });
  for (const [processId, ceiling] of [
    ['one', 10],
    ['two', 500],
  ] as const)
    await recordCeiling(messaging.database.kysely, { processId, environment: 'telegram', ceiling }, log);
  const { rows } = await sql`select process_id, ceiling from raised_ceilings`.execute(
    messaging.database.kysely,
  );
  expect(rows).toEqual([{ process_id: 'two', ceiling: 50 }]);
});
