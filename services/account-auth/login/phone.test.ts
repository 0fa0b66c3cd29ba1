import { expect, test } from 'vitest';
import type { FieldViolation } from '#lib/rpc/errors.ts';
import { phoneNumber } from './phone.ts';

function read(value: string): { phone: string; faults: FieldViolation[] } {
  const faults: FieldViolation[] = [];
  return { phone: phoneNumber(faults, 'phone', value), faults };
}

test.each([
  '+15550000001',
  '15550000001',
  '0015550000001',
  '+1 555 000 0001',
  '+1 (555) 000-0001',
  '+1.555.000.0001',
  '+1-555-000-0001',
  'tel:+1-555-000-0001',
  '\u202a+1\u00a0555\u00a0000\u20110001\u202c',
  '＋１５５５０００００01',
  '[+1] 555/000/0001',
  '+١٥٥٥٠٠٠٠٠٠١',
])('%s is +15550000001', (spelling) => {
  expect(read(spelling)).toEqual({ phone: '+15550000001', faults: [] });
});

test('a zero for callers inside the country is left out', () => {
  expect(read('+49 (0) 171 1234567').phone).toBe('+491711234567');
  expect(read('0049(0)1711234567').phone).toBe('+491711234567');
});

test.each([
  ['', 'is missing'],
  ['0171 1234567', 'has no country code'],
  ['(0) 171 1234567', 'has no country code'],
  ['+0171 1234567', 'has no country code'],
  ['alice', 'is no phone number'],
  ['+1555', 'is no phone number'],
  ['+1234567890123456', 'is no phone number'],
  ['+1 555 000 0001 ext 5', 'is no phone number'],
  ['++15550000001', 'is no phone number'],
  ['+15550000001;drop table', 'is no phone number'],
  ['1'.repeat(65), 'is longer than'],
])('%s is refused: it %s', (spelling, why) => {
  const { phone, faults } = read(spelling);
  expect(phone).toBe('');
  expect(faults).toHaveLength(1);
  expect(faults[0]!.description).toContain(why);
});
