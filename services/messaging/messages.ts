import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  MessageSchema,
  PeerKind,
  PeerSchema,
  ReactionCountSchema,
  type Message,
  type Peer,
  type ReactionCount,
} from '#gen/telegate/messaging/v1/messaging_pb.ts';
import type { Api } from '#lib/telegram/client.ts';
import type { Entities } from '#lib/telegram/updates/notice.ts';

/* How what Telegram shows is told to callers: pure, and in this place alone. */

/** What messaging calls a chat: the same for every account. */
export type PeerForm = `${'user' | 'chat' | 'channel'}:${string}`;

export function formOf(peer: Api.TypePeer): PeerForm {
  switch (peer.className) {
    case 'PeerUser':
      return `user:${peer.userId.toString()}`;
    case 'PeerChat':
      return `chat:${peer.chatId.toString()}`;
    case 'PeerChannel':
      return `channel:${peer.channelId.toString()}`;
  }
}

/** Of a user or chat that came with an answer. */
export function formOfEntity(entity: Api.TypeUser | Api.TypeChat): PeerForm {
  const id = entity.id.toString();
  switch (entity.className) {
    case 'User':
    case 'UserEmpty':
      return `user:${id}`;
    case 'Channel':
    case 'ChannelForbidden':
      return `channel:${id}`;
    case 'Chat':
    case 'ChatEmpty':
    case 'ChatForbidden':
      return `chat:${id}`;
  }
}

/** Without the user or chat itself only what it is called is known. */
export function peerOf(form: PeerForm, entity?: Api.TypeUser | Api.TypeChat): Peer {
  const bare = create(PeerSchema, { peer: form, kind: kindOfForm(form) });
  switch (entity?.className) {
    case 'User':
      bare.title = [entity.firstName, entity.lastName].filter(Boolean).join(' ');
      bare.username = usernameOf(entity);
      bare.phone = entity.phone ? `+${entity.phone.replace(/^\+/, '')}` : '';
      break;
    case 'Channel':
      bare.kind = entity.broadcast ? PeerKind.CHANNEL : PeerKind.CHAT;
      bare.title = entity.title;
      bare.username = usernameOf(entity);
      break;
    case 'ChannelForbidden':
      bare.kind = entity.broadcast ? PeerKind.CHANNEL : PeerKind.CHAT;
      bare.title = entity.title;
      break;
    case 'Chat':
    case 'ChatForbidden':
      bare.title = entity.title;
      break;
    default:
  }
  return bare;
}

/** The one that is shown first, of an entity that may have several. */
export function usernameOf({ username, usernames }: Api.User | Api.Channel): string {
  return username ?? usernames?.find(({ active }) => active)?.username ?? '';
}

function kindOfForm(form: PeerForm): PeerKind {
  if (form.startsWith('user:')) return PeerKind.USER;
  return form.startsWith('chat:') ? PeerKind.CHAT : PeerKind.CHANNEL;
}

type Known = ReadonlyMap<PeerForm, Api.TypeUser | Api.TypeChat>;

/** A page has a hundred messages and as many people: each list is gone through once. */
const knownIn = new WeakMap<Entities, Known>();

function known(entities: Entities): Known {
  let found = knownIn.get(entities);
  if (!found) {
    const all: readonly (Api.TypeUser | Api.TypeChat)[] = [...entities.users, ...entities.chats];
    knownIn.set(entities, (found = new Map(all.map((one) => [formOfEntity(one), one]))));
  }
  return found;
}

/** The chat as the people and chats that came along show it. */
export function peerIn(entities: Entities, peer: Api.TypePeer): Peer {
  const form = formOf(peer);
  return peerOf(form, known(entities).get(form));
}

/**
 * The message as the account `self` sees it; undefined for one that is gone. What came along with it says who is
 * who; of anybody else only the id is told.
 */
export function messageOf(
  message: Api.TypeMessage,
  entities: Entities,
  self: bigint | undefined,
): Message | undefined {
  if (message.className === 'MessageEmpty') return undefined;
  const { peerId, replyTo } = message;
  const sender = senderForm(message, self);
  const shared = {
    peer: peerIn(entities, peerId),
    messageId: BigInt(message.id),
    sender: sender && peerOf(sender, known(entities).get(sender)),
    sendTime: timestampFromMs(1_000 * message.date),
    replyToMessageId: replyTo?.className === 'MessageReplyHeader' ? BigInt(replyTo.replyToMsgId ?? 0) : 0n,
    outgoing: message.out === true,
  };
  if (message.className === 'MessageService')
    return create(MessageSchema, { ...shared, mediaKind: 'service' });
  const { editDate, editHide, media, reactions, views, replies } = message;
  return create(MessageSchema, {
    ...shared,
    text: message.message,
    // A reaction "edits" a message too, hidden.
    editTime: editDate && !editHide ? timestampFromMs(1_000 * editDate) : undefined,
    mediaKind: mediaKindOf(media),
    reactions: reactions ? reactionsOf(reactions) : [],
    viewCount: views ?? 0,
    commentCount: replies?.comments ? replies.replies : 0,
  });
}

/** In private chats Telegram may leave out who wrote: it is one of the two. */
function senderForm(
  { fromId, peerId, out }: Api.Message | Api.MessageService,
  self: bigint | undefined,
): PeerForm | undefined {
  if (fromId) return formOf(fromId);
  if (peerId.className !== 'PeerUser') return undefined;
  if (!out) return formOf(peerId);
  return self === undefined ? undefined : `user:${self}`;
}

const MEDIA_KINDS: Readonly<Record<string, string>> = {
  MessageMediaPhoto: 'photo',
  MessageMediaDocument: 'document',
  MessageMediaGeo: 'location',
  MessageMediaGeoLive: 'location',
  MessageMediaVenue: 'location',
  MessageMediaContact: 'contact',
  MessageMediaPoll: 'poll',
  MessageMediaDice: 'dice',
  MessageMediaGame: 'game',
  MessageMediaInvoice: 'invoice',
  MessageMediaStory: 'story',
  MessageMediaGiveaway: 'giveaway',
  MessageMediaGiveawayResults: 'giveaway',
  MessageMediaPaidMedia: 'paid_media',
};

function mediaKindOf(media: Api.TypeMessageMedia | undefined): string {
  // A preview of a link is not attached by anybody.
  if (!media || media.className === 'MessageMediaEmpty' || media.className === 'MessageMediaWebPage')
    return '';
  if (media.className === 'MessageMediaDocument') return documentKind(media);
  return MEDIA_KINDS[media.className] ?? 'other';
}

function documentKind({ document, voice, video }: Api.MessageMediaDocument): string {
  if (voice) return 'voice';
  const attributes = document?.className === 'Document' ? document.attributes : [];
  const has = (name: string): boolean => attributes.some(({ className }) => className === name);
  if (has('DocumentAttributeSticker')) return 'sticker';
  if (has('DocumentAttributeAnimated')) return 'animation';
  if (video || has('DocumentAttributeVideo')) return 'video';
  return has('DocumentAttributeAudio') ? 'audio' : 'document';
}

/** Paid and custom ones have no emoji of their own and are left out. */
export function reactionsOf({ results }: Api.MessageReactions): ReactionCount[] {
  return results.flatMap(({ reaction, count, chosenOrder }) =>
    reaction.className === 'ReactionEmoji'
      ? [create(ReactionCountSchema, { emoji: reaction.emoticon, count, chosen: chosenOrder !== undefined })]
      : [],
  );
}
