import { create } from '@bufbuild/protobuf';
import {
  WatchMessagesResponseSchema,
  type WatchMessagesResponse,
} from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import type { Mark, Notice } from '#lib/telegram/updates/notice.ts';
import type { StateChange } from '#lib/telegram/updates/state.ts';
import type * as store from './store.ts';
import type { Told } from './told.ts';

/* What sessions want written, and what of it is new: pure but for a look into the log. */

export interface SessionLog {
  readonly sessionId: bigint;
  readonly tenantId: string;
  readonly accountId: string;
  readonly writer: string;
  isReading: boolean;
  /** Somebody else reads it now. */
  isOver: boolean;
  /** A write failed, and nobody knows whether it did: what it held may be in the log. */
  mayBeWritten: boolean;
  connectionState: number;
  /** What was handed in with events: a save of what is older, or the same, says nothing. */
  readonly handed: Handed;
}

export interface Handed {
  account: Account | undefined;
  channels: Map<bigint, number> | undefined;
}

export interface Wish {
  readonly log: SessionLog;
  readonly told: readonly Told[];
  readonly marks: readonly Mark[];
  readonly connectionState?: number;
}

type Account = Mark & { scope: 'account' };
type ChannelMark = Exclude<Mark, Account>;

export function handIn(handed: Handed, notices: readonly Notice[], marks: readonly Mark[]): void {
  // Counters may go back there.
  if (notices.some((notice) => notice.kind === 'gap' && notice.lost === 'everything')) {
    handed.account = undefined;
    handed.channels = undefined;
  }
  for (const mark of marks) {
    if (mark.scope === 'account') handed.account = mark;
    else if ('gone' in mark) handed.channels?.delete(mark.scope);
    else (handed.channels ??= new Map()).set(mark.scope, mark.pts);
  }
}

export function notHandedIn(handed: Handed, { pts, qts, date, seq, channels, gone }: StateChange): Mark[] {
  const { account } = handed;
  const isOld = account && account.pts >= pts && account.qts >= qts && account.date >= date;
  const marks: Mark[] = isOld ? [] : [{ scope: 'account', pts, qts, date, seq }];
  for (const [scope, state] of channels) {
    const known = handed.channels?.get(scope);
    if (known === undefined || known < state.pts) marks.push({ scope, ...state });
    else if (known === state.pts) handed.channels?.delete(scope);
  }
  return [...marks, ...Array.from(gone, (scope): Mark => ({ scope, gone: true }))];
}

export interface NewEvent {
  readonly log: SessionLog;
  readonly told: Told;
  readonly response: WatchMessagesResponse;
}

/** What the log does not have yet; in its order. */
export async function whatIsNew(
  wishes: readonly Wish[],
  find: (messages: { sessionId: bigint; messageKey: string }[]) => Promise<Set<string>>,
): Promise<NewEvent[]> {
  const doubtful = wishes.flatMap(({ log: { sessionId, mayBeWritten }, told }) =>
    told.flatMap(({ messageKey, mayRepeat }) =>
      messageKey !== undefined && (mayRepeat || mayBeWritten) ? [{ sessionId, messageKey }] : [],
    ),
  );
  const known = await find(doubtful);
  const events: NewEvent[] = [];
  for (const { log: own, told } of wishes) {
    for (const one of told) {
      const { messageKey, event } = one;
      // Also what can not repeat by itself: a difference in the same batch may bring it too.
      if (messageKey !== undefined) {
        const key = `${own.sessionId} ${messageKey}`;
        if (known.has(key)) continue;
        known.add(key);
      }
      const response = create(WatchMessagesResponseSchema, { accountId: own.accountId, event });
      events.push({ log: own, told: one, response });
    }
  }
  return events;
}

/** Of each session the last word; rows in one order, so that no two processes wait for each other. */
export function statesOf(wishes: readonly Wish[]): store.StateWrite[] {
  const states = new Map<bigint, store.StateWrite>();
  for (const { log: own, marks, connectionState } of wishes) {
    const { sessionId, writer } = own;
    const account = marks.findLast((mark): mark is Account => mark.scope === 'account');
    states.set(sessionId, {
      ...states.get(sessionId),
      sessionId,
      writer,
      ...(account ? { counters: account } : {}),
      ...(connectionState === undefined ? {} : { connectionState }),
    });
  }
  return [...states.values()].toSorted((a, b) => (a.sessionId < b.sessionId ? -1 : 1));
}

export function channelsOf(wishes: readonly Wish[]): {
  moved: store.ChannelWrite[];
  gone: store.ChannelWrite[];
} {
  const last = new Map<string, { sessionId: bigint; mark: ChannelMark }>();
  for (const { log: own, marks } of wishes)
    for (const mark of marks)
      if (mark.scope !== 'account')
        last.set(`${own.sessionId} ${mark.scope}`, { sessionId: own.sessionId, mark });
  const moved: store.ChannelWrite[] = [];
  const gone: store.ChannelWrite[] = [];
  for (const { sessionId, mark } of last.values()) {
    const channelId = mark.scope;
    if ('gone' in mark) gone.push({ sessionId, channelId, pts: 0, accessHash: 0n });
    else moved.push({ sessionId, channelId, pts: mark.pts, accessHash: mark.accessHash });
  }
  return { moved, gone };
}
