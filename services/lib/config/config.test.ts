import { expect, test } from 'vitest';
import {
  ConfigError,
  choice,
  describeConfig,
  duration,
  flag,
  integer,
  list,
  optionalText,
  readConfig,
  text,
  unknownVariables,
} from './config.ts';

const fields = {
  name: text('NAME', { doc: 'What it is called.', maxLength: 10 }),
  secret: text('SECRET', { doc: 'A secret.', default: 'dont-show', secret: true, maxLength: 10 }),
  size: integer('SIZE', { doc: 'How large.', default: 5, min: 1, max: 9 }),
  wait: duration('WAIT', { doc: 'How long.', default: '30s', min: '1s', max: '1h' }),
  fast: flag('FAST', { doc: 'Whether fast.', default: false }),
  tags: list('TAGS', { doc: 'Which.', default: [], maxItems: 3 }),
  mode: choice('MODE', { doc: 'How.', values: ['one', 'two'], default: 'one' }),
  note: optionalText('NOTE', { doc: 'A note.' }),
};

function faultsOf(env: Record<string, string>): Record<string, string> {
  try {
    readConfig(fields, env);
  } catch (error) {
    if (error instanceof ConfigError)
      return Object.fromEntries(error.faults.map(({ variable, problem }) => [variable, problem]));
    throw error;
  }
  return {};
}

test('defaults, and empty counts as unset', () => {
  const expected = {
    name: 'a',
    secret: 'dont-show',
    size: 5,
    wait: 30_000,
    fast: false,
    tags: [],
    mode: 'one',
    note: undefined,
  };
  expect(readConfig(fields, { NAME: 'a' })).toEqual(expected);
  expect(readConfig(fields, { NAME: 'a', SIZE: '', WAIT: ' ', MODE: '', NOTE: '' })).toEqual(expected);
});

test('values are read', () => {
  expect(
    readConfig(fields, {
      NAME: 'b',
      SIZE: '9',
      WAIT: '1.5s',
      FAST: 'ON',
      TAGS: 'x, y',
      MODE: 'two',
      NOTE: 'n',
    }),
  ).toEqual({
    name: 'b',
    secret: 'dont-show',
    size: 9,
    wait: 1_500,
    fast: true,
    tags: ['x', 'y'],
    mode: 'two',
    note: 'n',
  });
});

test.each([
  ['250ms', 250],
  ['2m', 120_000],
  ['1h', 3_600_000],
  ['1d', 86_400_000],
])('the duration %s is %d ms', (raw, ms) => {
  const field = duration('D', { doc: '', default: '1s', min: '0s', max: '2d' });
  expect(field.parse(raw)).toBe(ms);
});

test('every fault is told at once, each with what is allowed', () => {
  expect(
    faultsOf({ SIZE: '10', WAIT: '30', FAST: 'perhaps', TAGS: 'a,,b', MODE: 'three', NOTE: 'a\nb' }),
  ).toEqual({
    NAME: 'must be set',
    SIZE: 'must be between 1 and 9, not 10',
    WAIT: 'must be a duration like 250ms, 30s, 5m or 1h, not "30"',
    FAST: 'must be on or off (or 1, 0), not "perhaps"',
    TAGS: 'has an empty item: separate the items with single commas',
    MODE: 'must be one of one, two, not "three"',
    NOTE: 'has a control character in it (a line break?)',
  });
  expect(() => readConfig(fields, { SIZE: 'x' })).toThrow(
    'The configuration has 2 faults:\n  NAME: must be set\n  SIZE: must be a whole number, not "x"',
  );
});

test.each(['1e3', '0x10', '5.5', '99999999999999999999', 'NaN'])('%s is no whole number', (raw) => {
  expect(faultsOf({ NAME: 'a', SIZE: raw })).toHaveProperty('SIZE');
});

test('a secret is in no fault and in no help', () => {
  const fault = faultsOf({ NAME: 'a', SECRET: 'hunter2-hunter2' });
  expect(fault).toEqual({ SECRET: 'is 15 characters long; at most 10 are allowed' });
  expect(describeConfig('program', 'does things', fields)).not.toContain('dont-show');
});

test('help names every variable with its meaning and default', () => {
  const help = describeConfig('program', 'does things', fields);
  expect(help).toMatchInlineSnapshot(`
    "program: does things

    It is configured by environment variables:

      NAME  (must be set)
          What it is called.
      SECRET  (secret; default: unset)
          A secret.
      SIZE  (default: 5)
          How large.
      WAIT  (default: 30s)
          How long.
      FAST  (default: off)
          Whether fast.
      TAGS  (default: none)
          Which.
      MODE  (default: one)
          How. One of: one, two.
      NOTE  (default: unset)
          A note.
    "
  `);
});

test('variables that nothing reads are found', () => {
  const env = { TELEGATE_MESH_KY: 'x', TELEGATE_OTHER: 'y', PATH: '/bin', NAME: 'a' };
  expect(unknownVariables(fields, env, ['TELEGATE_OTHER'])).toEqual(['TELEGATE_MESH_KY']);
});
