import type { Entry } from '../history.ts';
import { checkClock } from './clock.ts';
import { checkDurable } from './durable.ts';
import { checkEvents } from './events.ts';
import { checkExclusive } from './exclusive.ts';
import { checkHolders } from './holders.ts';
import { checkOutages } from './outages.ts';
import { checkNotEarly, checkNotLate } from './reclaim.ts';
import { checkRecovery } from './recovery.ts';
import { checkStale } from './stale.ts';
import { timelineOf } from './timeline.ts';
import { checkTokens } from './tokens.ts';
import type { Verdict } from './verdict.ts';

const checkers = [
  checkExclusive,
  checkTokens,
  checkStale,
  checkNotEarly,
  checkNotLate,
  checkClock,
  checkHolders,
  checkDurable,
  checkEvents,
  checkOutages,
  checkRecovery,
];

/** Every invariant over one history. Pure: the same history gets the same verdicts. */
export function check(entries: readonly Entry[]): Verdict[] {
  const timeline = timelineOf(entries);
  return checkers.map((checkOne) => checkOne(timeline));
}
