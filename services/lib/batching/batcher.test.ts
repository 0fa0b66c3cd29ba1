import { expect, test } from 'vitest';
import { createFakeClock } from '#lib/lifecycle/clock-fake.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { createBatcher, type BatcherOptions } from './batcher.ts';

/** A batcher whose batches end when told to. */
function controlled(options: Partial<BatcherOptions<number, number>> = {}) {
  const batches: { items: readonly number[]; end(): void }[] = [];
  const batcher = createBatcher<number, number>({
    name: 'test',
    async run(items) {
      const { promise, resolve } = Promise.withResolvers<void>();
      batches.push({ items, end: resolve });
      await promise;
      return items.map((item) => item * 2);
    },
    maxItems: 100,
    gatherMs: 0,
    clock: systemClock,
    ...options,
  });
  const submit = (count: number) =>
    Promise.all(Array.from({ length: count }, (_, item) => batcher.submit(item)));
  const batch = async (index: number) => {
    await expect.poll(() => batches.length).toBe(index + 1);
    return batches[index]!;
  };
  return { submit, batch };
}

test('what is asked for at the same time is one batch, and each gets its own outcome', async () => {
  const { submit, batch } = controlled();
  const outcomes = submit(50);
  const { items, end } = await batch(0);
  expect(items).toHaveLength(50);
  end();
  expect(await outcomes).toEqual(Array.from({ length: 50 }, (_, item) => item * 2));
});

test('what arrives while a batch runs is the next, up to the most', async () => {
  const { submit, batch } = controlled();
  const first = submit(1);
  const one = await batch(0);
  const rest = submit(120);
  one.end();
  await first;
  const two = await batch(1);
  expect(two.items).toHaveLength(100);
  two.end();
  const three = await batch(2);
  expect(three.items).toHaveLength(20);
  three.end();
  await rest;
});

test('a failure is the failure of all in the batch, and the next works', async () => {
  let fails = true;
  const batcher = createBatcher<number, number>({
    name: 'test',
    async run(items) {
      if (fails) throw new Error('no database');
      return [...items];
    },
    maxItems: 100,
    gatherMs: 0,
    clock: systemClock,
  });
  const outcomes = await Promise.allSettled([batcher.submit(1), batcher.submit(2)]);
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  fails = false;
  expect(await batcher.submit(3)).toBe(3);
});

test('batches that are not full are kept apart, and the first of a quiet time goes at once', async () => {
  const clock = createFakeClock();
  const { submit, batch } = controlled({ apartMs: 10, maxItems: 3, clock });
  const first = submit(1);
  (await batch(0)).end();
  await first;
  await clock.advance(4);
  const few = submit(2);
  expect(clock.pendingTimers).toBe(1);
  await clock.advance(6);
  const second = await batch(1);
  expect(second.items).toHaveLength(2);
  second.end();
  await few;
  const full = submit(3);
  const third = await batch(2);
  expect(third.items).toHaveLength(3);
  third.end();
  await full;
  await clock.advance(10);
  const late = submit(1);
  (await batch(3)).end();
  await late;
  expect(clock.pendingTimers).toBe(0);
});
