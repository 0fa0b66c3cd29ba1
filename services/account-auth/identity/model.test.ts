import { createSecretKey, randomBytes, randomUUIDv7 } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { attemptSubject } from './attempts.ts';
import { whyGuessable } from './common-passwords.ts';
import { decideRefresh, FORGIVEN_MS } from './model.ts';
import { readRefreshToken, writeRefreshToken } from './refresh-token.ts';

const NOW = new Date('2026-05-01T12:00:00Z');
const after = (ms: number): Date => new Date(NOW.getTime() + ms);
const login = { generation: 5, rotateTime: NOW, expireTime: after(1_000_000), endTime: null };

test.each([
  ['the newest rotates', login, 5, 60_000, 'rotate'],
  ['the one before is forgiven at once', login, 4, 0, 'repeat'],
  ['the one before is forgiven to the last', login, 4, FORGIVEN_MS - 1, 'repeat'],
  ['the one before is not forgiven for longer', login, 4, FORGIVEN_MS, 'end'],
  ['an older one is never forgiven', login, 3, 0, 'end'],
  ['the first of all neither', login, 1, 0, 'end'],
  ['one from the future is refused, and ends nothing', login, 6, 0, 'refuse'],
  ['none of a login that has expired', login, 5, 1_000_000, 'refuse'],
  ['none of a login that has ended, and it does not end again', { ...login, endTime: NOW }, 3, 0, 'refuse'],
  ['none of a login that is not there', undefined, 5, 0, 'refuse'],
] as const)('refresh tokens: %s', (_name, state, given, ms, decision) => {
  expect(decideRefresh(state, given, after(ms))).toBe(decision);
});

describe('refresh tokens', () => {
  const key = createSecretKey(randomBytes(32));
  const loginId = randomUUIDv7();
  const token = writeRefreshToken(key, { loginId, generation: 7 });

  test('say whose they are, to who has the key', () => {
    expect(readRefreshToken([createSecretKey(randomBytes(32)), key], token)).toEqual({
      loginId,
      generation: 7,
    });
    expect(readRefreshToken([createSecretKey(randomBytes(32))], token)).toBeUndefined();
    expect(writeRefreshToken(key, { loginId, generation: 7 })).toBe(token);
  });

  test('that were changed anywhere are none', () => {
    const letters = fc.constantFrom('A', 'Z', 'a', 'z', '0', '9', '-', '_', '+', '/', '=', ' ', '.');
    const changes = fc
      .tuple(fc.nat(token.length - 1), letters)
      .map(([at, letter]) => token.slice(0, at) + letter + token.slice(at + 1))
      .filter((changed) => changed !== token);
    fc.assert(fc.property(changes, (changed) => readRefreshToken([key], changed) === undefined));
    for (const text of ['', 'tgr_', token.slice(0, -1), `${token}A`, token.slice(4)])
      expect(readRefreshToken([key], text)).toBeUndefined();
  });
});

test.each([
  ['password123', 'a@example.org'],
  ['PASSWORD1234', 'a@example.org'],
  ['aaaaaaaaaaaa', 'a@example.org'],
  ['abcabcabcabc', 'a@example.org'],
  ['0987654321', 'a@example.org'],
  ['qwertyuiopas', 'a@example.org'],
  ['ann.archer@example.org', 'ann.archer@example.org'],
  ['ann.archer!2026', 'ann.archer@example.org'],
])('%s is guessed for %s', (password, email) => {
  expect(whyGuessable(password, email)).toBeDefined();
});

test.each(['correct horse battery', 'tr0ub4dor&3 and more', 'Zürich im Regen', 'aaaaaaaab1c2d3e4'])(
  '%s is not guessed',
  (password) => {
    expect(whyGuessable(password, 'ann@example.org')).toBeUndefined();
  },
);

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:0db8:0001:0002::9', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
])('attempts from %s are those of %s', (address, subject) => {
  expect(attemptSubject(address)).toBe(subject);
});
