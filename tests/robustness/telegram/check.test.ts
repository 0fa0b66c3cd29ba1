import { describe, expect, test } from 'vitest';
import type { Entry, WireEntry } from '../history.ts';
import { checkTelegram } from './check.ts';

const KEY = 'aa00000000000001';

function wire(connection: number, first: number, last: number, closed: number): WireEntry {
  return { kind: 'wire', connection, key: KEY, first, last, closed, packets: 2 };
}

const served = (connection: string, first: number, last: number): Entry => ({
  kind: 'served-connection',
  connection,
  key: KEY,
  first,
  last,
});

function claim(id: number, at: number, process: string | null, token: string, until: number): Entry {
  return {
    kind: 'slot',
    id,
    at,
    session: '7',
    lease: 'lease',
    token,
    sequence: id,
    ttlMs: 6_000,
    expireAt: at + 6_000,
    drainAt: null,
    claimProcess: process,
    claimToken: process === null ? null : token,
    claimExpireAt: process === null ? null : until,
  };
}

function call(process: string, token: string, at: number, randomId: string): Entry[] {
  const named = { process, session: '7', token, randomId };
  return [
    { kind: 'call', t: at, end: at + 5, ...named, outcome: 'ok' },
    { kind: 'served', at, connection: '1', key: KEY, randomId, outcome: 'ok', error: '' },
  ];
}

/** Two processes, one after the other, each within its claim. */
const story: Entry[] = [
  { kind: 'telegram', t: 99_000, keysDuplicated: 0, dropped: 0, sessions: { [KEY]: '7' } },
  claim(1, 1_000, 'one', '1', 16_000),
  ...call('one', '1', 2_000, 'r1'),
  claim(2, 4_000, null, '1', 0),
  claim(3, 5_000, 'two', '2', 20_000),
  ...call('two', '2', 6_000, 'r2'),
  wire(1, 1_500, 2_000, 3_900),
  wire(2, 5_100, 6_000, 7_000),
  served('1', 1_500, 2_000),
  served('2', 5_100, 6_000),
];

function found(entries: readonly Entry[]): Record<string, readonly string[]> {
  const broken = checkTelegram(entries).filter(({ violations }) => violations.length > 0);
  return Object.fromEntries(broken.map(({ invariant, violations }) => [invariant, violations]));
}

/** The story with the first entry of this kind, and of this connection, changed. */
function changed(kind: Entry['kind'], change: Partial<Entry>, connection?: string | number): Entry[] {
  const index = story.findIndex(
    (entry) =>
      entry.kind === kind &&
      (connection === undefined || ('connection' in entry && entry.connection === connection)),
  );
  return story.map((entry, at) => (at === index ? ({ ...entry, ...change } as Entry) : entry));
}

test('one after the other, each within its claim', () => {
  expect(found(story)).toEqual({});
});

describe('a key on two connections', () => {
  test('that both send', () => {
    const both = changed('wire', { last: 5_200, closed: 5_300 }, 1);
    expect(found(both)['I1']).toEqual([
      expect.stringContaining('on the wire, connection 1 sent under key'),
      expect.stringContaining('connection 1 was open under key'),
    ]);
  });

  test('by the word of the server alone', () => {
    expect(found(changed('served-connection', { last: 5_200 }, '1'))['I1']).toEqual([
      expect.stringContaining('at the server, connection 1 sent'),
    ]);
    expect(found(changed('telegram', { keysDuplicated: 1 }))['I1']).toHaveLength(1);
  });

  test('that is open and silent, because its process stands still, until the process wakes', () => {
    const open = changed('wire', { closed: 30_000 }, 1);
    expect(found(open)['I1']).toHaveLength(1);
    const paused = (end: number): Entry => ({ kind: 'paused', t: 4_500, end, process: 'one' });
    expect(found([...open, paused(29_500)])).toEqual({});
    expect(found([...open, paused(20_000)])['I1']).toHaveLength(1);
  });
});

describe('a call without a claim', () => {
  const late = (at: number, process = 'one', token = '1'): string[] => [
    ...(found([...story, ...call(process, token, at, 'late')])['I3'] ?? []),
  ];

  test('after it was released, or under the token of before', () => {
    expect(late(4_500)).toHaveLength(1);
    expect(late(5_500)).toHaveLength(1);
    expect(late(5_500, 'two', '1')).toHaveLength(1);
    expect(late(5_500, 'two', '2')).toEqual([]);
  });

  test('after it ran out', () => {
    expect(late(20_500, 'two', '2')).toHaveLength(1);
  });

  test('under the key of another session', () => {
    const other = changed('telegram', { sessions: { [KEY]: '8' } });
    expect(found(other)['I3']).toHaveLength(2);
  });
});

test('a send that was acknowledged and never arrived', () => {
  expect(found(story.filter((entry) => !(entry.kind === 'served' && entry.randomId === 'r1')))['I8']).toEqual(
    [expect.stringContaining('the send r1 of session 7')],
  );
});

test('a history that shows nothing does not pass', () => {
  expect(Object.keys(found([])).toSorted()).toEqual(['I1', 'I3', 'I8']);
});
