import { expect, test } from 'vitest';
import { readConfig } from '#lib/config/config.ts';
import { fields } from './config.ts';
import { DEFAULTS, limitsOn, raisedLimits, type Limits } from './limits.ts';

const loosest: Limits = {
  accountDaily: 1_000_000,
  accountGapMs: 0,
  targetHourly: 1_000_000,
  postCeiling: 1_000_000,
};

test('on the real Telegram no configuration reaches beyond the ceilings', () => {
  expect(limitsOn('telegram', loosest)).toEqual({
    accountDaily: 50,
    accountGapMs: 20_000,
    targetHourly: 240,
    postCeiling: 50,
  });
});

test('tighter ones hold as they are set', () => {
  const tight: Limits = { accountDaily: 1, accountGapMs: 3_600_000, targetHourly: 2, postCeiling: 1 };
  expect(limitsOn('telegram', tight)).toEqual(tight);
  expect(raisedLimits(tight)).toEqual([]);
});

test('a local Telegram lifts them', () => {
  expect(limitsOn('local-1', loosest)).toEqual(loosest);
});

test('what is looser than the default is named with both values', () => {
  expect(raisedLimits(DEFAULTS)).toEqual([]);
  expect(raisedLimits(limitsOn('telegram', loosest))).toEqual([
    { name: 'ENGAGE_ACCOUNT_ACTIONS_A_DAY', defaultValue: '20', value: '50' },
    { name: 'ENGAGE_TARGET_ACTIONS_AN_HOUR', defaultValue: '60', value: '240' },
    { name: 'ENGAGE_POST_ACTIONS_OF_A_KIND', defaultValue: '10', value: '50' },
    { name: 'ENGAGE_ACCOUNT_GAP', defaultValue: '60s', value: '20s' },
  ]);
});

test('the configuration’s defaults are the defaults', () => {
  const key = Buffer.alloc(32).toString('base64');
  const config = readConfig(fields, {
    DATABASE_URL: 'postgres://localhost/telegate',
    TELEGATE_MESH_KEY: key,
    TELEGATE_OPERATOR_KEY: key,
  });
  const { accountDaily, accountGap: accountGapMs, targetHourly, postCeiling } = config;
  expect({ accountDaily, accountGapMs, targetHourly, postCeiling }).toEqual(DEFAULTS);
});
