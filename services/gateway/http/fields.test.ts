import { expect, test } from 'vitest';
import {
  decimal,
  Fault,
  flag,
  listOf,
  oneOf,
  optional,
  text,
  textOrNumber,
  whole,
  withDefault,
} from './fields.ts';

const words = { description: '' };
const fault = (type: string) => expect.objectContaining({ type, msg: expect.any(String) });

test.each([
  [text({ ...words, max: 3 }), 'abc', 'abc'],
  [text({ ...words, max: 3 }), '', fault('string_too_short')],
  [text({ ...words, max: 3 }), 'abcd', fault('string_too_long')],
  [text(words), 7, fault('string_type')],
  [text(words), '\ud800', fault('string_unicode')],
  [textOrNumber(words), 7, '7'],
  [textOrNumber(words), -1_000_000_000_005, '-1000000000005'],
  [textOrNumber(words), 1.5, fault('string_type')],
  [textOrNumber(words), true, fault('string_type')],
  [whole({ ...words, min: 1, max: 9 }), ' 7 ', 7],
  [whole({ ...words, min: 1, max: 9 }), 7, 7],
  [whole({ ...words, min: 1, max: 9 }), 0, fault('greater_than_equal')],
  [whole({ ...words, min: 1, max: 9 }), '10', fault('less_than_equal')],
  [whole({ ...words, min: 1, max: 9 }), 1.5, fault('int_from_float')],
  [whole({ ...words, min: 1, max: 9 }), '1.5', fault('int_parsing')],
  [whole({ ...words, min: 1, max: 9 }), '', fault('int_parsing')],
  [whole({ ...words, min: 1, max: 9 }), [], fault('int_type')],
  [decimal({ ...words, min: 0, max: 1 }), '0.25', 0.25],
  [decimal({ ...words, min: 0, max: 1 }), '1e9', fault('float_parsing')],
  [decimal({ ...words, min: 0, max: 1 }), 2, fault('less_than_equal')],
  [decimal({ ...words, min: 0, max: 1 }), null, fault('float_type')],
  [flag(words), 'Yes', true],
  [flag(words), '0', false],
  [flag(words), true, true],
  [flag(words), 'maybe', fault('bool_parsing')],
  [oneOf(['a', 'b', 'c'], words), 'b', 'b'],
  [oneOf(['a', 'b', 'c'], words), 'd', { type: 'enum', msg: "Input should be 'a', 'b' or 'c'" }],
  [listOf(text(words), { ...words, max: 2 }), ['a', 'b'], ['a', 'b']],
  [listOf(text(words), { ...words, max: 2 }), 'a, b,', ['a', 'b']],
  [listOf(whole({ ...words, min: 1, max: 9 }), { ...words, max: 2 }), 7, [7]],
  [listOf(text(words), { ...words, max: 2 }), ['a', 'b', 'c'], fault('too_long')],
  [listOf(text(words), { ...words, max: 2 }), [], fault('too_short')],
  [listOf(text(words), { ...words, max: 2 }), [7], fault('string_type')],
  [listOf(text(words), { ...words, max: 2 }), { a: 1 }, fault('list_type')],
])('%# a value is taken, or refused in words that clients know', (field, value, expected) => {
  const read = field.read(value);
  expect(read instanceof Fault ? { type: read.type, msg: read.msg } : read).toEqual(expected);
});

test('what need not be sent', () => {
  expect(optional(text(words))).toMatchObject({ isRequired: false });
  expect(withDefault(flag(words), true)).toMatchObject({
    isRequired: false,
    absent: true,
    schema: { default: true },
  });
});
