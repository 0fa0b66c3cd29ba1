import type { Limits } from '../limits.ts';

/*
 * How much an account does, and how much happens in a channel and at a post, over all campaigns together. What has no
 * room now is put off to the first moment that has; what never will is left out.
 */

export const DAY_MS = 86_400_000;
export const HOUR_MS = 3_600_000;

/** An action that wants to begin now. */
export interface Candidate {
  readonly account: string;
  readonly target: string;
  /** The post and the kind. */
  readonly place: string;
  /** It counted at an earlier try and counts no second time. */
  readonly isCounted: boolean;
  /** It goes on with a try of its own: the gap behind that is for other actions. */
  readonly isGoingOn: boolean;
}

/** What stands in the way of candidates: times in epoch milliseconds. */
export interface Standing {
  /** Per account: not before this. */
  readonly freeFrom: ReadonlyMap<string, number>;
  /** Per account: when its actions of the last 24 hours were begun, rising. */
  readonly accountTimes: ReadonlyMap<string, readonly number[]>;
  /** Per target: when its actions of the last hour were begun, rising. */
  readonly targetTimes: ReadonlyMap<string, readonly number[]>;
  readonly placeCounts: ReadonlyMap<string, number>;
}

export type Turn =
  | { readonly kind: 'go' }
  | {
      readonly kind: 'later';
      readonly at: number;
      readonly why: 'account_gap' | 'account_daily' | 'target_hourly';
    }
  | { readonly kind: 'full' };

const GO: Turn = { kind: 'go' };
const FULL: Turn = { kind: 'full' };

/** Decides for each, in order, as if those before it had begun. */
export function takeTurns(
  now: number,
  candidates: readonly Candidate[],
  standing: Standing,
  limits: Limits,
): Turn[] {
  const freeFrom = new Map(standing.freeFrom);
  const accountTimes = createTimes(standing.accountTimes);
  const targetTimes = createTimes(standing.targetTimes);
  const placeCounts = new Map(standing.placeCounts);
  return candidates.map(({ account, target, place, isCounted, isGoingOn }): Turn => {
    if (!isCounted && (placeCounts.get(place) ?? 0) >= limits.postCeiling) return FULL;
    const free = freeFrom.get(account) ?? 0;
    if (free > now && !isGoingOn) return { kind: 'later', at: free, why: 'account_gap' };
    if (!isCounted) {
      const day = roomFrom(accountTimes.of(account), limits.accountDaily, DAY_MS);
      if (day > now) return { kind: 'later', at: day, why: 'account_daily' };
      const hour = roomFrom(targetTimes.of(target), limits.targetHourly, HOUR_MS);
      if (hour > now) return { kind: 'later', at: hour, why: 'target_hourly' };
      accountTimes.add(account, now);
      targetTimes.add(target, now);
      placeCounts.set(place, (placeCounts.get(place) ?? 0) + 1);
    }
    // One at a time: it is free again when this one has ended.
    freeFrom.set(account, Math.max(now + 1, now + limits.accountGapMs));
    return GO;
  });
}

/** From when one more fits among `times`, which rise: when enough of them are older than the window. */
export function roomFrom(times: readonly number[], limit: number, windowMs: number): number {
  if (times.length < limit) return 0;
  const leaving = times[times.length - limit];
  return leaving === undefined ? 0 : leaving + windowMs;
}

/**
 * Where what is put off goes, one after the other: `gapMs` apart from `from` on, and no more than `limit` in a window,
 * of which `times` have their places already.
 */
export function slotsFrom(
  from: number,
  count: number,
  spacing: { gapMs: number; times: readonly number[]; limit: number; windowMs: number },
): number[] {
  const { gapMs, limit, windowMs } = spacing;
  const taken = spacing.times.slice(-limit);
  const slots: number[] = [];
  let next = from;
  for (let index = 0; index < count; index += 1) {
    const slot = Math.max(next, roomFrom(taken, limit, windowMs));
    slots.push(slot);
    taken.push(slot);
    if (taken.length > limit) taken.shift();
    next = slot + gapMs;
  }
  return slots;
}

function createTimes(initial: ReadonlyMap<string, readonly number[]>): {
  of(key: string): readonly number[];
  add(key: string, time: number): void;
} {
  const copies = new Map<string, number[]>();
  const copy = (key: string): number[] => {
    let mine = copies.get(key);
    if (!mine) copies.set(key, (mine = [...(initial.get(key) ?? [])]));
    return mine;
  };
  return {
    of: (key) => copies.get(key) ?? initial.get(key) ?? [],
    add: (key, time) => void copy(key).push(time),
  };
}
