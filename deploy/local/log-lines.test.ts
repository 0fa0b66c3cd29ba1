import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { expect, test } from 'vitest';
import { eachLine, readableLine } from './log-lines.ts';

async function linesOf(...chunks: string[]): Promise<string[]> {
  const lines: string[] = [];
  const stream = Readable.from(chunks.map((chunk) => Buffer.from(chunk)));
  eachLine(stream, (line) => lines.push(line));
  await finished(stream);
  await new Promise((resolve) => setImmediate(resolve));
  return lines;
}

test('lines are put together from pieces, and the last one needs no end', async () => {
  expect(await linesOf('one\ntw', 'o\n\nthr', 'ee')).toEqual(['one', 'two', 'three']);
});

test('a line without an end is cut, however much of it comes', async () => {
  const lines = await linesOf(...Array.from({ length: 100 }, () => 'x'.repeat(10_000)), '\nnext\n');
  expect(lines.map((line) => line.length)).toEqual([8_192, 4]);
});

test('a line of JSON reads as time, level, message and what else there is', () => {
  const line = JSON.stringify({
    level: 'warn',
    time: '2026-01-02T03:04:05.678Z',
    service: 'session-pool',
    pid: 1,
    kind: 'process',
    event: 'x_happened',
    message: 'it happened',
    place: 'over there',
    times: 2,
    err: { type: 'Error', message: 'no', stack: 'at somewhere' },
  });
  expect(readableLine(line)).toEqual({
    severity: 'loud',
    text: '03:04:05.678 warn  it happened place="over there" times=2 err="no"',
  });
});

test.for(['request', 'auth', 'send', 'business'])('a line of the kind %s is hidden at any level', (kind) => {
  expect(readableLine(JSON.stringify({ level: 'warn', kind, message: 'm' }))).toMatchObject({
    severity: 'hidden',
  });
});

test.for([
  ['trace', 'quiet'],
  ['debug', 'quiet'],
  ['info', 'normal'],
  ['error', 'loud'],
  ['fatal', 'loud'],
])('%s is %s', ([level, severity]) => {
  expect(readableLine(JSON.stringify({ level, message: 'm' }))).toMatchObject({ severity });
});

test('what is no JSON stays as it is and is not held back', () => {
  for (const text of ['Segmentation fault', '{ "half": ', '{broken}'])
    expect(readableLine(text)).toEqual({ severity: 'loud', text });
});
