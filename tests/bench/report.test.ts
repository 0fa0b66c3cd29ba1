import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isMet, ratioLine, tableOf, writeReport, type Line } from './report.ts';
import { median, percentile } from './statistics.ts';

test('medians and percentiles', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(percentile([0, 10], 0.9)).toBeCloseTo(9);
  expect(() => median([])).toThrow('nothing was measured');
});

test('a ratio is taken within each round: a slow round of both changes nothing', () => {
  expect(ratioLine('half', [50, 5, 500], [100, 10, 1_000], 0.4)).toMatchObject({
    value: 0.5,
    shown: '0.500',
    target: { atLeast: 0.4 },
  });
});

test('the table says which target was missed', () => {
  const lines: Line[] = [
    { name: 'fast', value: 3, shown: '3.000', target: { atLeast: 2 } },
    { name: 'late', value: 3, shown: '3 s', target: { atMost: 1 } },
    { name: 'told', value: 3, shown: '3 /s' },
  ];
  expect(lines.map(isMet)).toEqual([true, false, undefined]);
  expect(tableOf(lines).split('\n')).toEqual([
    'measured  figure  target',
    'fast       3.000     ≥ 2  ok',
    'late         3 s     ≤ 1  MISSED',
    'told        3 /s',
  ]);
});

test('the file names the machine, and each line says whether it was met', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'telegate-report-'));
  const report = {
    name: 'pool',
    events: 'nats' as const,
    postgresVersion: '18.4',
    seconds: 3,
    rounds: 5,
    lines: [{ name: 'fast', value: 3, shown: '3.000', target: { atLeast: 2 } }],
  };
  const file = writeReport(folder, report, new Date(0));
  expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({
    name: 'pool',
    date: '1970-01-01T00:00:00.000Z',
    machine: { node: process.version, cores: expect.any(Number) },
    postgresVersion: '18.4',
    lines: [{ name: 'fast', met: true }],
  });
  await rm(folder, { recursive: true });
});
