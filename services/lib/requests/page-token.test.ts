import { expect, test } from 'vitest';
import type { FieldViolation } from '#lib/rpc/errors.ts';
import { pageToken, readPageToken, readTextPageToken, textPageToken } from './page-token.ts';

const filter = ['ListSessions', 'tenant', { state: 1, labels: { a: '1', b: '2' } }];

function read(token: string, of: unknown = filter): { after: bigint; faults: FieldViolation[] } {
  const faults: FieldViolation[] = [];
  return { after: readPageToken(faults, 'page_token', token, of), faults };
}

test('a token leads back to where it was made, whatever the order of a map', () => {
  const token = pageToken(filter, 2n ** 62n);
  expect(token).toMatch(/^[A-Za-z0-9_-]+$/);
  expect(read(token)).toEqual({ after: 2n ** 62n, faults: [] });
  const reordered = ['ListSessions', 'tenant', { labels: { b: '2', a: '1' }, state: 1 }];
  expect(read(token, reordered)).toEqual({ after: 2n ** 62n, faults: [] });
});

test('an empty token is the start', () => {
  expect(read('')).toEqual({ after: 0n, faults: [] });
});

test('any changed character is refused', () => {
  const token = pageToken(filter, 41n);
  for (let at = 0; at < token.length; at += 1) {
    // The last character has bits that mean nothing; the one after next changes some that do.
    const changed = String.fromCharCode(token.charCodeAt(at) ^ 1);
    const { faults } = read(token.slice(0, at) + changed + token.slice(at + 1));
    const same = Buffer.from(token.slice(0, at) + changed + token.slice(at + 1), 'base64url').equals(
      Buffer.from(token, 'base64url'),
    );
    expect(faults).toHaveLength(same ? 0 : 1);
  }
});

test.each(['x', '!', 'A'.repeat(28), 'A'.repeat(1_000_000), '0'])(
  'what is no token is refused: %#',
  (token) => {
    expect(read(token)).toMatchObject({ after: 0n, faults: [{ field: 'page_token' }] });
  },
);

test('a token of another filter is refused', () => {
  const token = pageToken(filter, 41n);
  expect(read(token, ['ListSessions', 'other', filter[2]]).faults).toHaveLength(1);
  expect(read(token, ['ListSessions', 'tenant', { state: 2, labels: {} }]).faults).toHaveLength(1);
});

test('a token of text, with its own filter alone', () => {
  const token = textPageToken({ of: 'a' }, '17.user:5');
  const readText = (value: string, of: unknown) => {
    const violations: FieldViolation[] = [];
    return [readTextPageToken(violations, 'page_token', value, of), violations.length];
  };
  expect(readText(token, { of: 'a' })).toEqual(['17.user:5', 0]);
  expect(readText('', { of: 'a' })).toEqual([undefined, 0]);
  for (const [value, of] of [
    [token, { of: 'b' }],
    [`A${token}`, { of: 'a' }],
    [pageToken({ of: 'a' }, 5n), { of: 'a' }],
    ['x'.repeat(1_000), { of: 'a' }],
  ] as const)
    expect(readText(value, of)).toEqual([undefined, 1]);
});
