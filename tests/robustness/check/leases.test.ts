import { describe, expect, test } from 'vitest';
import { checkClock } from './clock.ts';
import { checkDurable } from './durable.ts';
import { checkExclusive } from './exclusive.ts';
import { tell, TTL_MS, type Story } from './fixtures/story.ts';
import { checkHolders } from './holders.ts';
import { checkOutages } from './outages.ts';
import { checkNotEarly, checkNotLate } from './reclaim.ts';
import { checkStale } from './stale.ts';
import { checkTokens } from './tokens.ts';
import type { Timeline } from './timeline.ts';
import type { Verdict } from './verdict.ts';

function found(check: (timeline: Timeline) => Verdict, story: Story): readonly string[] {
  return check(story.timeline()).violations;
}

const ofLeases = [
  checkExclusive,
  checkTokens,
  checkStale,
  checkNotEarly,
  checkNotLate,
  checkClock,
  checkHolders,
  checkDurable,
  checkOutages,
];

test('an ordinary history breaks nothing, and is looked at', () => {
  const story = tell();
  story.wholeLife('1', 1, 'released');
  const next = story.grant('1', 2, 3_100, { client: 'b' });
  story.add({ kind: 'use', t: 3_200, client: 'b', ...next });
  story.end(next, 8_400, 'expired');
  story.wholeLife('2', 1, 'expired');
  for (const check of ofLeases)
    expect([check.name, check(story.timeline()).violations]).toEqual([check.name, []]);
  expect(checkNotEarly(story.timeline()).checked).toBe(2);
  expect(checkDurable(story.timeline()).figures).toEqual({ grants: 3, renewals: 2, releases: 1 });
  expect(checkNotLate(story.timeline()).figures).toEqual({ latestReclaimMs: 300 });
});

describe('I1', () => {
  test('a lease in the place of one that had not ended', () => {
    const story = tell();
    story.grant('1', 1, 1_000);
    story.grant('1', 2, 3_000, { client: 'b' });
    expect(found(checkExclusive, story)).toHaveLength(2);
  });

  test('from outside alone: two clients were told that they hold the same session', () => {
    const story = tell();
    const about = { op: 'acquire', session: '1', expireAt: 0 } as const;
    story.operation({ ...about, t: 1_000, client: 'a', lease: 'one', token: '1' });
    story.operation({ ...about, t: 4_000, client: 'b', lease: 'two', token: '2' });
    expect(found(checkExclusive, story)).toHaveLength(1);
  });

  test('not so when the first may have ended: released, even without an answer; revoked; lost; run out', () => {
    for (const ending of ['release', 'revoke', 'lost', 'time'] as const) {
      const story = tell();
      const first = { session: '1', lease: 'one', token: '1' };
      story.operation({ op: 'acquire', t: 1_000, ...first });
      if (ending === 'lost') story.add({ kind: 'lost', t: 2_000, client: 'a', lease: 'one' });
      else if (ending !== 'time') story.operation({ op: ending, t: 2_000, outcome: 'unknown', ...first });
      const t = ending === 'time' ? 6_001 : 2_001;
      story.operation({ op: 'acquire', t, client: 'b', session: '1', lease: 'two', token: '2' });
      expect(found(checkExclusive, story)).toEqual([]);
    }
  });

  test('two sockets, and a claim on what is claimed', () => {
    const story = tell();
    const about = { kind: 'socket', session: '1', token: '1' } as const;
    story.add({ ...about, what: 'open', t: 1_000, process: 'p' });
    story.add({ ...about, what: 'open', t: 2_000, process: 'q' });
    expect(found(checkExclusive, story)).toHaveLength(1);

    const claimed = tell();
    claimed.wholeLife('1', 1, 'released');
    claimed.change((entry) =>
      entry.kind === 'slot' && entry.lease === null
        ? { ...entry, claimProcess: 'p', claimToken: '1', claimExpireAt: 10_000 }
        : entry,
    );
    const taken = claimed.grant('1', 2, 4_000);
    expect(taken.token).toBe('2');
    expect(found(checkExclusive, claimed)).toHaveLength(1);
  });
});

describe('I2', () => {
  test('a token that comes again or falls', () => {
    for (const token of [4, 5]) {
      const story = tell();
      story.end(story.grant('1', 5, 1_000), 2_000, 'released');
      story.grant('1', token, 3_000);
      expect(found(checkTokens, story)).toHaveLength(1);
    }
  });
});

