import { Api, wireLong } from '../client.ts';
import { native } from './counters.ts';
import { channelHashes } from './peers.ts';
import { NOBODY, openPush, type Envelope, type Moved } from './envelope.ts';

/** What the answer to a call of the session itself says about its counters; undefined when it says nothing. */
export function openAnswer(
  request: Api.AnyRequest,
  answer: unknown,
  selfId: bigint,
): Envelope | 'too-long' | undefined {
  const named = answer as { className?: string } | undefined;
  switch (named?.className) {
    case 'Updates':
    case 'UpdatesCombined':
    case 'UpdateShort':
    case 'UpdateShortMessage':
    case 'UpdateShortChatMessage':
    case 'UpdatesTooLong': {
      if (asksOnly(request)) return undefined;
      const opened = openPush(answer as Api.TypeUpdates, selfId);
      return opened === 'too-long' ? opened : { ...opened, source: 'own' };
    }
    case 'UpdateShortSentMessage':
      return sent(request, answer as Api.UpdateShortSentMessage, selfId);
    case 'messages.InvitedUsers':
      return openAnswer(request, (answer as Api.messages.InvitedUsers).updates, selfId);
    case 'messages.AffectedMessages':
    case 'messages.AffectedHistory':
    case 'messages.AffectedFoundMessages':
      return affected(request, answer as Api.messages.AffectedMessages);
    default:
      return undefined;
  }
}

/** Some questions are answered with updates that tell of nothing new. */
function asksOnly(request: Api.AnyRequest): boolean {
  return /\.Get[A-Z]/.test(request.className);
}

function own(updates: Api.TypeUpdate[], date: number, moved?: Moved): Envelope {
  return { updates, moved, entities: NOBODY, date, seqStart: 0, seq: 0, source: 'own' };
}

function sent(request: Api.AnyRequest, answer: Api.UpdateShortSentMessage, selfId: bigint): Envelope {
  const { id, pts, ptsCount, date, media, entities, ttlPeriod } = answer;
  const written = request as unknown as Api.messages.SendMessage | Api.messages.SendMedia;
  const isSend = written.className === 'messages.SendMessage' || written.className === 'messages.SendMedia';
  const peerId = isSend ? peerOf(written.peer, selfId) : undefined;
  if (!isSend || !peerId) return own([], date, { pts, ptsCount });
  const message = new Api.Message({
    out: true,
    silent: written.silent,
    id,
    fromId: new Api.PeerUser({ userId: wireLong(selfId) }),
    peerId,
    replyTo: replyOf(written.replyTo),
    date,
    message: written.message ?? '',
    media,
    entities,
    ttlPeriod,
  });
  return own([new Api.UpdateNewMessage({ message, pts, ptsCount })], date);
}

function peerOf(input: Api.TypeEntityLike | undefined, selfId: bigint): Api.TypePeer | undefined {
  const peer = input as { className?: string } | undefined;
  switch (peer?.className) {
    case 'InputPeerSelf':
      return new Api.PeerUser({ userId: wireLong(selfId) });
    case 'InputPeerUser':
    case 'InputPeerUserFromMessage':
      return new Api.PeerUser({ userId: (input as Api.InputPeerUser).userId });
    case 'InputPeerChat':
      return new Api.PeerChat({ chatId: (input as Api.InputPeerChat).chatId });
    default:
      return undefined;
  }
}

function replyOf(input: Api.TypeInputReplyTo | undefined): Api.MessageReplyHeader | undefined {
  if (input?.className !== 'InputReplyToMessage') return undefined;
  return new Api.MessageReplyHeader({ replyToMsgId: input.replyToMsgId, replyToTopId: input.topMsgId });
}

function affected(request: Api.AnyRequest, { pts, ptsCount }: Api.messages.AffectedMessages): Envelope {
  const asked = request as unknown as Api.messages.DeleteMessages | Api.channels.DeleteMessages;
  const channelId = channelIdIn(request);
  // Deletions are told as Telegram tells them to the other sessions.
  if (ptsCount > 0 && asked.className === 'messages.DeleteMessages')
    return own([new Api.UpdateDeleteMessages({ messages: asked.id, pts, ptsCount })], 0);
  if (ptsCount > 0 && asked.className === 'channels.DeleteMessages' && channelId !== undefined) {
    const told = { channelId: wireLong(channelId), messages: asked.id, pts, ptsCount };
    return own([new Api.UpdateDeleteChannelMessages(told)], 0);
  }
  return own([], 0, { pts, ptsCount, channelId });
}

/** The channel whose counter an answer speaks of; none is the account's own. */
function channelIdIn(request: Api.AnyRequest): bigint | undefined {
  const { channel, peer } = request as unknown as Record<'channel' | 'peer', unknown>;
  const named = (channel ?? peer) as { className?: string; channelId?: { toString(): string } } | undefined;
  return named?.className?.startsWith('Input') && named.channelId ? native(named.channelId) : undefined;
}

export interface ChannelStanding {
  readonly id: bigint;
  readonly pts: number;
  readonly accessHash: bigint;
}

/** Where channels stand, as a list of dialogs says. */
export function channelsIn(answer: unknown): ChannelStanding[] {
  const dialogs = answer as Api.messages.Dialogs | undefined;
  if (!dialogs?.className?.startsWith('messages.') || !Array.isArray(dialogs.dialogs)) return [];
  const hashes = channelHashes({ users: [], chats: dialogs.chats });
  return dialogs.dialogs.flatMap((dialog) => {
    if (dialog.className !== 'Dialog' || dialog.peer.className !== 'PeerChannel' || !dialog.pts) return [];
    const id = native(dialog.peer.channelId);
    return [{ id, pts: dialog.pts, accessHash: hashes?.get(id) ?? 0n }];
  });
}
