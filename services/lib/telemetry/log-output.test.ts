import { expect, test } from 'vitest';
import { createFakeClock } from '../lifecycle/clock-fake.ts';
import { openLogOutput } from './log-output.ts';
import { everyCall, isOfShare } from './call-share.ts';

function reader(): {
  text: () => string;
  limit: { bytes: number };
  write: (bytes: Buffer) => number;
  writes: () => number;
} {
  const limit = { bytes: Infinity };
  const read: Buffer[] = [];
  let writes = 0;
  return {
    text: () => Buffer.concat(read).toString(),
    writes: () => writes,
    limit,
    write(bytes) {
      writes += 1;
      const taken = Math.min(bytes.length, limit.bytes);
      limit.bytes -= taken;
      read.push(Buffer.from(bytes.subarray(0, taken)));
      return taken;
    },
  };
}

test('held lines go out together, within a tenth of a second, and before any other line', async () => {
  const { write, text, writes } = reader();
  const clock = createFakeClock();
  const output = openLogOutput(write, clock);
  output.hold('one\n');
  output.hold('two\n');
  expect(text()).toBe('');
  await clock.advance(100);
  expect([text(), writes()]).toEqual(['one\ntwo\n', 1]);
  output.hold('three\n');
  output.write('four\n');
  expect([text(), writes()]).toEqual(['one\ntwo\nthree\nfour\n', 2]);
});

test('a reader that takes little gets everything in order, and nobody waits for it', async () => {
  const { write, text, limit } = reader();
  const clock = createFakeClock();
  const output = openLogOutput(write, clock);
  limit.bytes = 5;
  output.write('änderung one\n');
  output.write('two\n');
  expect(text()).toBe('ände');
  limit.bytes = 3;
  await clock.advance(10);
  limit.bytes = Infinity;
  await clock.advance(10);
  expect(text()).toBe('änderung one\ntwo\n');
});

test('a reader that stopped costs lines, which are counted, not memory', () => {
  const { write, limit } = reader();
  const output = openLogOutput(write, createFakeClock());
  limit.bytes = 0;
  for (let line = 0; line < 6_000; line += 1) output.hold(`${'x'.repeat(1_023)}\n`);
  expect(output.dropped).toBeGreaterThan(1_500);
  expect(output.dropped).toBeLessThan(2_500);
});

test('at the end the reader gets a moment to take the rest', () => {
  const { write, text, limit } = reader();
  const output = openLogOutput(write, createFakeClock(), () => (limit.bytes = 4));
  limit.bytes = 0;
  output.write('the last words\n');
  output.close();
  expect(text()).toBe('the last words\n');
});

test('a share of calls is the same calls in every process', () => {
  const ids = Array.from({ length: 1_000 }, (_, index) =>
    Math.floor(((index + 0.5) * 2 ** 32) / 1_000)
      .toString(16)
      .padStart(32, '0'),
  );
  const share = { succeeded: 0.05, failed: true };
  expect(ids.filter((id) => isOfShare(share, id))).toHaveLength(50);
  expect(ids.filter((id) => isOfShare(everyCall, id))).toHaveLength(1_000);
  expect(ids.filter((id) => isOfShare({ succeeded: 0, failed: true }, id))).toEqual([]);
});
