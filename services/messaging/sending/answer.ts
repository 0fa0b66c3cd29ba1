import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { MessageSchema, type Message } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import { Api } from '#lib/telegram/client.ts';
import { native } from '#lib/telegram/updates/counters.ts';
import type { Entities } from '#lib/telegram/updates/notice.ts';
import { messageOf } from '../messages.ts';

/** What was asked to be sent, as far as an answer leaves it out. */
export interface Wanted {
  readonly randomId: bigint;
  readonly peer: Api.TypePeer;
  readonly text: string;
  readonly replyTo: number;
  readonly self: bigint | undefined;
}

const NOBODY: Entities = { users: [], chats: [] };

/** The message in the answer to a send; undefined when it does not say which one it is. */
export function sentMessage(answer: Api.TypeUpdates, wanted: Wanted): Message | undefined {
  switch (answer.className) {
    case 'UpdateShortSentMessage':
      return messageOf(ofShort(answer, wanted), NOBODY, wanted.self);
    case 'Updates':
    case 'UpdatesCombined':
      return ofUpdates(answer, wanted);
    default:
      return undefined;
  }
}

function ofShort(
  { id, date, media, entities }: Api.UpdateShortSentMessage,
  { peer, text, replyTo }: Wanted,
): Api.Message {
  return new Api.Message({
    out: true,
    id,
    peerId: peer,
    date,
    message: text,
    media,
    entities,
    replyTo: replyTo === 0 ? undefined : new Api.MessageReplyHeader({ replyToMsgId: replyTo }),
  });
}

function ofUpdates(answer: Api.Updates | Api.UpdatesCombined, wanted: Wanted): Message | undefined {
  const { updates, users, chats } = answer;
  const id = updates.find(
    (one): one is Api.UpdateMessageID =>
      one.className === 'UpdateMessageID' &&
      one.randomId !== undefined &&
      native(one.randomId) === wanted.randomId,
  );
  if (!id) return undefined;
  for (const update of updates) {
    if (!('message' in update) || typeof update.message !== 'object') continue;
    const found = update.message as Api.TypeMessage;
    if (found.id !== id.id) continue;
    const told = messageOf(found, { users, chats }, wanted.self);
    if (told) return told;
  }
  // Only its number came: the rest is what was asked for.
  return messageOf(
    new Api.Message({ out: true, id: id.id, peerId: wanted.peer, date: answer.date, message: wanted.text }),
    { users, chats },
    wanted.self,
  );
}

/** It was sent, and Telegram does not say as which message. */
export function withoutNumber({ text, replyTo }: Wanted, sendMs: number): Message {
  return create(MessageSchema, {
    text,
    replyToMessageId: BigInt(replyTo),
    outgoing: true,
    sendTime: timestampFromMs(sendMs),
  });
}
