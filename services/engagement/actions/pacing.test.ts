import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Limits } from '../limits.ts';
import { DAY_MS, HOUR_MS, roomFrom, slotsFrom, takeTurns, type Candidate, type Standing } from './pacing.ts';

const LIMITS: Limits = { accountDaily: 3, accountGapMs: 60_000, targetHourly: 4, postCeiling: 2 };
const NOW = 1_000 * DAY_MS;

const nothing: Standing = {
  freeFrom: new Map(),
  accountTimes: new Map(),
  targetTimes: new Map(),
  placeCounts: new Map(),
};

function wish(changes: Partial<Candidate> = {}): Candidate {
  return { account: 'a', target: 't', place: 'p', isCounted: false, isGoingOn: false, ...changes };
}

const turn = (standing: Partial<Standing>, changes: Partial<Candidate> = {}) =>
  takeTurns(NOW, [wish(changes)], { ...nothing, ...standing }, LIMITS)[0];

test('an account waits for its gap, unless it goes on with a try of its own', () => {
  const freeFrom = new Map([['a', NOW + 5]]);
  expect(turn({ freeFrom })).toEqual({ kind: 'later', at: NOW + 5, why: 'account_gap' });
  expect(turn({ freeFrom }, { isGoingOn: true })).toEqual({ kind: 'go' });
  expect(turn({ freeFrom: new Map([['a', NOW]]) })).toEqual({ kind: 'go' });
});

test('a full day, a full hour: the moment at which the first of them leaves the window', () => {
  const days = [NOW - DAY_MS + 7, NOW - 20, NOW - 10];
  expect(turn({ accountTimes: new Map([['a', days]]) })).toEqual({
    kind: 'later',
    at: NOW + 7,
    why: 'account_daily',
  });
  const hours = [NOW - HOUR_MS + 9, NOW - 3, NOW - 2, NOW - 1];
  expect(turn({ targetTimes: new Map([['t', hours]]) })).toEqual({
    kind: 'later',
    at: NOW + 9,
    why: 'target_hourly',
  });
  expect(turn({ targetTimes: new Map([['t', hours.slice(1)]]) })).toEqual({ kind: 'go' });
});

test('a post that has had its share is left; what counts already is let through', () => {
  const placeCounts = new Map([['p', 2]]);
  expect(turn({ placeCounts })).toEqual({ kind: 'full' });
  expect(turn({ placeCounts }, { isCounted: true })).toEqual({ kind: 'go' });
});

test('those of one batch count for each other', () => {
  const decided = takeTurns(
    NOW,
    ['a', 'b', 'c', 'a'].map((account, index) => wish({ account, place: index < 2 ? 'p' : 'q' })),
    { ...nothing, targetTimes: new Map([['t', [NOW - 9, NOW - 8]]]) },
    LIMITS,
  );
  expect(decided.map(({ kind }) => kind)).toEqual(['go', 'go', 'later', 'later']);
});

// Minutes, so that shrunk cases read well.
const spans = fc.record({
  gap: fc.integer({ min: 0, max: 120 }),
  limit: fc.integer({ min: 1, max: 6 }),
  window: fc.integer({ min: 1, max: 600 }),
  count: fc.integer({ min: 0, max: 60 }),
  times: fc
    .array(fc.integer({ min: -600, max: 0 }), { maxLength: 12 })
    .map((all) => all.toSorted((a, b) => a - b)),
});

test('what is put off is never closer than the gap, and never more than the limit in a window', () => {
  fc.assert(
    fc.property(spans, ({ gap, limit, window, count, times }) => {
      const kept = times.slice(-limit);
      const slots = slotsFrom(0, count, { gapMs: gap, times: kept, limit, windowMs: window });
      expect(slots).toHaveLength(count);
      slots.forEach((slot, index) => {
        expect(slot).toBeGreaterThanOrEqual(index === 0 ? 0 : slots[index - 1]! + gap);
      });
      const all = [...kept, ...slots];
      for (let index = kept.length; index < all.length; index += 1) {
        const first = all[index - limit] ?? -Infinity;
        expect(all[index]! - first).toBeGreaterThanOrEqual(window);
      }
    }),
  );
});

test('there is room from the moment on that the rule itself would let one in', () => {
  fc.assert(
    fc.property(spans, fc.integer({ min: 0, max: 700 }), ({ limit, window, times }, now) => {
      const kept = times.slice(-limit);
      const isFull = kept.filter((time) => time + window > now).length >= limit;
      expect(roomFrom(kept, limit, window) > now).toBe(isFull);
    }),
  );
});