describe('I3', () => {
  test('a proof that is over, or never was, is accepted', () => {
    for (const op of ['renew', 'report', 'claim', 'release'] as const) {
      const story = tell();
      const lease = story.wholeLife('1', 1, 'released');
      const endedNow = op === 'release' ? { endedNow: true } : {};
      story.operation({ op, t: 4_000, ...lease, ...endedNow });
      expect(found(checkStale, story)).toHaveLength(1);
      const never = tell();
      never.operation({ op, t: 1_500, ...never.grant('1', 1, 1_000), token: '2', ...endedNow });
      expect(found(checkStale, never)).toHaveLength(1);
    }
  });

  test('a late release of the own lease is answered, and a refusal is right', () => {
    const story = tell();
    const lease = story.wholeLife('1', 1, 'released');
    story.operation({ op: 'release', t: 4_000, ...lease, endedNow: false });
    story.operation({ op: 'renew', t: 4_000, ...lease, outcome: 'failed' });
    expect(checkStale(story.timeline())).toMatchObject({ checked: 2, violations: [] });
  });

  test("a lease that ends by somebody else's release", () => {
    const story = tell();
    story.wholeLife('1', 1, 'released');
    story.change((entry) => (entry.kind === 'op' && entry.op === 'release' ? undefined : entry));
    expect(found(checkStale, story)).toHaveLength(1);
  });
});

describe('I4', () => {
  test('reclaimed before the end that the row says', () => {
    const story = tell();
    const lease = story.grant('1', 1, 1_000);
    story.end(lease, 5_900, 'expired');
    expect(found(checkNotEarly, story).length).toBeGreaterThan(0);
  });

  test('reclaimed before the end that an answered renewal promised', () => {
    const story = tell();
    const lease = story.grant('1', 1, 1_000);
    story.operation({ op: 'renew', t: 5_000, end: 5_010, ...lease });
    story.end(lease, 6_200, 'expired');
    expect(found(checkNotEarly, story)).toHaveLength(1);
  });
});

describe('I5', () => {
  const lateBy = (ms: number, tellMore: (story: Story) => void = () => undefined): readonly string[] => {
    const story = tell();
    story.end(story.grant('1', 1, 1_000), 1_000 + TTL_MS + ms, 'expired');
    tellMore(story);
    return found(checkNotLate, story);
  };

  test('a second is in time, more is not', () => {
    expect(lateBy(990)).toEqual([]);
    expect(lateBy(1_100)).toHaveLength(1);
  });

  test('a lease that is never reclaimed', () => {
    const story = tell();
    story.grant('1', 1, 1_000);
    expect(found(checkNotLate, story)).toHaveLength(1);
  });

  test('what the nemesis did counts: an outage, a locked row, a standstill that was measured', () => {
    const both = ['replica-0', 'replica-1'] as const;
    expect(lateBy(3_000, (story) => story.fault({ t: 5_500, lifted: 8_100, down: [...both] }))).toEqual([]);
    expect(lateBy(7_000, (story) => story.fault({ t: 4_000, lifted: 12_100, sessions: ['1'] }))).toEqual([]);
    expect(
      lateBy(1_400, (story) => {
        for (const who of both) story.add({ kind: 'stall', who, t: 6_200, end: 6_800 });
      }),
    ).toEqual([]);
  });

  test('after a long outage the whole TTL counts from when the pool noticed its end', () => {
    const outage = (story: Story): void => {
      story.fault({ t: 2_000, lifted: 8_000, healed: 8_200, down: ['database'] });
      story.add({ kind: 'resume', at: 8_400 });
    };
    expect(lateBy(13_400 - 6_000 + 900, outage)).toEqual([]);
    expect(lateBy(13_400 - 6_000 + 1_100, outage)).toHaveLength(1);
  });

  test('what does not count: one replica alone, the row of another, a standstill of one', () => {
    expect(
      lateBy(3_000, (story) => story.fault({ t: 5_500, lifted: 8_100, down: ['replica-0'] })),
    ).toHaveLength(1);
    expect(lateBy(3_000, (story) => story.fault({ t: 5_500, lifted: 8_100, sessions: ['2'] }))).toHaveLength(
      1,
    );
    expect(
      lateBy(1_400, (story) => story.add({ kind: 'stall', who: 'replica-0', t: 6_200, end: 6_800 })),
    ).toHaveLength(1);
    // The pool may not excuse itself.
    expect(lateBy(3_000, (story) => story.add({ kind: 'resume', at: 5_000 }))).toHaveLength(1);
  });
});

