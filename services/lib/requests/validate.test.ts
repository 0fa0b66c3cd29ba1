import { create } from '@bufbuild/protobuf';
import { DurationSchema } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { InvalidFields, type FieldViolation } from '#lib/rpc/errors.ts';
import * as validate from './validate.ts';

function faultsOf(check: (violations: FieldViolation[]) => void): FieldViolation[] {
  const violations: FieldViolation[] = [];
  check(violations);
  return violations;
}

const duration = (seconds: bigint, nanos = 0) => create(DurationSchema, { seconds, nanos });

test.each([
  ['main', true],
  ['ünï 你好 -_.', true],
  ['😀'.repeat(128), true],
  ['a'.repeat(128), true],
  ['a'.repeat(129), false],
  ['😀'.repeat(129), false],
  ['a'.repeat(1_000_000), false],
  ['', false],
  ['   ', false],
  ['a/b', false],
  ['a\\b', false],
  ['a\u0000b', false],
  ['a\nb', false],
  ['\ud800', false],
])('session name %#', (name, fits) => {
  expect(faultsOf((violations) => validate.sessionName(violations, 'name', name))).toHaveLength(fits ? 0 : 1);
});

test('labels: every fault is reported with its key', () => {
  const faults = faultsOf((violations) =>
    validate.labels(
      violations,
      'labels',
      { ok: 'x', Team: 'y', long: 'v'.repeat(129), [`k${'k'.repeat(63)}`]: '' },
      { max: validate.LABELS_A_SESSION },
    ),
  );
  expect(faults.map(({ field }) => field)).toEqual([
    'labels["Team"]',
    'labels["long"]',
    `labels["${'k'.repeat(63)}"]`,
  ]);
});

test('too many labels are one fault, however bad they are', () => {
  const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`BAD ${n}`, '']));
  expect(faultsOf((violations) => validate.labels(violations, 'labels', many, { max: 16 }))).toHaveLength(1);
});

test.each([
  [0, 100, true],
  [1, 1, true],
  [1_000, 1_000, true],
  [1_001, 1_001, false],
  [-1, -1, false],
])('page size %i', (asked, size, fits) => {
  const violations: FieldViolation[] = [];
  expect(validate.pageSize(violations, 'page_size', asked)).toBe(size);
  expect(violations).toHaveLength(fits ? 0 : 1);
});

test.each([
  [duration(5n), 5_000, true],
  [duration(3_600n), 3_600_000, true],
  [duration(5n, 1), 5_001, true],
  [duration(3_600n, 1), 3_600_001, false],
  [duration(4n, 0), 4_000, false],
  [duration(0n), 0, false],
  [duration(-5n), -5_000, false],
  [duration(0n, -1), 0, false],
  [duration(10n, -1), 5_000, false],
  [duration(10n, 1_000_000_000), 5_000, false],
  [duration(2n ** 50n), 2 ** 50 * 1_000, false],
  [undefined, 30_000, true],
] as const)('duration %#', (value, ms, fits) => {
  const violations: FieldViolation[] = [];
  const bounds = { minMs: 5_000, maxMs: 3_600_000, absentMs: 30_000 };
  expect(Math.abs(validate.durationMs(violations, 'ttl', value, bounds))).toBe(Math.abs(ms));
  expect(violations).toHaveLength(fits ? 0 : 1);
});

test('a duration that must be there says what to send', () => {
  const faults = faultsOf((violations) =>
    validate.durationMs(violations, 'duration', undefined, { minMs: 1, maxMs: 30 * 86_400_000 }),
  );
  expect(faults).toEqual([{ field: 'duration', description: 'is missing; send 1 ms to 30 d' }]);
});

test('ids and tokens', () => {
  const violations: FieldViolation[] = [];
  expect(validate.uuid(violations, 'lease_id', '0193F2C4-1111-7000-8000-000000000001')).toBe(
    '0193f2c4-1111-7000-8000-000000000001',
  );
  validate.sessionId(violations, 'session_id', 1n);
  validate.sessionId(violations, 'session_id', 0n, { optional: true });
  expect(violations).toEqual([]);
  validate.uuid(violations, 'lease_id', '');
  validate.uuid(violations, 'lease_id', "x'; drop table slots; --");
  validate.sessionId(violations, 'session_id', 0n);
  validate.sessionId(violations, 'session_id', -1n);
  validate.leaseProof(violations, 'lease', undefined);
  validate.leaseProof(violations, 'lease', { leaseId: 'no', fencingToken: 0n });
  expect(violations.map(({ field }) => field)).toEqual([
    'lease_id',
    'lease_id',
    'session_id',
    'session_id',
    'lease',
    'lease.lease_id',
    'lease.fencing_token',
  ]);
});

test('faults are thrown together', () => {
  validate.throwIfAny([]);
  const violations = [
    { field: 'a', description: 'is wrong' },
    { field: 'b', description: 'too' },
  ];
  expect(() => validate.throwIfAny(violations)).toThrow(InvalidFields);
  expect(() => validate.throwIfAny(violations)).toThrow('a: is wrong; b: too');
});
