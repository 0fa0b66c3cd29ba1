import { expect, test } from 'vitest';
import { createFakeClock } from './clock-fake.ts';
import { expired, pause, systemClock, within } from './clock.ts';

test('a pause ends when its time is over', async () => {
  const clock = createFakeClock();
  let over = false;
  const paused = (async () => {
    await pause(clock, 100);
    over = true;
  })();
  await clock.advance(99);
  expect(over).toBe(false);
  await clock.advance(1);
  expect(over).toBe(true);
  await paused;
});

test('an aborted pause ends at once and leaves no timer', async () => {
  const clock = createFakeClock();
  const abort = new AbortController();
  const paused = pause(clock, 100, abort.signal);
  abort.abort();
  await paused;
  expect(clock.pendingTimers).toBe(0);
});

test('within gives the outcome in time, or says that the time expired', async () => {
  const clock = createFakeClock();
  expect(await within(clock, 10, Promise.resolve('done'))).toBe('done');
  expect(clock.pendingTimers).toBe(0);
  const late = within(clock, 10, new Promise(() => undefined));
  await clock.advance(10);
  expect(await late).toBe(expired);
});

test('timers fire in the order they fall due, each seeing its own time, also those set by others', async () => {
  const clock = createFakeClock({ now: 1_000 });
  const fired: Array<[string, number]> = [];
  clock.setTimer(20, () => fired.push(['b', clock.now()]));
  clock.setTimer(10, () => {
    fired.push(['a', clock.now()]);
    clock.setTimer(5, () => fired.push(['c', clock.now()]));
  });
  clock.setTimer(15, () => fired.push(['never', 0])).cancel();
  await clock.advance(30);
  expect(fired).toEqual([
    ['a', 1_010],
    ['c', 1_015],
    ['b', 1_020],
  ]);
  expect(clock.now()).toBe(1_030);
});

test('setting the wall clock leaves the monotonic one alone', async () => {
  const clock = createFakeClock({ now: 1_000 });
  await clock.advance(5);
  clock.setNow(50);
  expect([clock.now(), clock.monotonic()]).toEqual([50, 5]);
});

test('a delay longer than setTimeout takes does not fire at once', async () => {
  let fired = false;
  const timer = systemClock.setTimer(2 ** 40, () => (fired = true));
  await new Promise((resolve) => setImmediate(resolve));
  timer.cancel();
  expect(fired).toBe(false);
});
