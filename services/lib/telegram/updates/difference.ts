import { Api } from '../client.ts';
import type { Entities, OrderedUpdate } from './notice.ts';

type Filled = Api.updates.Difference | Api.updates.DifferenceSlice | Api.updates.ChannelDifference;

/** What a difference brings, as updates: new messages come in it by themselves, the rest as the update it was. */
export function updatesIn(answer: Filled, channelId?: bigint): OrderedUpdate[] {
  const { newMessages, otherUpdates, users, chats } = answer;
  const from = { entities: { users, chats }, source: 'difference' } as const;
  const counters = { pts: 0, ptsCount: 0 };
  const Wrapped = channelId === undefined ? Api.UpdateNewMessage : Api.UpdateNewChannelMessage;
  const encrypted = 'newEncryptedMessages' in answer ? answer.newEncryptedMessages : [];
  return [
    ...newMessages.map((message) => orderedUpdate(new Wrapped({ message, ...counters }), from)),
    ...encrypted.map((message) =>
      orderedUpdate(new Api.UpdateNewEncryptedMessage({ message, qts: 0 }), from),
    ),
    ...otherUpdates.map((update) => orderedUpdate(update, from)),
  ];
}

export function orderedUpdate(
  update: Api.TypeUpdate,
  { entities, source }: { entities: Entities; source: OrderedUpdate['source'] },
): OrderedUpdate {
  return { kind: 'update', update, entities, source };
}
