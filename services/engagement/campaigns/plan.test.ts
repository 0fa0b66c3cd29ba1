import { describe, expect, test } from 'vitest';
import type { Limits } from '../limits.ts';
import { drawWeighted, paceAgain, planActions, type PlannedDue, type PlanWish } from './plan.ts';

const limits: Limits = { accountDaily: 1_000, accountGapMs: 0, targetHourly: 1_000_000, postCeiling: 1_000 };
const START = 1_000_000_000_000;

/** The same numbers each time (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function wish(accounts: number, posts: number, more: Partial<PlanWish> = {}): PlanWish {
  return {
    startMs: START,
    accounts: Array.from({ length: accounts }, (_, index) => ({
      accountId: `a${index}`,
      has: new Set<bigint>(),
      lastDueMs: undefined,
    })),
    posts: Array.from({ length: posts }, (_, index) => ({
      postId: BigInt(index + 1),
      room: Infinity,
      notBeforeMs: 0,
    })),
    pace: { intervalMs: 100_000, variation: 0.2 },
    limits,
    random: seeded(7),
    ...more,
  };
}

function byAccount(dues: readonly PlannedDue[]): Map<string, number[]> {
  const times = new Map<string, number[]>();
  for (const { accountId, dueMs } of dues) times.set(accountId, [...(times.get(accountId) ?? []), dueMs]);
  return times;
}

function gaps(dues: readonly PlannedDue[]): number[] {
  return [...byAccount(dues).values()].flatMap((times) =>
    times.slice(1).map((time, index) => time - times[index]!),
  );
}

/** Between each time and the one `apart` places before it. */
function spansOf(times: readonly number[], apart: number): number[] {
  return times.slice(apart).map((time, index) => time - times[index]!);
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

describe('pace', () => {
  test('each account acts once on each post, from the start on, at times that rise', () => {
    const { dues, withoutRoom } = planActions(wish(10, 20));
    expect(new Set(dues.map(({ accountId, postId }) => `${accountId} ${postId}`)).size).toBe(200);
    expect(dues).toHaveLength(200);
    expect(withoutRoom).toBe(0);
    expect(dues.map(({ dueMs }) => dueMs)).toEqual(dues.map(({ dueMs }) => dueMs).toSorted((a, b) => a - b));
    expect(dues[0]!.dueMs).toBeGreaterThanOrEqual(START);
  });

  test.each([0, 0.2, 0.5, 0.9])(
    'with a variation of %s: within its bounds, evenly, with its mean',
    (variation) => {
      const { dues } = planActions(wish(100, 100, { pace: { intervalMs: 100_000, variation } }));
      const drawn = gaps(dues);
      expect(drawn).toHaveLength(9_900);
      const [least, most] = [100_000 * (1 - variation), 100_000 * (1 + variation)];
      expect(Math.min(...drawn)).toBeGreaterThanOrEqual(least - 0.001);
      expect(Math.max(...drawn)).toBeLessThanOrEqual(most + 0.001);
      expect(Math.abs(meanOf(drawn) - 100_000)).toBeLessThan(0.02 * variation * 100_000 + 1);
      if (variation === 0) return;
      // Each tenth of the range has a tenth of them.
      const tenths = Array.from({ length: 10 }, () => 0);
      for (const gap of drawn) tenths[Math.min(9, Math.floor(((gap - least) / (most - least)) * 10))]! += 1;
      for (const count of tenths) expect(count / drawn.length).toBeCloseTo(0.1, 1);
    },
  );

  test('no draw is shorter than the limit: the interval is lengthened, its variation stays', () => {
    const { dues } = planActions(
      wish(50, 50, {
        pace: { intervalMs: 60_000, variation: 0.2 },
        limits: { ...limits, accountGapMs: 60_000 },
      }),
    );
    const drawn = gaps(dues);
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(60_000 - 0.001);
    expect(Math.max(...drawn)).toBeLessThanOrEqual(90_000 + 0.001);
    expect(meanOf(drawn)).toBeCloseTo(75_000, -3);
  });

  test('accounts begin at different times within an interval', () => {
    const { dues } = planActions(wish(1_000, 1));
    const first = dues.map(({ dueMs }) => dueMs - START);
    expect(Math.max(...first)).toBeLessThanOrEqual(120_000);
    expect(meanOf(first)).toBeCloseTo(60_000, -4);
  });
});

describe('limits', () => {
  test('an account does no more than its day allows', () => {
    const { dues } = planActions(
      wish(3, 50, { pace: { intervalMs: 1_000, variation: 0.2 }, limits: { ...limits, accountDaily: 20 } }),
    );
    const spans = [...byAccount(dues).values()].flatMap((times) => spansOf(times, 20));
    expect(Math.min(...spans)).toBeGreaterThanOrEqual(86_400_000);
  });

  test('a channel sees no more than its hour allows', () => {
    const { dues } = planActions(wish(100, 10, { limits: { ...limits, targetHourly: 60 } }));
    expect(dues).toHaveLength(1_000);
    const spans = spansOf(
      dues.map(({ dueMs }) => dueMs),
      60,
    );
    expect(Math.min(...spans)).toBeGreaterThanOrEqual(3_600_000);
  });

  test('a post gets what it has room for, and the accounts share the rest', () => {
    const plain = wish(40, 20);
    const { dues, withoutRoom } = planActions({
      ...plain,
      posts: plain.posts.map((post) => ({ ...post, room: 10 })),
    });
    expect(dues).toHaveLength(200);
    expect(withoutRoom).toBe(600);
    const counts = [...byAccount(dues).values()].map(({ length }) => length);
    expect([Math.min(...counts), Math.max(...counts)]).toEqual([5, 5]);
  });

  test('what is there already is not planned again, and goes on behind it', () => {
    const { dues } = planActions({
      ...wish(1, 3),
      accounts: [{ accountId: 'a', has: new Set([2n]), lastDueMs: START + 500_000 }],
    });
    expect(dues.map(({ postId }) => Number(postId)).toSorted((a, b) => a - b)).toEqual([1, 3]);
    expect(dues[0]!.dueMs).toBeGreaterThanOrEqual(START + 580_000);
  });

  test('a post that is too young waits, the others do not', () => {
    const plain = wish(5, 2);
    const { dues } = planActions({
      ...plain,
      posts: [{ ...plain.posts[0]!, notBeforeMs: START + 3_600_000 }, plain.posts[1]!],
    });
    const [young, old] = [1n, 2n].map((id) =>
      dues.filter(({ postId }) => postId === id).map(({ dueMs }) => dueMs),
    );
    expect(Math.min(...young!)).toBeGreaterThanOrEqual(START + 3_600_000);
    expect(Math.max(...old!)).toBeLessThanOrEqual(START + 120_000);
  });
});

test('weights are drawn as they say', () => {
  const random = seeded(3);
  const drawn = Array.from({ length: 10_000 }, () =>
    drawWeighted(
      [
        { name: 'a', weight: 1 },
        { name: 'b', weight: 3 },
      ],
      random,
    ),
  );
  expect(drawn.filter(({ name }) => name === 'b').length / 10_000).toBeCloseTo(0.75, 1);
});

test('after a pause what is overdue comes at its pace, what is still to come when it was to come', () => {
  const again = { nowMs: START, pace: { intervalMs: 10_000, variation: 0.2 }, limits, random: seeded(5) };
  const [first, second, third] = paceAgain([START - 90_000, START - 80_000, START + 500_000], again);
  expect(first! - START).toBeLessThanOrEqual(12_000);
  expect(second! - first!).toBeGreaterThanOrEqual(8_000);
  expect(second! - first!).toBeLessThanOrEqual(12_000);
  expect(third).toBe(START + 500_000);
});

test('a hundred accounts and fifty posts are planned in a moment', () => {
  const started = performance.now();
  expect(planActions(wish(100, 50)).dues).toHaveLength(5_000);
  expect(performance.now() - started).toBeLessThan(1_000);
});
