import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createFakeClock, type FakeClock } from '#lib/lifecycle/clock-fake.ts';
import { SessionFolderUnavailable } from './errors.ts';
import { scheduleSync, type SyncSchedule } from './schedule.ts';
import type { Sync, SyncOutcome } from './sync.ts';

const HOUR = 3_600_000;
const done: SyncOutcome = {
  result: { added: 0, removed: 0, total: 0, faults: [], faultCount: 0 },
  waiting: 0,
};

let clock: FakeClock;
let schedule: SyncSchedule;
let ages: (number | undefined)[];
let logged: string[];
let answer: () => Promise<SyncOutcome>;
beforeEach(() => {
  clock = createFakeClock();
  ages = [];
  logged = [];
  answer = async () => done;
});
afterEach(() => schedule.stop());

function start(everyMs: number, random = 0): void {
  const sync: Pick<Sync, 'run' | 'folder'> = {
    folder: { path: '/mine', tenantId: '', mostRemovedPercent: 50 },
    run: (options) => {
      ages.push(options?.maxAgeMs);
      return answer();
    },
  };
  const log = pino({ level: 'warn' }, { write: (line: string) => void logged.push(line) });
  schedule = scheduleSync({ clock, log }, sync, { everyMs, random: () => random });
}

test('at once, then as often as configured, content with what another replica did in that time', async () => {
  start(HOUR);
  await clock.advance(0);
  expect(ages).toEqual([0]);
  await clock.advance(HOUR - 1);
  expect(ages).toEqual([0]);
  await clock.advance(1);
  expect(ages).toEqual([0, HOUR]);
});

test('replicas drift apart', async () => {
  start(HOUR, 0.5);
  await clock.advance(HOUR);
  expect(ages).toEqual([0]);
  await clock.advance(0.05 * HOUR);
  expect(ages).toEqual([0, HOUR]);
});

test('0: at the start alone', async () => {
  start(0);
  await clock.advance(10 * HOUR);
  expect(ages).toEqual([0]);
  expect(clock.pendingTimers).toBe(0);
});

test('a folder that can not be read is looked at again soon, and told', async () => {
  answer = () => Promise.reject(new SessionFolderUnavailable('/mine', 'it is not there'));
  start(HOUR);
  await clock.advance(60_000);
  expect(ages).toEqual([0, 0]);
  expect(logged[0]).toContain('it is not there');
  answer = async () => done;
  await clock.advance(60_000);
  await clock.advance(HOUR - 1);
  expect(ages).toEqual([0, 0, 0]);
});

test('files that wait for a session in use to leave are looked at again soon', async () => {
  answer = async () => ({ ...done, waiting: 1 });
  start(HOUR);
  await clock.advance(60_000);
  expect(ages).toEqual([0, 0]);
});
