import { ChannelKind, ChannelRole } from '#gen/telegate/local_telegram/v1/world_pb.ts';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { Api, generateRandomBytes, readBigIntFromBuffer, returnBigInt } from '../../tests/support/gramjs.ts';
import { errorOf, startTestTelegram, type TestTelegram } from '../../tests/support/local-telegram.ts';
import { createChannel, linkGroup, publish, setRole } from './world/channels.ts';
import { contentOf } from './world/private-chats.ts';
import type { Account } from './world/state.ts';
import { accessHash } from './world/world.ts';

let world: TestTelegram;

beforeAll(async () => {
  world = await startTestTelegram();
});

afterAll(() => world.close());

const long = (value: bigint | number) => returnBigInt(value);
const randomId = () => readBigIntFromBuffer(generateRandomBytes(8), true, true);

function peer(viewer: Account, to: Account): Api.InputPeerUser {
  const hash = accessHash(world.telegram.world, viewer.id, to.id);
  return new Api.InputPeerUser({ userId: long(to.id), accessHash: long(hash) });
}

function channelPeer(viewer: Account, id: number) {
  const accessHashOf = long(accessHash(world.telegram.world, viewer.id, -id));
  return {
    peer: new Api.InputPeerChannel({ channelId: long(id), accessHash: accessHashOf }),
    channel: new Api.InputChannel({ channelId: long(id), accessHash: accessHashOf }),
  };
}

type Client = Awaited<ReturnType<TestTelegram['client']>>;

function collect(client: Client): Api.TypeUpdate[] {
  const seen: Api.TypeUpdate[] = [];
  client.addEventHandler((update: Api.TypeUpdate) => void seen.push(update));
  return seen;
}

async function pair() {
  const [ada, bob] = [world.account({ firstName: 'Ada' }), world.account({ firstName: 'Bob' })];
  const [one, two] = [await world.client(ada), await world.client(bob)];
  await one.invoke(new Api.updates.GetState());
  await two.invoke(new Api.updates.GetState());
  return { ada, bob, one, two };
}

function textsOf(seen: readonly Api.TypeUpdate[], className: string): string[] {
  return seen
    .filter((update) => update.className === className)
    .map((update) => ((update as Api.UpdateNewMessage).message as Api.Message).message);
}

test('what one account sends, the other gets at once and reads; the first is told', async () => {
  const { ada, bob, one, two } = await pair();
  const [seenByOne, seenByTwo] = [collect(one), collect(two)];
  const sent = (await one.invoke(
    new Api.messages.SendMessage({ peer: peer(ada, bob), message: 'hello', randomId: randomId() }),
  )) as Api.UpdateShortSentMessage;
  expect(sent).toMatchObject({ className: 'UpdateShortSentMessage', out: true, id: 1, ptsCount: 1 });
  await vi.waitFor(() => expect(textsOf(seenByTwo, 'UpdateNewMessage')).toEqual(['hello']));
  const dialogs = (await two.invoke(
    new Api.messages.GetDialogs({ offsetPeer: new Api.InputPeerEmpty(), limit: 10, hash: long(0) }),
  )) as Api.messages.Dialogs;
  expect(dialogs.dialogs).toMatchObject([{ unreadCount: 1, topMessage: 1 }]);
  await two.invoke(new Api.messages.ReadHistory({ peer: peer(bob, ada), maxId: 1 }));
  await vi.waitFor(() =>
    expect(seenByOne.map(({ className }) => className)).toContain('UpdateReadHistoryOutbox'),
  );
  const history = (await two.invoke(
    new Api.messages.GetHistory({ peer: peer(bob, ada), limit: 10, hash: long(0) }),
  )) as Api.messages.Messages;
  expect(history.messages).toMatchObject([{ message: 'hello', out: false }]);
});

