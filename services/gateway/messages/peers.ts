import { PeerKind, type Message, type Peer } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import { nullable, object, ref, text, wholeNumber } from '../docs/schema.ts';
import { isoTime } from '../profiles/shapes.ts';
import { idNumber } from '../sessions/fields.ts';

/*
 * Clients of the older systems know chats by one number, as Telethon counts: a person's is its own, a group's
 * negative, a channel's and a large group's below minus a million million.
 */

const CHANNELS_FROM = 1_000_000_000_000n;
const NUMBER = /^-?\d{1,19}$/;
const NAME = /^[a-z]\w{3,31}$/i;

/** As messaging names it: "user:…", "chat:…" or "channel:…". */
export function peerNumber(peer: string): unknown {
  const [kind, digits = '0'] = peer.split(':', 2);
  const id = BigInt(digits);
  if (kind === 'user') return idNumber(id);
  return idNumber(kind === 'channel' ? -CHANNELS_FROM - id : -id);
}

/** What `tg_receiver` names, in the mesh's words; what is neither a number nor a name is left for messaging to read. */
export function receiverPeer(receiver: string, self: string): string {
  const given = receiver.trim();
  if (given === 'me' || given === 'self') return `user:${self}`;
  if (NAME.test(given)) return `@${given}`;
  if (!NUMBER.test(given)) return given;
  const id = BigInt(given);
  if (id > 0n) return `user:${id}`;
  return id < -CHANNELS_FROM ? `channel:${-id - CHANNELS_FROM}` : `chat:${-id}`;
}

const KINDS: Readonly<Record<PeerKind, string>> = {
  [PeerKind.UNSPECIFIED]: 'user',
  [PeerKind.USER]: 'user',
  [PeerKind.CHAT]: 'chat',
  [PeerKind.CHANNEL]: 'channel',
};

export function chatJson({ peer, title, username, kind }: Peer) {
  return { id: peerNumber(peer), title, username: username || null, kind: KINDS[kind] ?? 'user' };
}

export function personJson({ peer, title, username }: Peer) {
  return { id: peerNumber(peer), name: title, username: username || null };
}

export function messageJson({ messageId, text: words, sendTime, mediaKind, sender, outgoing }: Message) {
  return {
    id: idNumber(messageId),
    sender: sender ? personJson(sender) : null,
    text: words,
    date: isoTime(sendTime!),
    media: mediaKind || null,
    outgoing,
  };
}

const id = (description: string): object => wholeNumber(description, 5_000_000_001);
const username = nullable('string', 'Without "@"; null when there is none.', 'ann');

const chat = {
  id: id('As Telethon counts: good as tg_receiver.'),
  title: text('Title, or first and last name.', 'Ann'),
  username,
  kind: { type: 'string', enum: ['user', 'chat', 'channel'], example: 'user' },
};

const message = {
  id: wholeNumber('Rising in its chat.', 17),
  sender: { anyOf: [ref('Person'), { type: 'null' }], description: 'null for a post signed by its channel.' },
  text: text('May be empty where something is attached.', 'hello'),
  date: { type: 'string', format: 'date-time', example: '2026-03-01T18:30:00.000Z' },
  media: nullable('string', 'Kind of what is attached.', null),
  outgoing: { type: 'boolean', description: 'Sent by the account itself.', example: false },
};

export const messageSchemas = {
  Chat: object(chat),
  Person: object({ id: id("Telegram's number of it."), name: text('First and last name.', 'Ann'), username }),
  Message: object(message),
  UnreadMessage: object({ phone: text('Whose it is.', '+15550000001'), dialog: ref('Chat'), ...message }),
  Dialog: object({
    ...chat,
    unread_count: wholeNumber('How many are unread.', 2),
    last_message: { anyOf: [ref('Message'), { type: 'null' }], description: 'null in an empty chat.' },
  }),
  SentMessage: object({
    status: { const: 'sent' },
    id: wholeNumber('Of the message, in its chat.', 18),
    date: { type: 'string', format: 'date-time', example: '2026-03-01T18:30:00.000Z' },
    dialog: ref('Chat'),
  }),
  Me: object({
    id: id("Telegram's number of the account."),
    name: text('First and last name.', 'Support'),
    username,
    phone: text('In E.164.', '+15550000001'),
  }),
};
