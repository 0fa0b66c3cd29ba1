import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { PoolStatusSchema } from '#gen/telegate/session_pool/v1/session_pb.ts';
import { createOutput, type OutputOptions } from './output.ts';

const ESCAPE = '\x1b';

/** A terminal of 20 columns that keeps what was written; `screen` is what a person sees. */
function terminal(options: Partial<OutputOptions> = {}) {
  let written = '';
  const stdout = { write: (text: string) => (written += text), isTTY: true, columns: 20 };
  const stderr = { write: () => undefined };
  const out = createOutput({ stdout, stderr, isJson: false, env: {}, ...options });
  return { out, written: () => written, screen: () => screenOf(written) };
}

const CONTROLS = new RegExp(`(\n|\r|${ESCAPE}\\[\\d+A|${ESCAPE}\\[J)`);

/** Understands just what is written here: line breaks, up, and clearing to the end. */
function screenOf(written: string): string[] {
  const lines = [''];
  let row = 0;
  for (const part of written.split(CONTROLS)) {
    if (part === '\n') {
      row += 1;
      lines[row] ??= '';
    } else if (part.endsWith('A') && part.startsWith('\x1b')) row -= Number.parseInt(part.slice(2), 10);
    else if (part === '\x1b[J') lines.splice(row, lines.length, '');
    else if (part !== '\r') lines[row] += part;
  }
  return lines;
}

const line = (text: string) => [() => text, () => text] as const;

test('what stands is written over, and lines come above it', () => {
  const { out, screen } = terminal();
  out.event(...line('first'));
  out.standing('held\ntwice');
  out.standing('held\nthree times');
  out.event(...line('second'));
  expect(screen()).toEqual(['first', 'second', 'held', 'three times']);
  out.standing('');
  out.event(...line('third'));
  expect(screen()).toEqual(['first', 'second', 'third', '']);
});

test('a line too long for the terminal is cut, so that it can be written over', () => {
  const { out, screen } = terminal();
  out.standing('x'.repeat(50));
  out.standing('y');
  expect(screen()).toEqual(['y']);
});

test('a coloured line is cut by what is seen of it, and leaves no colour behind', () => {
  const { out, screen } = terminal();
  const short = out.paint('red', 'x'.repeat(19));
  out.standing(short);
  expect(screen()).toEqual([short]);
  out.standing(out.paint('red', 'x'.repeat(20)));
  expect(screen()).toEqual([`${'x'.repeat(18)}…`]);
});

test('what is settled stays', () => {
  const { out, screen } = terminal();
  out.standing('kept');
  out.settle();
  out.standing('next');
  out.standing('last');
  expect(screen()).toEqual(['kept', 'last']);
});

test('colours are for terminals whose owner wants them', () => {
  const coloured = (options: Partial<OutputOptions>) => terminal(options).out.paint('red', 'x') !== 'x';
  expect(coloured({})).toBe(true);
  expect(coloured({ env: { NO_COLOR: '1' } })).toBe(false);
  expect(coloured({ env: { NO_COLOR: '' } })).toBe(true);
  expect(coloured({ env: { TERM: 'dumb' } })).toBe(false);
  expect(coloured({ isJson: true })).toBe(false);
  expect(coloured({ stdout: { write: () => undefined } })).toBe(false);
});

test('where lines can not be written over nothing stands', () => {
  for (const options of [{ isJson: true }, { env: { TERM: 'dumb' } }]) {
    const { out, written } = terminal(options);
    out.standing('held');
    expect(written()).toBe('');
  }
});

test('JSON names what is zero', () => {
  const { out, written } = terminal({ isJson: true });
  out.answer(PoolStatusSchema, create(PoolStatusSchema, { free: 2 }), () => 'text');
  expect(JSON.parse(written())).toMatchObject({ free: 2, banned: 0 });
});