test('a random_id sends once; another number sends again', async () => {
  const { ada, bob, one } = await pair();
  const id = randomId();
  const send = () =>
    one.invoke(new Api.messages.SendMessage({ peer: peer(ada, bob), message: 'once', randomId: id }));
  await send();
  const again = (await send()) as Api.Updates;
  expect(again.updates).toMatchObject([
    { className: 'UpdateMessageID', id: 1 },
    { className: 'UpdateNewMessage' },
  ]);
  expect(bob.messages.size).toBe(1);
  expect(world.telegram.log.counters.sendsDeduplicated).toBe(1);
});

test('edits, deletions and reactions reach the other side', async () => {
  const { ada, bob, one, two } = await pair();
  const seen = collect(two);
  await one.invoke(
    new Api.messages.SendMessage({ peer: peer(ada, bob), message: 'first', randomId: randomId() }),
  );
  await one.invoke(new Api.messages.EditMessage({ peer: peer(ada, bob), id: 1, message: 'second' }));
  await vi.waitFor(() => expect(textsOf(seen, 'UpdateEditMessage')).toEqual(['second']));
  await two.invoke(
    new Api.messages.SendReaction({
      peer: peer(bob, ada),
      msgId: 1,
      reaction: [new Api.ReactionEmoji({ emoticon: '👍' })],
    }),
  );
  const list = await one.invoke(
    new Api.messages.GetMessageReactionsList({ peer: peer(ada, bob), id: 1, limit: 10 }),
  );
  expect(list).toMatchObject({ count: 1, reactions: [{ reaction: { emoticon: '👍' } }] });
  await one.invoke(new Api.messages.DeleteMessages({ id: [1], revoke: true }));
  await vi.waitFor(() => expect(seen.map(({ className }) => className)).toContain('UpdateDeleteMessages'));
  expect(bob.messages.get(1)!.deleted).toBe(true);
});

test('a gap is filled by getDifference, in slices when asked for', async () => {
  const { ada, bob, one, two } = await pair();
  const before = await two.invoke(new Api.updates.GetState());
  for (const message of ['a', 'b', 'c'])
    await one.invoke(new Api.messages.SendMessage({ peer: peer(ada, bob), message, randomId: randomId() }));
  const difference = (pts: number, ptsLimit?: number) =>
    two.invoke(new Api.updates.GetDifference({ pts, date: before.date, qts: 0, ptsLimit }));
  const all = (await difference(before.pts)) as Api.updates.Difference;
  expect(all.newMessages.map((one_) => (one_ as Api.Message).message)).toEqual(['a', 'b', 'c']);
  const slice = (await difference(before.pts, 2)) as Api.updates.DifferenceSlice;
  expect(slice).toMatchObject({ className: 'updates.DifferenceSlice', newMessages: { length: 2 } });
  const since = new Api.updates.GetDifference({ pts: before.pts, ptsLimit: 2, date: 1_000, qts: 0 });
  expect(await two.invoke(since)).toMatchObject({ intermediateState: { date: 1_000 } });
  const rest = (await difference(slice.intermediateState.pts)) as Api.updates.Difference;
  expect(rest.newMessages).toHaveLength(1);
  expect((await difference(rest.state.pts)).className).toBe('updates.DifferenceEmpty');
  expect(await errorOf(difference(rest.state.pts + 50))).toBe('PERSISTENT_TIMESTAMP_INVALID');
});

test('an access hash of another account is refused', async () => {
  const { ada, bob, one } = await pair();
  const foreign = accessHash(world.telegram.world, bob.id, bob.id);
  const wrong = new Api.InputPeerUser({ userId: long(bob.id), accessHash: long(foreign) });
  const send = new Api.messages.SendMessage({ peer: wrong, message: 'x', randomId: randomId() });
  expect(await errorOf(one.invoke(send))).toBe('PEER_ID_INVALID');
  expect(ada.messages.size).toBe(0);
});

