import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseTemplate, TemplateFault, type Template } from './template.ts';

function all(source: string): string[] {
  const template = parseTemplate(source);
  return Array.from({ length: Number(template.variants) }, (_, index) => template.render(BigInt(index)));
}

test('every variant is made once', () => {
  expect(all('plain')).toEqual(['plain']);
  expect(all('{a|b}{1|2|3}').toSorted()).toEqual(['a1', 'a2', 'a3', 'b1', 'b2', 'b3']);
  expect(all('x {a|{b|c} d|} y').toSorted()).toEqual(['x  y', 'x a y', 'x b d y', 'x c d y']);
});

test('signs are written with a backslash, and a bar outside of braces is one', () => {
  expect(all(String.raw`\{a\} | \\ {\||\}} \n`)).toEqual([
    String.raw`{a} | \ | \n`,
    String.raw`{a} | \ } \n`,
  ]);
});

test('alternatives that are alike are one', () => {
  expect(parseTemplate('{a|a|b}{c|c|d|d}').variants).toBe(4n);
});

test('the longest variant is known', () => {
  expect(parseTemplate('1{22|{333|4}5|}').longest).toBe(5);
});

test('counts beyond every number are exact', () => {
  const template = parseTemplate('{a|b}'.repeat(200));
  expect(template.variants).toBe(2n ** 200n);
  expect(template.render(2n ** 200n - 1n)).toBe('b'.repeat(200));
});

test.each([
  ['a {b|c', 'has a "{" at character 3 that is not closed'],
  ['a b} c', 'has a "}" at character 4 that closes nothing'],
  ['{a}', 'has braces without a choice at character 1'],
  ['{}', 'has braces without a choice at character 1'],
  ['{a|a}', 'has braces without a choice at character 1'],
  [`${'{a|'.repeat(6)}b${'}'.repeat(6)}`, 'has more than 5 braces inside of each other at character 16'],
  ['x'.repeat(1_001), 'has 1001 characters; send at most 1000'],
])('%.20s is refused', (source, problem) => {
  expect(() => parseTemplate(source)).toThrow(problem);
});

test('any text is read or refused with a reason, and what is read can be written', () => {
  const property = fc.property(fc.array(fc.constantFrom('{', '}', '|', '\\', 'a', ' ', 'ü')), (signs) => {
    const template = read(signs.join(''));
    if (!template) return true;
    return template.render(template.variants - 1n).length <= template.longest;
  });
  expect(() => fc.assert(property, { numRuns: 2_000 })).not.toThrow();
});

function read(source: string): Template | undefined {
  try {
    return parseTemplate(source);
  } catch (error) {
    if (error instanceof TemplateFault) return undefined;
    throw error;
  }
}
