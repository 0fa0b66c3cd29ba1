import { expect, test } from 'vitest';
import { Api, wireLong } from '#lib/telegram/client.ts';
import type { Notice, OrderedUpdate } from '#lib/telegram/updates/notice.ts';
import { toldOf } from './told.ts';

const SELF = 5n;
const nobody = { users: [], chats: [] };
const bob = new Api.PeerUser({ userId: wireLong(7n) });
const channelId = wireLong(9n);
const counted = { pts: 1, ptsCount: 1 };

function update(of: Api.TypeUpdate, source: OrderedUpdate['source'] = 'push'): Notice {
  return { kind: 'update', update: of, entities: nobody, source };
}

function message(more: Partial<ConstructorParameters<typeof Api.Message>[0]> = {}): Api.Message {
  return new Api.Message({ id: 3, peerId: bob, date: 1_000, message: 'hello', ...more });
}

const reactions = new Api.MessageReactions({
  results: [new Api.ReactionCount({ reaction: new Api.ReactionEmoji({ emoticon: '👍' }), count: 2 })],
});

test('a message that somebody else wrote is added, and was received', () => {
  const told = toldOf(update(new Api.UpdateNewMessage({ message: message(), ...counted })), SELF);
  expect(told).toMatchObject({
    event: { case: 'messageAdded', value: { text: 'hello', messageId: 3n, outgoing: false } },
    messageKey: 'user:7/3',
    received: { peer: 'user:7', messageId: 3n },
    mayRepeat: false,
  });
});

test('one that the account wrote is added and was not received; from a difference it may come again', () => {
  const own = new Api.UpdateNewMessage({ message: message({ out: true }), ...counted });
  const told = toldOf(update(own, 'difference'), SELF);
  expect(told).toMatchObject({ event: { case: 'messageAdded' }, mayRepeat: true });
  expect(told).not.toHaveProperty('received');
});

test('an edit is an edit, and a hidden one a reaction', () => {
  const edited = new Api.UpdateEditMessage({ message: message({ editDate: 2_000 }), ...counted });
  expect(toldOf(update(edited), SELF)).toMatchObject({ event: { case: 'messageEdited' } });
  const hidden = message({ editDate: 2_000, editHide: true, reactions });
  const reacted = new Api.UpdateEditMessage({ message: hidden, ...counted });
  expect(toldOf(update(reacted), SELF)).toMatchObject({
    event: {
      case: 'reactionsChanged',
      value: { peer: { peer: 'user:7' }, messageId: 3n, reactions: [{ emoji: '👍', count: 2 }] },
    },
  });
});

test.each([
  [
    new Api.UpdateDeleteMessages({ messages: [1, 2], ...counted }),
    { case: 'messagesDeleted', value: { messageIds: [1n, 2n] } },
  ],
  [
    new Api.UpdateDeleteChannelMessages({ channelId, messages: [4], ...counted }),
    { case: 'messagesDeleted', value: { peer: { peer: 'channel:9' }, messageIds: [4n] } },
  ],
  [
    new Api.UpdateReadHistoryInbox({ peer: bob, maxId: 8, stillUnreadCount: 0, ...counted }),
    { case: 'chatRead', value: { peer: { peer: 'user:7' }, upToMessageId: 8n, outgoing: false } },
  ],
  [
    new Api.UpdateReadHistoryOutbox({ peer: bob, maxId: 8, ...counted }),
    { case: 'chatRead', value: { peer: { peer: 'user:7' }, upToMessageId: 8n, outgoing: true } },
  ],
  [
    new Api.UpdateReadChannelInbox({ channelId, maxId: 8, stillUnreadCount: 0, pts: 1 }),
    { case: 'chatRead', value: { peer: { peer: 'channel:9' }, outgoing: false } },
  ],
  [
    new Api.UpdateReadChannelOutbox({ channelId, maxId: 8 }),
    { case: 'chatRead', value: { peer: { peer: 'channel:9' }, outgoing: true } },
  ],
  [
    new Api.UpdateMessageReactions({ peer: bob, msgId: 3, reactions }),
    { case: 'reactionsChanged', value: { messageId: 3n } },
  ],
])('$className', (of, event) => {
  expect(toldOf(update(of), SELF)).toMatchObject({ event });
});

test('typing is not told', () => {
  const typing = new Api.UpdateUserTyping({
    userId: wireLong(7n),
    action: new Api.SendMessageTypingAction(),
  });
  expect(toldOf(update(typing), SELF)).toBeUndefined();
});

test('a gap says what may be missing, where and why', () => {
  const gap = {
    kind: 'gap',
    scope: 9n,
    cause: 'too-long',
    lost: 'everything',
    fromPts: 1,
    toPts: 9,
  } as const;
  expect(toldOf(gap, SELF)!.event.value).toEqual({
    reason: 'events of channel:9 may be missing: Telegram keeps no such old updates',
  });
  const away = { ...gap, scope: 'account', cause: 'disconnected', lost: 'uncounted' } as const;
  expect(toldOf(away, SELF)!.event.value).toEqual({
    reason: 'reactions may be missing: the account was not connected',
  });
});
