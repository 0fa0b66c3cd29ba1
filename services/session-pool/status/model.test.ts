import { expect, test } from 'vitest';
import { isSameStatus, type StatusRow } from './model.ts';

const status: StatusRow = {
  tenant_id: 'a',
  total: 9,
  free: 1,
  leased: 1,
  closing: 1,
  quarantined: 1,
  flood_wait: 1,
  invalid: 1,
  needs_login: 1,
  frozen: 1,
  banned: 1,
  paused: 1,
  waiting: 1,
  next_flood_wait_end_time: new Date(5_000),
  next_available_time: new Date(3_000),
  at: new Date(0),
};

test('a later reading, and renewals, are no change', () => {
  expect(isSameStatus(status, { ...status, at: new Date(1_000), next_available_time: new Date(9_000) })).toBe(
    true,
  );
  expect(isSameStatus(status, { ...status, next_flood_wait_end_time: new Date(5_000) })).toBe(true);
});

test.each([
  'total',
  'free',
  'leased',
  'closing',
  'quarantined',
  'flood_wait',
  'invalid',
  'needs_login',
  'frozen',
  'banned',
  'paused',
  'waiting',
] as const)('another count of %s is a change', (count) => {
  expect(isSameStatus(status, { ...status, [count]: 2 })).toBe(false);
});

test('another end of the waits is a change', () => {
  expect(isSameStatus(status, { ...status, next_flood_wait_end_time: new Date(6_000) })).toBe(false);
  expect(isSameStatus(status, { ...status, next_flood_wait_end_time: null })).toBe(false);
});
