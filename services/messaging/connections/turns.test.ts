import { describe, expect, test } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { createFakeClock } from '#lib/lifecycle/clock-fake.ts';
import { Pacer } from './pacer.ts';
import { Turns } from './turns.ts';

const METHOD = 'messages.sendMessage';

function turnsOf(options: { atOnce?: number; mostWaiting?: number } = {}) {
  const clock = createFakeClock();
  const pacer = new Pacer(clock);
  const turns = new Turns({ clock, pacer, ...options });
  const went: string[] = [];
  const enter = (caller: string, more: { method?: string; deadlineMs?: number; signal?: AbortSignal } = {}) =>
    turns.enter({ caller, method: METHOD, deadlineMs: 600_000, ...more }).then(() => void went.push(caller));
  return { clock, pacer, turns, went, enter };
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}

test('callers take turns, whoever has how many waiting', async () => {
  const { turns, went, enter } = turnsOf({ atOnce: 1 });
  await enter('a');
  const waiting = ['a', 'a', 'a', 'b', 'c', 'b'].map((caller) => enter(caller));
  expect({ queued: turns.queued, running: turns.running }).toEqual({ queued: 6, running: 1 });
  for (const _ of waiting) {
    turns.leave();
    await settled();
  }
  expect(went.join('')).toBe('aabcaba');
  turns.leave();
  expect({ queued: turns.queued, running: turns.running }).toEqual({ queued: 0, running: 0 });
});

test('so many wait, and no more; who gives up or is late makes room', async () => {
  const { clock, turns, enter } = turnsOf({ atOnce: 1, mostWaiting: 2 });
  await enter('a');
  const giveUp = new AbortController();
  const abandoned = enter('a', { signal: giveUp.signal });
  const late = enter('b', { deadlineMs: 1_000 });
  await expect(enter('c')).rejects.toMatchObject({ reason: ErrorReason.QUOTA_EXCEEDED });
  giveUp.abort();
  await expect(abandoned).rejects.toMatchObject({ reason: ErrorReason.CANCELLED });
  const ended = late.catch((error: unknown) => error);
  await clock.advance(1_001);
  expect(await ended).toMatchObject({ reason: ErrorReason.DEADLINE_EXCEEDED });
  expect(turns.queued).toBe(0);
  const next = enter('c');
  turns.leave();
  await next;
  expect(turns.running).toBe(1);
});

test('when the session ends, whoever waits is told why', async () => {
  const { turns, enter } = turnsOf({ atOnce: 1 });
  await enter('a');
  const waiting = enter('b');
  turns.close(new Error('it is over'));
  await expect(waiting).rejects.toThrow('it is over');
});

describe('pace', () => {
  test('a method that Telegram made wait goes no faster than before that; others are not held up', async () => {
    const { clock, pacer, turns, went, enter } = turnsOf();
    for (let call = 0; call < 10; call += 1) {
      await enter('a');
      turns.leave();
      await clock.advance(100);
    }
    went.length = 0;
    // 10 calls in a second were too many.
    pacer.waited(METHOD);
    void enter('a');
    void enter('b');
    await enter('other', { method: 'users.getUsers' });
    expect(went).toEqual(['other']);
    await clock.advance(151);
    expect(went).toEqual(['other', 'a']);
    await clock.advance(148);
    expect(went).toEqual(['other', 'a']);
    await clock.advance(3);
    expect(went).toEqual(['other', 'a', 'b']);
  });

  test('more waits make it slower; many at the same moment are one', async () => {
    const { clock, pacer } = turnsOf();
    pacer.began(METHOD);
    await clock.advance(1_000);
    pacer.waited(METHOD);
    const first = pacer.untilMs(METHOD);
    expect(first).toBe(1_500);
    pacer.waited(METHOD);
    expect(pacer.untilMs(METHOD)).toBe(first);
    await clock.advance(1_500);
    pacer.began(METHOD);
    await clock.advance(100);
    pacer.waited(METHOD);
    expect(pacer.untilMs(METHOD)).toBeGreaterThan(first);
    for (let wait = 0; wait < 20; wait += 1) {
      await clock.advance(60_000);
      pacer.waited(METHOD);
    }
    expect(pacer.untilMs(METHOD)).toBe(10_000);
  });

  test('after a while without a wait it is let up, until it is none', async () => {
    const { clock, pacer } = turnsOf();
    pacer.began(METHOD);
    await clock.advance(100);
    pacer.waited(METHOD);
    expect(pacer.untilMs(METHOD)).toBe(150);
    await clock.advance(300_001);
    pacer.began(METHOD);
    expect(pacer.untilMs(METHOD)).toBe(75);
    await clock.advance(300_001);
    pacer.began(METHOD);
    expect(pacer.untilMs(METHOD)).toBe(0);
  });
});