test('a post has comments in the linked group, which a reader of the channel may write', async () => {
  const { ada, bob, one, two } = await pair();
  const { telegram } = world;
  const channel = createChannel(telegram.world, {
    kind: ChannelKind.BROADCAST,
    title: 'News',
    creatorId: ada.id,
    username: 'news',
  });
  const group = createChannel(telegram.world, {
    kind: ChannelKind.SUPERGROUP,
    title: 'Talk',
    creatorId: ada.id,
  });
  linkGroup(telegram.world, channel, group);
  setRole(telegram.world, channel, bob.id, ChannelRole.MEMBER);
  const seen = collect(two);
  const asAda = channelPeer(ada, channel.id);
  const posted = (await one.invoke(
    new Api.messages.SendMessage({ peer: asAda.peer, message: 'post', randomId: randomId() }),
  )) as Api.Updates;
  expect(posted.updates).toMatchObject([
    { id: 1 },
    { className: 'UpdateNewChannelMessage', message: { post: true } },
  ]);
  await vi.waitFor(() => expect(textsOf(seen, 'UpdateNewChannelMessage')).toEqual(['post']));
  const asBob = channelPeer(bob, channel.id);
  const resolved = await two.invoke(new Api.contacts.ResolveUsername({ username: 'news' }));
  expect(resolved.chats).toMatchObject([{ title: 'News', broadcast: true, hasLink: true }]);
  const discussion = await two.invoke(new Api.messages.GetDiscussionMessage({ peer: asBob.peer, msgId: 1 }));
  expect(discussion.messages).toMatchObject([{ id: 1, fwdFrom: { channelPost: 1 } }]);
  const replyTo = new Api.InputReplyToMessage({ replyToMsgId: 1 });
  const inGroup = channelPeer(bob, group.id);
  await two.invoke(
    new Api.messages.SendMessage({ peer: inGroup.peer, message: 'comment', randomId: randomId(), replyTo }),
  );
  const replies = (await one.invoke(
    new Api.messages.GetReplies({ peer: asAda.peer, msgId: 1, limit: 10, hash: long(0) }),
  )) as Api.messages.ChannelMessages;
  expect(replies.messages).toMatchObject([{ message: 'comment' }]);
  expect(
    await errorOf(
      two.invoke(new Api.messages.SendMessage({ peer: asBob.peer, message: 'x', randomId: randomId() })),
    ),
  ).toBe('CHAT_WRITE_FORBIDDEN');
  const difference = (await two.invoke(
    new Api.updates.GetChannelDifference({
      channel: asBob.channel,
      filter: new Api.ChannelMessagesFilterEmpty(),
      pts: 1,
      limit: 100,
    }),
  )) as Api.updates.ChannelDifference;
  expect(difference.newMessages).toMatchObject([
    { message: 'post', replies: { replies: 1, comments: true } },
  ]);
  const full = await two.invoke(new Api.channels.GetFullChannel({ channel: asBob.channel }));
  expect(full.fullChat).toMatchObject({ linkedChatId: long(group.id), participantsCount: 2 });
});

test('a view counts only when it asks for that, and is counted', async () => {
  const { ada, one } = await pair();
  const { telegram } = world;
  const channel = createChannel(telegram.world, {
    kind: ChannelKind.BROADCAST,
    title: 'Views',
    creatorId: ada.id,
  });
  const draft = { text: 'seen', entities: undefined, media: undefined, randomId: 0n, replyTo: 0 };
  const content = contentOf(telegram.world, ada.id, draft);
  publish(telegram.world, channel, { content, isPost: true, replyTo: 0, threadId: 0 });
  const before = telegram.log.counters.viewIncrements;
  const { peer: to } = channelPeer(ada, channel.id);
  const view = (increment: boolean) =>
    one.invoke(new Api.messages.GetMessagesViews({ peer: to, id: [1], increment }));
  expect((await view(false)).views).toMatchObject([{ views: 0 }]);
  expect(telegram.log.counters.viewIncrements).toBe(before);
  expect((await view(true)).views).toMatchObject([{ views: 1 }]);
  expect(telegram.log.counters.viewIncrements).toBe(before + 1);
});

