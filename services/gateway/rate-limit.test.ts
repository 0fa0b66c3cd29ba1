import { expect, test } from 'vitest';
import { createFakeClock } from '#lib/lifecycle/clock-fake.ts';
import { createRateLimit } from './rate-limit.ts';

test('two seconds at once, then as many as the rate, each key by itself', async () => {
  const clock = createFakeClock();
  const limit = createRateLimit(10, clock);
  const take = (count: number, key = 'a'): number[] => Array.from({ length: count }, () => limit.take(key));
  expect(take(20)).toEqual(Array(20).fill(0));
  expect(take(1)).toEqual([100]);
  expect(take(1, 'b')).toEqual([0]);
  await clock.advance(99);
  expect(take(1)[0]).toBeCloseTo(1);
  await clock.advance(1);
  expect(take(2)).toEqual([0, 100]);
  await clock.advance(60_000);
  expect(take(21).at(-1)).toBe(100);
});

test('less than one a second; and none is no limit', () => {
  const clock = createFakeClock();
  const slow = createRateLimit(0.25, clock);
  expect([slow.take('a'), slow.take('a')]).toEqual([0, 4_000]);
  const none = createRateLimit(0, clock);
  expect(Array.from({ length: 1_000 }, () => none.take('a')).every((wait) => wait === 0)).toBe(true);
});

test('many keys do not fill the memory', () => {
  const clock = createFakeClock();
  const limit = createRateLimit(1, clock);
  limit.take('first');
  for (let index = 0; index < 100_000; index += 1) limit.take(String(index));
  // Made room for: it begins anew, and would have one left otherwise.
  expect([limit.take('first'), limit.take('first'), limit.take('first')]).toEqual([0, 0, 1_000]);
});
