import { pino } from 'pino';
import { expect, test } from 'vitest';
import { createFakeClock } from '#lib/lifecycle/clock-fake.ts';
import type { StatusRow } from './model.ts';
import { createStatusBoard } from './watch.ts';

const nothing: StatusRow = {
  tenant_id: 'a',
  total: 0,
  free: 0,
  leased: 0,
  closing: 0,
  quarantined: 0,
  flood_wait: 0,
  invalid: 0,
  needs_login: 0,
  frozen: 0,
  banned: 0,
  paused: 0,
  waiting: 0,
  next_flood_wait_end_time: null,
  next_available_time: null,
  at: new Date(0),
};

function setUp() {
  const clock = createFakeClock();
  const reads: string[] = [];
  const lines: string[] = [];
  let failure: Error | undefined;
  const board = createStatusBoard({
    async read(tenantId) {
      reads.push(tenantId);
      if (failure) throw failure;
      return { ...nothing, tenant_id: tenantId, total: reads.length };
    },
    clock,
    log: pino({ level: 'info' }, { write: (line: string) => void lines.push(line) }),
  });
  return {
    clock,
    board,
    reads,
    lines,
    fail: (error: Error | undefined) => {
      failure = error;
    },
    watch(tenantId: string, intervalMs: number) {
      const told: number[] = [];
      const leave = board.watch(tenantId, { intervalMs, tell: ({ total }) => void told.push(total) });
      return { told, leave };
    },
  };
}

test('all who watch a tenant share one reading, as often as the most eager asks', async () => {
  const { clock, reads, watch } = setUp();
  const calm = watch('a', 60_000);
  await clock.advance(30_000);
  expect(reads).toEqual([]);
  const eager = watch('a', 1_000);
  await clock.advance(3_000);
  expect(reads).toHaveLength(4);
  expect(calm.told).toEqual(eager.told);
  eager.leave();
  await clock.advance(1_000);
  reads.length = 0;
  await clock.advance(120_000);
  expect(reads).toHaveLength(2);
});

test('tenants are read by themselves, and nobody who is not watched', async () => {
  const { clock, reads, watch } = setUp();
  const [a, b] = [watch('a', 1_000), watch('b', 1_000)];
  await clock.advance(1_000);
  expect(reads.toSorted()).toEqual(['a', 'b']);
  a.leave();
  reads.length = 0;
  await clock.advance(5_000);
  expect(new Set(reads)).toEqual(new Set(['b']));
  b.leave();
  expect(clock.pendingTimers).toBe(0);
  const again = watch('a', 1_000);
  await clock.advance(1_000);
  expect(again.told).toHaveLength(1);
});

test('a reading that fails is said once and tried again, until it works', async () => {
  const { clock, reads, lines, fail, watch } = setUp();
  const { told } = watch('a', 1_000);
  fail(new Error('down'));
  await clock.advance(5_000);
  expect(reads).toHaveLength(5);
  expect(told).toEqual([]);
  expect(lines).toHaveLength(1);
  fail(undefined);
  await clock.advance(2_000);
  expect(told).toEqual([6, 7]);
  expect(lines.join()).toContain('can be watched again');
});

test('after stop nothing is read', async () => {
  const { clock, board, reads, watch } = setUp();
  watch('a', 1_000);
  board.stop();
  const late = watch('a', 1_000);
  await clock.advance(10_000);
  expect(reads).toEqual([]);
  expect(clock.pendingTimers).toBe(0);
  late.leave();
});
