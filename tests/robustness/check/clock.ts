import { show, stalledMs, type Timeline } from './timeline.ts';
import type { Verdict } from './verdict.ts';

/** Between the reading of the clock in a statement and the trigger that runs at its end. */
const TOLERANCE_MS = 500;

/**
 * I6: only the database's clock counts, read after the wait for the lock: each grant and renewal is worth a
 * whole TTL from the time at which it was written, by the clock of the trigger beside it.
 */
export function checkClock(timeline: Timeline): Verdict {
  const violations: string[] = [];
  let checked = 0;
  for (const { session, lease, ttlMs, renewals } of timeline.lifeOf.values()) {
    for (const { at, expireAt } of renewals) {
      checked += 1;
      const read = expireAt - ttlMs;
      const age = at - read;
      if (age >= -1 && age <= TOLERANCE_MS) continue;
      if (age > 0 && age <= TOLERANCE_MS + stalledMs(timeline, read, at)) continue;
      const what = age > 0 ? `${age.toFixed(0)} ms too short` : `${(-age).toFixed(0)} ms too long`;
      violations.push(`session ${session}: what ${lease} got at ${show(at)} was ${what}`);
    }
  }
  return { invariant: 'I6', checked, violations };
}