test('channels are joined and left; who is not in it is no participant', async () => {
  const { ada, bob, two } = await pair();
  const { telegram } = world;
  const channel = createChannel(telegram.world, {
    kind: ChannelKind.BROADCAST,
    title: 'Open',
    creatorId: ada.id,
    username: 'open_one',
  });
  const { channel: input } = channelPeer(bob, channel.id);
  const self = new Api.channels.GetParticipant({ channel: input, participant: new Api.InputPeerSelf() });
  expect(await errorOf(two.invoke(self))).toBe('USER_NOT_PARTICIPANT');
  await two.invoke(new Api.channels.JoinChannel({ channel: input }));
  expect((await two.invoke(self)).participant.className).toBe('ChannelParticipantSelf');
  await two.invoke(new Api.channels.LeaveChannel({ channel: input }));
  expect(await errorOf(two.invoke(self))).toBe('USER_NOT_PARTICIPANT');
});

test('a photo is uploaded, sent, found and loaded', async () => {
  const { ada, bob, one, two } = await pair();
  const bytes = generateRandomBytes(100_000);
  const fileId = randomId();
  await one.invoke(new Api.upload.SaveFilePart({ fileId, filePart: 0, bytes: bytes.subarray(0, 65_536) }));
  const file = new Api.InputFile({ id: fileId, parts: 2, name: 'a.jpg', md5Checksum: '' });
  const media = new Api.InputMediaUploadedPhoto({ file });
  const send = () =>
    one.invoke(
      new Api.messages.SendMedia({ peer: peer(ada, bob), media, message: 'a photo', randomId: randomId() }),
    );
  expect(await errorOf(send())).toBe('FILE_PART_1_MISSING');
  await one.invoke(new Api.upload.SaveFilePart({ fileId, filePart: 1, bytes: bytes.subarray(65_536) }));
  await send();
  const found = (await two.invoke(
    new Api.messages.Search({
      peer: peer(bob, ada),
      q: 'PHOTO',
      filter: new Api.InputMessagesFilterPhotos(),
      minDate: 0,
      maxDate: 0,
      limit: 5,
      hash: long(0),
    }),
  )) as Api.messages.Messages;
  const photo = ((found.messages[0] as Api.Message).media as Api.MessageMediaPhoto).photo as Api.Photo;
  const loaded = (await two.invoke(
    new Api.upload.GetFile({
      location: new Api.InputPhotoFileLocation({
        id: photo.id,
        accessHash: photo.accessHash,
        fileReference: photo.fileReference,
        thumbSize: 'x',
      }),
      offset: long(0),
      limit: 1_048_576,
    }),
  )) as Api.upload.File;
  expect(loaded.bytes.equals(bytes)).toBe(true);
});

test('a scheduled message waits, and is sent when asked for', async () => {
  const { ada, bob, one, two } = await pair();
  const seen = collect(two);
  const scheduleDate = Math.floor(world.telegram.world.now() / 1_000) + 3_600;
  await one.invoke(
    new Api.messages.SendMessage({
      peer: peer(ada, bob),
      message: 'later',
      randomId: randomId(),
      scheduleDate,
    }),
  );
  const waiting = (await one.invoke(
    new Api.messages.GetScheduledHistory({ peer: peer(ada, bob), hash: long(0) }),
  )) as Api.messages.Messages;
  expect(waiting.messages).toMatchObject([{ message: 'later', date: scheduleDate }]);
  expect(bob.messages.size).toBe(0);
  await one.invoke(new Api.messages.SendScheduledMessages({ peer: peer(ada, bob), id: [1] }));
  await vi.waitFor(() => expect(textsOf(seen, 'UpdateNewMessage')).toEqual(['later']));
});
