import { expect, test } from 'vitest';
import type { Clock } from '#lib/lifecycle/clock.ts';
import { quiet } from '../../../../tests/support/driver.ts';
import type { Mark } from './notice.ts';
import { StateSaver } from './saver.ts';

const EVERY_MS = 1_000;

function saver() {
  const planned: { ms: number; run: () => void }[] = [];
  const clock = {
    setTimer(ms: number, run: () => void) {
      planned.push({ ms, run });
      return { cancel: () => undefined };
    },
  } as unknown as Clock;
  const saved: number[] = [];
  const store = { save: ({ pts }: { pts: number }) => Promise.resolve(void saved.push(pts)) };
  return { planned, saved, made: new StateSaver({ store, everyMs: EVERY_MS, clock, log: quiet }) };
}

const at = (pts: number): Mark => ({ scope: 'account', pts, qts: 0, date: 1, seq: 0 });

test('where an account stands at the very first is saved at once, and from then on in its time', async () => {
  const { planned, saved, made } = saver();
  made.taken([at(1)]);
  expect(planned.map(({ ms }) => ms)).toEqual([0]);
  planned[0]!.run();
  await expect.poll(() => saved).toEqual([1]);
  made.taken([at(2)]);
  expect(planned.map(({ ms }) => ms)).toEqual([0, EVERY_MS]);
});

test('what was loaded needs no haste', () => {
  const { planned, made } = saver();
  made.loaded({ pts: 1, qts: 0, date: 1, seq: 0, channels: new Map() });
  made.taken([at(2)]);
  expect(planned.map(({ ms }) => ms)).toEqual([EVERY_MS]);
});
