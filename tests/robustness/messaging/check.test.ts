import { describe, expect, test } from 'vitest';
import type { Entry } from '../history.ts';
import { checkMessaging } from './check.ts';
import type { MailEntry, SendEntry, StreamEntry, ToldEntry } from './entries.ts';

const KEY = 'aa00000000000001';

const send = (more: Partial<SendEntry> = {}): SendEntry => ({
  kind: 'send',
  t: 100,
  end: 110,
  request: 'r1',
  account: 'ann',
  to: 'bob',
  text: 'hello',
  replica: 0,
  under: 'account',
  outcome: 'ok',
  message: 4,
  ...more,
});
const mail = (
  account: string,
  message: number,
  outgoing: boolean,
  more: Partial<MailEntry> = {},
): MailEntry => ({
  kind: 'mail',
  account,
  peer: outgoing ? 'user:2' : 'user:1',
  message,
  text: 'hello',
  outgoing,
  at: 105,
  ...more,
});
const told = (position: number, more: Partial<ToldEntry> = {}): ToldEntry => ({
  kind: 'told',
  t: 120,
  watcher: 'w',
  stream: 1,
  position,
  account: 'bob',
  what: 'messageAdded',
  peer: 'user:1',
  message: 7,
  text: 'hello',
  ...more,
});
const state = (says: string, t = 10): ToldEntry => ({
  kind: 'told',
  t,
  watcher: 'w',
  stream: 1,
  position: 0,
  account: 'bob',
  what: 'connectionState',
  says,
});
const stream = (more: Partial<StreamEntry> = {}): StreamEntry => ({
  kind: 'stream',
  t: 5,
  end: 90_000,
  watcher: 'w',
  stream: 1,
  replica: 0,
  from: undefined,
  endedBy: 'us',
  reason: 'CANCELLED',
  ...more,
});
function claim(id: number, at: number, process: string | null, token: string): Entry {
  return {
    kind: 'slot',
    id,
    at,
    session: '7',
    lease: null,
    token,
    sequence: 0,
    ttlMs: null,
    expireAt: null,
    drainAt: null,
    claimProcess: process,
    claimToken: process === null ? null : token,
    claimExpireAt: process === null ? null : at + 80_000,
  };
}
const event = (what: 'messageSent' | 'messageReceived', account: string, message: number): Entry[] => {
  const id = `${what} ${account} ${message}`;
  const seen = { event: id, subject: id, session: `messaging/${account}`, sequence: 1 };
  const peer = what === 'messageSent' ? 'user:2' : 'user:1';
  return [
    { kind: 'committed', id: 1, at: 100, ...seen },
    { kind: 'streamed', t: 100, ...seen },
    { kind: 'delivered', t: 100, ...seen },
    { kind: 'news', event: id, what, account, peer, message },
  ];
};

/** One send, to an account that is watched. */
const story: Entry[] = [
  { kind: 'telegram', t: 99_000, keysDuplicated: 0, dropped: 0, sessions: { [KEY]: '7' } },
  { kind: 'account', account: 'bob', session: '7', user: '2', isProxied: false },
  { kind: 'watcher', watcher: 'w', accounts: ['bob'] },
  claim(1, 20, 'messaging:1', '1'),
  { kind: 'wire', connection: 1, key: KEY, first: 30, last: 200, closed: 300, packets: 2 },
  { kind: 'served-connection', connection: '1', key: KEY, first: 30, last: 200 },
  { kind: 'served', at: 105, connection: '1', key: KEY, randomId: '5', outcome: 'ok', error: '' },
  send(),
  mail('ann', 4, true),
  mail('bob', 7, false),
  ...event('messageSent', 'ann', 4),
  ...event('messageReceived', 'bob', 7),
  stream(),
  state('CONNECTED', 25),
  told(1),
];

function found(entries: readonly Entry[]): Record<string, string> {
  const broken = checkMessaging(entries).filter(({ violations }) => violations.length > 0);
  return Object.fromEntries(broken.map(({ invariant, violations }) => [invariant, violations.join('; ')]));
}
const without = (drop: (entry: Entry) => boolean): Entry[] => story.filter((entry) => !drop(entry));

test('one send, told of', () => {
  expect(found(story)).toEqual({});
});

test('a history that shows nothing does not pass', () => {
  expect(Object.keys(found([])).toSorted()).toEqual(['I1', 'I3', 'I8', 'W1']);
});

