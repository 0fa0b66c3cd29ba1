import { expect, test } from 'vitest';
import { createRandom } from './random.ts';

test('the same seed gives the same numbers, a fork its own, whatever else was drawn', () => {
  const [one, two] = [createRandom('7'), createRandom('7')];
  one.next();
  expect(one.fork('a').next()).toBe(two.fork('a').next());
  expect(createRandom('7').next()).not.toBe(createRandom('8').next());
  expect(two.fork('a').next()).not.toBe(two.fork('b').next());
});

test('numbers stay in their bounds, and a shuffle keeps its cards', () => {
  const random = createRandom('bounds');
  for (let turn = 0; turn < 1_000; turn += 1) {
    expect(random.integer(2, 4)).toBeOneOf([2, 3, 4]);
    const between = random.between(-1, 1);
    expect(between >= -1 && between < 1).toBe(true);
  }
  expect(random.shuffled([1, 2, 3, 4]).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4]);
});