describe('I6', () => {
  test('a renewal that is worth less or more than a TTL from when it was written', () => {
    for (const off of [-4_000, -700, 200, 4_000]) {
      const story = tell();
      story.grant('1', 1, 1_000);
      story.change((entry) =>
        entry.kind === 'slot' ? { ...entry, expireAt: entry.expireAt! + off } : entry,
      );
      expect(found(checkClock, story)).toHaveLength(1);
    }
  });
});

describe('I7', () => {
  test('use after the last acknowledged renewal + TTL − margin', () => {
    const story = tell();
    const lease = story.grant('1', 1, 1_000);
    story.renew(lease, 2_000);
    story.add({ kind: 'use', t: 6_400, client: 'a', ...lease });
    expect(found(checkHolders, story)).toEqual([]);
    story.add({ kind: 'use', t: 6_600, client: 'a', ...lease });
    expect(found(checkHolders, story)).toHaveLength(1);
  });

  test('a renewal counts from when its answer came, and not at all without one', () => {
    const story = tell();
    const lease = story.grant('1', 1, 1_000);
    story.operation({ op: 'renew', t: 4_000, end: 7_000, ...lease });
    story.operation({ op: 'renew', t: 4_000, end: 4_100, outcome: 'unknown', ...lease });
    story.add({ kind: 'use', t: 6_000, client: 'a', ...lease });
    expect(found(checkHolders, story)).toHaveLength(1);
  });

  test('use while somebody else was granted, and of a socket whose claim is too old', () => {
    const story = tell();
    const lease = story.grant('1', 1, 1_000);
    story.end(lease, 1_500, 'revoked');
    story.grant('1', 2, 1_600, { client: 'b' });
    story.add({ kind: 'use', t: 2_000, client: 'a', ...lease });
    expect(found(checkHolders, story)).toHaveLength(1);

    const claimed = tell();
    const held = claimed.grant('1', 1, 1_000);
    claimed.operation({ op: 'claim', t: 1_100, process: 'p', ...held });
    claimed.add({ kind: 'use', t: 11_000, client: 'a', process: 'p', ...held });
    expect(found(checkHolders, claimed)).toEqual([]);
    claimed.add({ kind: 'use', t: 11_200, client: 'a', process: 'p', ...held });
    expect(found(checkHolders, claimed)).toHaveLength(1);
  });
});

describe('I8', () => {
  test('an acknowledged grant, renewal or release that is not in the database', () => {
    const story = tell();
    story.operation({ op: 'acquire', t: 1_000, session: '1', lease: 'gone', token: '1' });
    expect(found(checkDurable, story)).toHaveLength(1);
    const lease = story.grant('2', 1, 1_000);
    story.operation({ op: 'renew', t: 2_000, ...lease, expireAt: 7_003 });
    expect(found(checkDurable, story)).toHaveLength(2);
    story.operation({ op: 'release', t: 3_000, ...lease, endedNow: true });
    expect(found(checkDurable, story)).toHaveLength(3);
  });

  test('one request that got two leases', () => {
    const story = tell();
    story.grant('1', 1, 1_000);
    story.grant('2', 1, 1_000);
    expect(found(checkDurable, story)).toEqual([]);
    story.change((entry) => (entry.kind === 'op' ? { ...entry, requestId: 'same' } : entry));
    expect(found(checkDurable, story)).toHaveLength(1);
  });
});

describe('I10', () => {
  test('a lease lost within a TTL of the end of a long outage', () => {
    for (const [at, count] of [
      [14_000, 1],
      [15_100, 0],
    ] as const) {
      const story = tell();
      story.end(story.grant('1', 1, 1_000), at, 'expired');
      story.fault({ t: 2_000, lifted: 10_000, healed: 10_500, down: ['database'] });
      expect(found(checkOutages, story)).toHaveLength(count);
      expect(checkOutages(story.timeline()).checked).toBe(1);
    }
  });

  test('a short outage, and one replica alone, are none', () => {
    const story = tell();
    story.end(story.grant('1', 1, 1_000), 6_100, 'expired');
    story.fault({ t: 2_000, lifted: 5_000, down: ['database'] });
    story.fault({ t: 100, lifted: 5_900, down: ['replica-1'] });
    expect(checkOutages(story.timeline())).toMatchObject({ checked: 0, violations: [] });
  });
});
