import type { Api } from '../client.ts';
import type { OrderedUpdate } from './notice.ts';

/** What moves one counter from one value to the next. */
export interface Step {
  readonly counter: 'pts' | 'qts' | 'seq' | 'channel';
  readonly from: number;
  readonly to: number;
  readonly updates: readonly OrderedUpdate[];
}

export interface Box {
  held: Step[] | undefined;
  isFetching: boolean;
  isWaiting: boolean;
  /** Something was dropped meanwhile: fetch once more. */
  isBehind: boolean;
}

export interface AccountBox extends Box {
  pts: number;
  qts: number;
  seq: number;
  date: number;
}

export interface ChannelBox extends Box {
  pts: number;
  accessHash: bigint;
}

type MessageUpdate = Extract<Api.TypeUpdate, { message: unknown; pts: number }>;

export function idle(): Box {
  return { held: undefined, isFetching: false, isWaiting: false, isBehind: false };
}

export function isMessageUpdate(update: Api.TypeUpdate): update is MessageUpdate {
  return update.className === 'UpdateNewMessage' || update.className === 'UpdateNewChannelMessage';
}

/** A new message that moves no counter is one that was told before. */
export function isRepeat(update: Api.TypeUpdate, { from, to }: { from: number; to: number }): boolean {
  return from === to && isMessageUpdate(update);
}
