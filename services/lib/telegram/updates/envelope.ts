import { Api, wireLong } from '../client.ts';
import type { Entities } from './notice.ts';

/** One push, or the answer to a call of one's own, in one form for all the forms it comes in. */
export interface Envelope {
  readonly updates: readonly Api.TypeUpdate[];
  /** Counters that a call moved without an update that tells of it. */
  readonly moved?: Moved;
  readonly entities: Entities;
  readonly date: number;
  /** 0 when the envelope is not numbered. */
  readonly seqStart: number;
  readonly seq: number;
  readonly source: 'push' | 'own';
}

export interface Moved {
  readonly pts: number;
  readonly ptsCount: number;
  readonly channelId?: bigint;
}

export const NOBODY: Entities = { users: [], chats: [] };

const ONE = { entities: NOBODY, seqStart: 0, seq: 0, source: 'push' } as const;

export function openPush(raw: Api.TypeUpdates, selfId: bigint): Envelope | 'too-long' {
  switch (raw.className) {
    case 'UpdatesTooLong':
      return 'too-long';
    case 'UpdateShort':
      return { ...ONE, updates: [raw.update], date: raw.date };
    case 'UpdateShortMessage':
    case 'UpdateShortChatMessage': {
      const { pts, ptsCount, date } = raw;
      const message = messageOfShort(raw, selfId);
      return { ...ONE, updates: [new Api.UpdateNewMessage({ message, pts, ptsCount })], date };
    }
    case 'UpdateShortSentMessage':
      // Only ever the answer to a send; without the request it moves the counter and tells nothing.
      return { ...ONE, updates: [], moved: raw, date: raw.date };
    case 'Updates':
    case 'UpdatesCombined': {
      const { updates, users, chats, date, seq } = raw;
      const seqStart = raw.className === 'UpdatesCombined' ? raw.seqStart : seq;
      return { ...ONE, updates, entities: { users, chats }, date, seq, seqStart };
    }
  }
}

function messageOfShort(
  raw: Api.UpdateShortMessage | Api.UpdateShortChatMessage,
  selfId: bigint,
): Api.Message {
  const inGroup = raw.className === 'UpdateShortChatMessage';
  const sender = inGroup ? raw.fromId : raw.out ? wireLong(selfId) : raw.userId;
  return new Api.Message({
    out: raw.out,
    mentioned: raw.mentioned,
    mediaUnread: raw.mediaUnread,
    silent: raw.silent,
    id: raw.id,
    fromId: new Api.PeerUser({ userId: sender }),
    peerId: inGroup ? new Api.PeerChat({ chatId: raw.chatId }) : new Api.PeerUser({ userId: raw.userId }),
    fwdFrom: raw.fwdFrom,
    viaBotId: raw.viaBotId,
    replyTo: raw.replyTo,
    date: raw.date,
    message: raw.message,
    entities: raw.entities,
    ttlPeriod: raw.ttlPeriod,
  });
}
