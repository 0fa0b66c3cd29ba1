import { expect, test } from 'vitest';
import { PeerKind } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import { Api, wireLong } from '#lib/telegram/client.ts';
import { messageOf, peerOf } from './messages.ts';

const SELF = 10n;
const friend = new Api.User({ id: wireLong(20n), firstName: '🌵', username: 'cactus', phone: '15550001' });
const channel = new Api.Channel({
  id: wireLong(7n),
  title: 'News',
  broadcast: true,
  photo: new Api.ChatPhotoEmpty(),
  date: 1,
});
const entities = { users: [friend], chats: [channel] };
const toFriend = {
  peerId: new Api.PeerUser({ userId: wireLong(20n) }),
  date: 1_700_000_000,
  message: 'hello',
};

test('an incoming private message names its sender, who is left out on the wire', () => {
  const told = messageOf(new Api.Message({ id: 3, ...toFriend }), entities, SELF)!;
  expect(told).toMatchObject({ messageId: 3n, text: 'hello', outgoing: false, replyToMessageId: 0n });
  expect(told.peer).toMatchObject({ peer: 'user:20', kind: PeerKind.USER, title: '🌵', username: 'cactus' });
  expect(told.sender).toMatchObject({ peer: 'user:20', phone: '+15550001' });
  expect(told.sendTime?.seconds).toBe(1_700_000_000n);
  expect(told.editTime).toBeUndefined();
});

test('an outgoing one is by the account itself, of which only the id may be known', () => {
  const told = messageOf(new Api.Message({ id: 3, out: true, ...toFriend }), entities, SELF)!;
  expect(told.sender).toMatchObject({ peer: 'user:10', title: '' });
  expect(told.outgoing).toBe(true);
  expect(messageOf(new Api.Message({ id: 3, out: true, ...toFriend }), entities, undefined)!.sender).toBe(
    undefined,
  );
});

test('a post has views, comments and reactions, and no sender', () => {
  const post = new Api.Message({
    id: 5,
    post: true,
    peerId: new Api.PeerChannel({ channelId: wireLong(7n) }),
    date: 1,
    message: '',
    views: 12,
    editDate: 9,
    editHide: true,
    media: new Api.MessageMediaPhoto({}),
    replies: new Api.MessageReplies({ comments: true, replies: 4, repliesPts: 1 }),
    reactions: new Api.MessageReactions({
      results: [
        new Api.ReactionCount({
          reaction: new Api.ReactionEmoji({ emoticon: '👍' }),
          count: 2,
          chosenOrder: 0,
        }),
        new Api.ReactionCount({
          reaction: new Api.ReactionCustomEmoji({ documentId: wireLong(1n) }),
          count: 9,
        }),
      ],
    }),
  });
  const told = messageOf(post, entities, SELF)!;
  expect(told).toMatchObject({ viewCount: 12, commentCount: 4, mediaKind: 'photo' });
  expect(told.sender).toBeUndefined();
  expect(told.reactions).toMatchObject([{ emoji: '👍', count: 2, chosen: true }]);
  expect(told.editTime).toBeUndefined();
  expect(told.peer).toMatchObject({ peer: 'channel:7', kind: PeerKind.CHANNEL, title: 'News' });
});

test('a group of the new kind is named like a channel and is a chat', () => {
  const group = new Api.Channel({
    id: wireLong(8n),
    title: 'G',
    megagroup: true,
    photo: new Api.ChatPhotoEmpty(),
    date: 1,
  });
  expect(peerOf('channel:8', group)).toMatchObject({ peer: 'channel:8', kind: PeerKind.CHAT });
  expect(peerOf('channel:8')).toMatchObject({ kind: PeerKind.CHANNEL, title: '' });
  expect(peerOf('chat:9')).toMatchObject({ kind: PeerKind.CHAT });
});

test('what is gone is no message; a notice has no text', () => {
  expect(messageOf(new Api.MessageEmpty({ id: 1 }), entities, SELF)).toBeUndefined();
  const notice = new Api.MessageService({
    id: 2,
    peerId: toFriend.peerId,
    date: 1,
    action: new Api.MessageActionContactSignUp(),
  });
  expect(messageOf(notice, entities, SELF)).toMatchObject({ mediaKind: 'service', text: '' });
});