describe('sends', () => {
  test('acknowledged and not there', () => {
    const lost = without((entry) => entry.kind === 'mail' && entry.account === 'bob');
    expect(found(lost)['I8']).toContain('was acknowledged and is not there');
  });

  test('twice, acknowledged or not', () => {
    const twice = [mail('bob', 8, false), told(2, { message: 8 }), ...event('messageReceived', 'bob', 8)];
    expect(found([...story, ...twice])['I8']).toContain("is in its recipient's history 2 times");
    const unknown = without(({ kind }) => kind === 'send');
    expect(found([...unknown, send({ outcome: 'unknown' }), ...twice])['I8']).toContain('2 times');
  });

  test('acknowledged as two messages, or as another', () => {
    expect(found([...story, send({ message: 5 })])['I8']).toContain('different messages');
    expect(found(without(({ kind }) => kind === 'send').concat(send({ message: 5 })))['I8']).toContain(
      'which is another',
    );
  });

  test('never acknowledged', () => {
    expect(
      found([...story, { kind: 'given-up', t: 1, request: 'r1', reason: 'FLOOD_WAIT' }])['I8'],
    ).toContain('never acknowledged');
  });

  test('that nobody had the claim for', () => {
    const late: Entry = {
      kind: 'served',
      at: 70,
      connection: '1',
      key: KEY,
      randomId: '6',
      outcome: 'ok',
      error: '',
    };
    expect(
      found([...story, claim(2, 40, null, '1'), claim(3, 104, 'messaging:2', '2'), late])['I3'],
    ).toContain('which nobody had claimed');
  });
});

describe('events', () => {
  test('two of one message, none of another', () => {
    const again = event('messageReceived', 'bob', 7).filter(({ kind }) => kind === 'news');
    expect(found([...story, ...again])['I9']).toContain('2 events say');
    const silent = without((entry) => entry.kind === 'news' && entry.what === 'messageReceived');
    expect(found(silent)['I9']).toContain('no event says that bob received message 7');
    const unsaid = without((entry) => entry.kind === 'news' && entry.what === 'messageSent');
    expect(found(unsaid)['I9']).toContain('and no event says so');
  });

  test('committed and not in the stream', () => {
    expect(found(without(({ kind }) => kind === 'streamed'))['I9']).toContain('is not in the stream');
  });
});

describe('watches', () => {
  test('a message that was not told of, and one that a gap covers', () => {
    const silent = without((entry) => entry.kind === 'told' && entry.what === 'messageAdded');
    const gap = (says: string): ToldEntry => told(1, { what: 'gap', says, t: 130 });
    expect(found(silent)['W1']).toContain('never heard of message 7');
    expect(found([...silent, gap('reactions may be missing: …')])['W1']).toContain('never heard');
    expect(found([...silent, gap('events may be missing: …')])).toEqual({});
  });

  test('told twice, backwards, or of what is not there', () => {
    expect(found([...story, told(2)])['W1']).toContain('twice');
    const older = [mail('bob', 6, false), ...event('messageReceived', 'bob', 6), told(2, { message: 6 })];
    expect(found([...story, ...older])['W1']).toContain('6 of bob user:1 after 7');
    expect(found([...story, told(0, { message: 8 })])['W1']).toMatch(/was at 1 .*there is not/);
  });
});

describe('streams', () => {
  const others = without(({ kind }) => kind === 'stream');
  const killed: Entry = { kind: 'killed', t: 1_000, process: 'messaging-0' };

  test('that end without a reason, or not with their process', () => {
    expect(found([...others, stream({ endedBy: 'them', reason: 'BROKEN' })])['W2']).toContain('BROKEN');
    expect(found([...others, stream({ endedBy: 'them', reason: 'GOING_AWAY' })])).toEqual({});
    expect(found([...story, killed])['W2']).toContain('outlived messaging-0');
    expect(found([...others, stream({ end: 2_000 }), killed])).toEqual({});
  });

  test('that are not told of a new holder', () => {
    const next = [...story, claim(2, 40_000, 'messaging:2', '2')];
    expect(found(next)['W2']).toContain('heard nothing of bob when messaging:2 had taken it');
    expect(found([...next, state('CONNECTED', 45_000)])).toEqual({});
  });

  test('whose last word is that an account is away', () => {
    expect(found([...story, state('RECONNECTING', 200)])['W2']).toContain('is RECONNECTING');
  });
});
