import type { TlObject } from '../codec/object.ts';
import { RpcError } from '../rpc-error.ts';
import { eventsAfter } from '../world/box.ts';
import { Mentions } from '../world/render.ts';
import type { BoxEvent, Channel } from '../world/state.ts';
import { accountUpdateTl, channelUpdateTl } from '../world/updates.ts';
import { channelOf, seconds } from '../world/world.ts';
import { channelDialogTl } from './dialogs.ts';
import { method, type Caller, type Method } from './method.ts';
import { channelOfInput } from './peers.ts';
import { stateTl } from './state.ts';

const MOST_AT_ONCE = 100;

interface Difference {
  pts: number;
  pts_limit?: number;
  date: number;
  qts: number;
}

export const updateMethods: readonly Method[] = [
  method('updates.getState', {}, (_: object, caller) => stateTl(caller.world, caller.account, caller.now())),
  method<Difference>('updates.getDifference', {}, getDifference),
  method<{ channel: TlObject; pts: number; limit: number }>(
    'updates.getChannelDifference',
    {},
    (query, caller) => channelDifference(channelOfInput(query.channel, caller), query, caller),
  ),
];

function getDifference(query: Difference, caller: Caller): TlObject {
  const { world, account } = caller;
  if (query.pts === 0) throw new RpcError('PERSISTENT_TIMESTAMP_EMPTY');
  if (query.pts < 0 || query.pts > account.box.pts) throw new RpcError('PERSISTENT_TIMESTAMP_INVALID');
  const events = eventsAfter(account.box, query.pts);
  if (!events) return { _: 'updates.differenceTooLong', pts: account.box.pts };
  const mentions = new Mentions();
  const channels = channelsChanged(caller, query.date, mentions);
  if (events.length === 0 && channels.length === 0)
    return { _: 'updates.differenceEmpty', date: caller.now(), seq: 0 };
  const limit = Math.min(query.pts_limit ?? MOST_AT_ONCE, MOST_AT_ONCE);
  const shown = events.slice(0, Math.max(1, limit));
  const { messages, others } = split(shown, (event) => accountUpdateTl(world, account, event, mentions));
  const isWhole = shown.length === events.length;
  // The date passes with the last slice: it alone names the channels that changed since.
  const state = isWhole
    ? stateTl(world, account, caller.now())
    : stateTl(world, account, query.date, shown.at(-1)!.pts);
  return {
    _: isWhole ? 'updates.difference' : 'updates.differenceSlice',
    new_messages: messages,
    new_encrypted_messages: [],
    other_updates: isWhole ? [...others, ...channels] : others,
    ...mentions.lists(world, account),
    [isWhole ? 'state' : 'intermediate_state']: state,
  };
}

/** Channels tell of themselves: here the client only learns which to ask. */
function channelsChanged({ world, account }: Caller, sinceSeconds: number, mentions: Mentions): TlObject[] {
  const changed: TlObject[] = [];
  for (const id of account.channels) {
    const channel = channelOf(world, id);
    if (channel.box.time === 0 || seconds(channel.box.time) < sinceSeconds) continue;
    mentions.add(-id);
    changed.push({ _: 'updateChannelTooLong', channel_id: BigInt(id), pts: channel.box.pts });
  }
  return changed;
}

function channelDifference(
  channel: Channel,
  query: { pts: number; limit: number },
  { world, account }: Caller,
): TlObject {
  if (query.pts <= 0) throw new RpcError('PERSISTENT_TIMESTAMP_EMPTY');
  if (query.pts > channel.box.pts) throw new RpcError('PERSISTENT_TIMESTAMP_INVALID');
  const { pts } = channel.box;
  const events = eventsAfter(channel.box, query.pts);
  const mentions = new Mentions().add(-channel.id);
  if (!events) {
    const { dialog, message } = channelDialogTl(world, account, channel, mentions);
    return {
      _: 'updates.channelDifferenceTooLong',
      final: true,
      dialog,
      messages: message ? [message] : [],
      ...mentions.lists(world, account),
    };
  }
  if (events.length === 0) return { _: 'updates.channelDifferenceEmpty', final: true, pts };
  const shown = events.slice(0, Math.max(1, Math.min(query.limit, MOST_AT_ONCE)));
  const { messages, others } = split(shown, (event) =>
    channelUpdateTl(world, account, channel, event, mentions),
  );
  const final = shown.length === events.length;
  return {
    _: 'updates.channelDifference',
    final,
    pts: final ? pts : shown.at(-1)!.pts,
    new_messages: messages,
    other_updates: others,
    ...mentions.lists(world, account),
  };
}

/** New messages go by themselves, everything else as the update it was. */
function split(
  events: readonly BoxEvent[],
  render: (event: BoxEvent) => TlObject | undefined,
): { messages: TlObject[]; others: TlObject[] } {
  const messages: TlObject[] = [];
  const others: TlObject[] = [];
  for (const event of events) {
    const update = render(event);
    if (!update) continue;
    if (event.kind !== 'new') others.push(update);
    else if ((update['message'] as TlObject)._ === 'message') messages.push(update['message'] as TlObject);
  }
  return { messages, others };
}
