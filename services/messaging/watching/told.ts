import type { MessageInitShape } from '@bufbuild/protobuf';
import { ConnectionState } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import type { WatchMessagesResponseSchema } from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import { Api } from '#lib/telegram/client.ts';
import type { ConnectionState as LinkState } from '#lib/telegram/lasting-link.ts';
import type { Entities, Gap, GapCause, Notice, OrderedUpdate } from '#lib/telegram/updates/notice.ts';
import { messageOf, peerIn, reactionsOf } from '../messages.ts';

/* How what the update loop gives is told to watchers: pure, and in this place alone. */

export type WatchEvent = NonNullable<MessageInitShape<typeof WatchMessagesResponseSchema>['event']>;

export interface Told {
  readonly event: WatchEvent;
  /** Of a new message: the same each time that it is told. */
  readonly messageKey?: string;
  /** Of a new message that somebody else wrote. */
  readonly received?: { readonly peer: string; readonly messageId: bigint };
  /** A difference may have been read before. */
  readonly mayRepeat: boolean;
}

/** Nothing for what is not told: typing, settings and the like. */
export function toldOf(notice: Notice, self: bigint): Told | undefined {
  if (notice.kind === 'gap') return told({ case: 'gap', value: { reason: gapReason(notice) } });
  const { update, entities } = notice;
  switch (update.className) {
    case 'UpdateNewMessage':
    case 'UpdateNewChannelMessage':
      return added(notice, update.message, self);
    case 'UpdateEditMessage':
    case 'UpdateEditChannelMessage':
      return edited(update.message, entities, self);
    case 'UpdateDeleteMessages':
      return told({ case: 'messagesDeleted', value: { messageIds: update.messages.map(BigInt) } });
    case 'UpdateDeleteChannelMessages': {
      const peer = peerIn(entities, new Api.PeerChannel({ channelId: update.channelId }));
      return told({ case: 'messagesDeleted', value: { peer, messageIds: update.messages.map(BigInt) } });
    }
    case 'UpdateReadHistoryInbox':
      return read(entities, update.peer, update.maxId, false);
    case 'UpdateReadHistoryOutbox':
      return read(entities, update.peer, update.maxId, true);
    case 'UpdateReadChannelInbox':
    case 'UpdateReadChannelOutbox': {
      const peer = new Api.PeerChannel({ channelId: update.channelId });
      return read(entities, peer, update.maxId, update.className === 'UpdateReadChannelOutbox');
    }
    case 'UpdateMessageReactions': {
      const peer = peerIn(entities, update.peer);
      const reactions = reactionsOf(update.reactions);
      return told({ case: 'reactionsChanged', value: { peer, messageId: BigInt(update.msgId), reactions } });
    }
    default:
      return undefined;
  }
}

function told(event: WatchEvent): Told {
  return { event, mayRepeat: false };
}

function added(
  { entities, source }: OrderedUpdate,
  message: Api.TypeMessage,
  self: bigint,
): Told | undefined {
  const value = messageOf(message, entities, self);
  if (!value) return undefined;
  const { messageId, outgoing } = value;
  const peer = value.peer!.peer;
  return {
    event: { case: 'messageAdded', value },
    messageKey: `${peer}/${messageId}`,
    mayRepeat: source === 'difference',
    ...(outgoing ? {} : { received: { peer, messageId } }),
  };
}

/** A reaction "edits" a message too, hidden. */
function edited(message: Api.TypeMessage, entities: Entities, self: bigint): Told | undefined {
  const value = messageOf(message, entities, self);
  if (!value) return undefined;
  if (message.className !== 'Message' || !message.editHide) return told({ case: 'messageEdited', value });
  const { peer, messageId, reactions } = value;
  return told({ case: 'reactionsChanged', value: { ...(peer ? { peer } : {}), messageId, reactions } });
}

function read(entities: Entities, peer: Api.TypePeer, upTo: number, outgoing: boolean): Told {
  const value = { peer: peerIn(entities, peer), upToMessageId: BigInt(upTo), outgoing };
  return told({ case: 'chatRead', value });
}

/** Whoever read the updates before was gone before it was written where the account stood. */
export const UNKNOWN_PAST: Told = {
  event: { case: 'gap', value: { reason: 'events may be missing: it is not known where the account stood' } },
  mayRepeat: false,
};

const CAUSES: Readonly<Record<GapCause, string>> = {
  disconnected: 'the account was not connected',
  'slow-handler': 'updates came faster than they could be kept',
  'too-long': 'Telegram keeps no such old updates',
  'state-refused': 'Telegram does not know any more where the account stood',
  unreadable: 'Telegram sent what can not be read',
  'unknown-channel': 'it was not known where the channel stood',
  'never-given': 'Telegram does not give what it announced',
  'channel-gone': 'the account may not read the channel any more',
};

function gapReason({ scope, cause, lost }: Gap): string {
  const where = scope === 'account' ? '' : ` of channel:${scope}`;
  const what = lost === 'everything' ? 'events' : 'reactions';
  return `${what}${where} may be missing: ${CAUSES[cause]}`;
}

const STATES: Readonly<Record<LinkState, ConnectionState>> = {
  connecting: ConnectionState.CONNECTING,
  connected: ConnectionState.CONNECTED,
  waiting: ConnectionState.RECONNECTING,
  degraded: ConnectionState.DEGRADED,
  closed: ConnectionState.CLOSING,
};

export function stateOf(state: LinkState): ConnectionState {
  return STATES[state];
}
