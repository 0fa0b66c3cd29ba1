import { expect, test } from 'vitest';
import { checkDisclosed, disclosed, disclosureLine, NotDisclosed } from './disclosure.ts';

const line = 'Automated, for the team of Example News.';

test('the line stands at the end, on a line of its own', () => {
  expect(disclosed('  Well said. ', line)).toBe(`Well said.\n\n${line}`);
});

test.each([
  ['no line', 'Well said.'],
  ['another line', 'Well said.\n\nAutomated, for nobody in particular.'],
  ['a line in the middle', `Well\n\n${line}\n\nsaid.`],
  ['a line without a place of its own', `Well said. ${line}`],
  ['nothing but the line', `\n\n${line}`],
])('%s is held back', (_name, text) => {
  expect(() => checkDisclosed(text, line)).toThrow(NotDisclosed);
});

test('a body of nothing is held back', () => {
  expect(() => disclosed('  ', line)).toThrow(NotDisclosed);
});

test.each(['', '   ', 'automated', '12345678901234567890', '- - - - - - - - - - - -'])(
  'the line "%s" discloses nothing: nothing is sent with it',
  (bad) => {
    expect(() => disclosed('Well said.', bad)).toThrow(NotDisclosed);
  },
);

test('the configured line is worded, never emptied', () => {
  expect(disclosureLine.parse(undefined)).toMatch(/automated.* on behalf of/);
  expect(disclosureLine.parse(`  ${line} `)).toBe(line);
  expect(() => disclosureLine.parse('bot')).toThrow('has 3 letters; it needs at least 12');
  expect(() => disclosureLine.parse('Automated for\nthis channel')).toThrow('line break');
  expect(() => disclosureLine.parse('Automated \u200bfor this channel')).toThrow('invisible');
  expect(() => disclosureLine.parse('Automated for this channel '.repeat(10))).toThrow('at most 200');
});

test.each([
  'Автоматически, от имени канала',
  'هذا التعليق آلي نيابة عن القناة',
  '此评论由本频道的团队自动发布，请知悉',
])('any script will do: %s', (worded) => {
  expect(disclosureLine.parse(worded)).toBe(worded);
});
