import type { Api } from '../client.ts';
import type { Mark, OrderedUpdate, Scope } from './notice.ts';

/** What moves one counter from one value to the next. */
export interface Step {
  /** Those of a channel are all `pts`. */
  readonly counter: 'pts' | 'qts' | 'seq';
  readonly from: number;
  readonly to: number;
  readonly updates: readonly OrderedUpdate[];
}

/** The counters of the account, or the one of a channel, with the steps that can not be taken yet. */
export interface Box {
  readonly scope: Scope;
  pts: number;
  qts: number;
  seq: number;
  /** Of a channel; 0 when only a min constructor was seen. */
  accessHash: bigint;
  held: Step[] | undefined;
  isFetching: boolean;
  isWaiting: boolean;
  /** Something was dropped meanwhile: fetch once more. */
  isBehind: boolean;
  /** Differences in a row that moved nothing although something is missing. */
  vainFetches: number;
  /** The counters' sum when the difference was asked for. */
  fetchedFrom: number;
}

export function newBox(scope: Scope, pts = 0, accessHash = 0n): Box {
  return {
    scope,
    pts,
    qts: 0,
    seq: 0,
    accessHash,
    held: undefined,
    isFetching: false,
    isWaiting: false,
    isBehind: false,
    vainFetches: 0,
    fetchedFrom: 0,
  };
}

export function sumOf({ pts, qts, seq }: Box): number {
  return pts + qts + seq;
}

export function markOf({ scope, pts, qts, seq, accessHash }: Box, date: number): Mark {
  return scope === 'account' ? { scope, pts, qts, seq, date } : { scope, pts, accessHash };
}

type MessageUpdate = Extract<Api.TypeUpdate, { message: unknown; pts: number }>;

export function isMessageUpdate(update: Api.TypeUpdate): update is MessageUpdate {
  return update.className === 'UpdateNewMessage' || update.className === 'UpdateNewChannelMessage';
}

/** A new message that moves no counter is one that was told before. */
export function isRepeat(update: Api.TypeUpdate, { from, to }: { from: number; to: number }): boolean {
  return from === to && isMessageUpdate(update);
}
