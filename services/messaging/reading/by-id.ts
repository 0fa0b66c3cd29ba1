import { Api } from '#lib/telegram/client.ts';
import type { Entities } from '#lib/telegram/updates/notice.ts';
import type { LiveSession } from '../connections/live-session.ts';
import { inputChannelOf, type PeerBook } from '../peers/book.ts';
import type { KnownPeer } from '../peers/store.ts';

export interface Page {
  readonly messages: readonly Api.TypeMessage[];
  readonly entities: Entities;
  /** Of all that there are, as far as Telegram says. */
  readonly total: number;
}

/** Messages by their numbers, those that are gone as such. */
export async function readMessages(
  book: PeerBook,
  session: LiveSession,
  peer: KnownPeer,
  messageIds: readonly number[],
): Promise<Page> {
  const id = [...new Set(messageIds)].map((one) => new Api.InputMessageID({ id: one }));
  const channel = inputChannelOf(peer);
  const request = channel
    ? new Api.channels.GetMessages({ channel, id })
    : new Api.messages.GetMessages({ id });
  return pageOf(
    await book.call<Api.channels.GetMessages | Api.messages.GetMessages>(session, request, {
      peer: peer.form,
    }),
  );
}

export function pageOf(answer: Api.messages.TypeMessages): Page {
  if (answer.className === 'messages.MessagesNotModified')
    return { messages: [], entities: { users: [], chats: [] }, total: answer.count };
  const total = 'count' in answer ? answer.count : answer.messages.length;
  return { messages: answer.messages, entities: answer, total };
}
