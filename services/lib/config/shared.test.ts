import { expect, test } from 'vitest';
import { databaseUrl, masterKey, meshKey, natsUrl, operatorKey } from './shared.ts';

const key = (fill: number, length = 32) => Buffer.alloc(length, fill).toString('base64');

test('the first master key encrypts, all of them decrypt', () => {
  const { current, keys } = masterKey.parse(`7:${key(7)}, 3:${key(3)}`);
  expect(current).toBe(7);
  expect([...keys]).toEqual([
    [7, Buffer.alloc(32, 7)],
    [3, Buffer.alloc(32, 3)],
  ]);
});

test.each([
  ['unset', undefined, 'must be set'],
  ['no version', key(1), 'key 1 must look like version:base64, as 1:AAAA…='],
  ['version 0', `0:${key(1)}`, 'key 1 has version 0; versions start at 1'],
  ['a version twice', `1:${key(1)},1:${key(2)}`, 'key 2 repeats version 1'],
  ['too short', `2:${key(1)},1:${key(1, 31)}`, 'key 2 (version 1) has 31 bytes; exactly 32 are needed'],
  ['no base64', '1:***', 'key 1 (version 1) is not base64; make one with: openssl rand -base64 32'],
])('a master key that is wrong: %s', (_, raw, problem) => {
  expect(() => masterKey.parse(raw)).toThrow(new Error(problem));
});

test('mesh keys: the first signs, none is short', () => {
  expect(meshKey.parse(`${key(1)},${key(2, 40)}`)).toEqual([Buffer.alloc(32, 1), Buffer.alloc(40, 2)]);
  expect(() => meshKey.parse(`${key(1)},${key(2, 16)}`)).toThrow(
    'key 2 has 16 bytes; at least 32 are needed',
  );
});

test('an operator key has its length', () => {
  expect(operatorKey.parse('a'.repeat(22))).toBe('a'.repeat(22));
  expect(() => operatorKey.parse('a'.repeat(21))).toThrow('has 21 characters; at least 22 are needed');
  expect(() => operatorKey.parse(`${'a'.repeat(22)} b`)).toThrow('blank');
});

test('addresses are URLs of their kind, and are not repeated in the fault', () => {
  expect(databaseUrl.parse('postgres://u:p@h/d')).toBe('postgres://u:p@h/d');
  expect(() => databaseUrl.parse('mysql://u:hunter2@h/d')).toThrow(/^must be a URL like postgres:/);
  expect(natsUrl.parse('nats://a:4222,nats://b:4222')).toBe('nats://a:4222,nats://b:4222');
  expect(() => natsUrl.parse('nats://a:4222,b')).toThrow(/^must be a URL like nats:/);
  expect(natsUrl.parse(undefined)).toBeUndefined();
});
