import { createFakeClock, type FakeClock } from '#lib/lifecycle/clock-fake.ts';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { CallTimedOut } from '../link.ts';
import { PlayedServer } from './fixtures/played-server.ts';
import { MemoryStore, playedSession, textsOf } from './fixtures/played-session.ts';
import { Freshness, type Watched } from './freshness.ts';

class Idle implements Watched {
  readonly isConnected = true;
  lastHeardMs = 0;
  probes = 0;
  readonly #clock: FakeClock;
  readonly #tookMs: number;

  constructor(clock: FakeClock, tookMs = 0) {
    this.#clock = clock;
    this.#tookMs = tookMs;
  }

  async probe(): Promise<void> {
    this.probes += 1;
    await new Promise<void>((resolve) => this.#clock.setTimer(this.#tookMs, resolve));
    this.lastHeardMs = this.#clock.monotonic();
  }
}

const RULES = { quietMs: 60_000, sweepMs: 5_000, probesAtOnce: 20 };

test('2,000 sessions need one timer; each quiet one is probed, a few at a time', async () => {
  const clock = createFakeClock();
  const freshness = new Freshness({ clock, ...RULES });
  const sessions = Array.from({ length: 2_000 }, () => new Idle(clock, 1_000));
  for (const session of sessions) freshness.watch(session);
  expect(clock.pendingTimers).toBe(1);
  await clock.advance(59_999);
  expect(sessions.some(({ probes }) => probes > 0)).toBe(false);
  expect(freshness.oldestMs()).toBe(59_999);
  await clock.advance(1);
  expect(sessions.filter(({ probes }) => probes > 0)).toHaveLength(20);
  await clock.advance(25_000);
  expect(sessions.filter(({ probes }) => probes > 0)).toHaveLength(120);
  expect(Math.max(...sessions.map(({ probes }) => probes))).toBe(1);
  for (const session of sessions) freshness.unwatch(session);
  await clock.advance(10_000);
  expect(clock.pendingTimers).toBe(0);
});

test('a session that is heard is not probed; a quiet one finds what was not pushed', async () => {
  const clock = createFakeClock();
  const freshness = new Freshness({ clock, ...RULES });
  const server = new PlayedServer();
  const { loop, notices } = await playedSession(server, { clock, freshness });
  for (let i = 0; i < 10; i += 1) {
    loop.receive(server.push([server.happen('account')]));
    await clock.advance(20_000);
  }
  expect(server.calls.filter((call) => call === 'updates.GetState')).toHaveLength(1);
  server.happen('account');
  server.happen('account');
  await clock.advance(70_000);
  expect(textsOf(notices)).toHaveLength(12);
  expect(loop.probesAhead).toBe(1);
});

test('a session that does not answer grows old, and goes on being asked', async () => {
  const clock = createFakeClock();
  const freshness = new Freshness({ clock, ...RULES });
  const server = new PlayedServer();
  const { loop } = await playedSession(server, { clock, freshness });
  for (let i = 0; i < 3; i += 1) server.faults.push(() => new CallTimedOut(true));
  await clock.advance(70_000);
  expect(freshness.oldestMs()).toBeGreaterThanOrEqual(70_000);
  await clock.advance(10_000);
  expect(freshness.oldestMs()).toBeLessThan(10_000);
  loop.disconnected();
  await clock.advance(600_000);
  expect(freshness.oldestMs()).toBe(0);
  expect(clock.pendingTimers).toBe(0);
});

test('an idle session with 20 channels takes less than 10 kB', async () => {
  const clock = createFakeClock();
  const server = new PlayedServer();
  const channels = () =>
    new Map(
      Array.from({ length: 20 }, (_, index) => [BigInt(index + 1), { pts: 1_000, accessHash: 1n << 60n }]),
    );
  const start = async () => {
    const store = new MemoryStore();
    store.state = { pts: 10, qts: 0, seq: 0, date: 1_000, channels: channels() };
    const { loop } = await playedSession(server, { store, clock, handler: () => undefined });
    store.state = undefined;
    return loop;
  };
  await start();
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  const before = process.memoryUsage().heapUsed;
  const loops = await Promise.all(Array.from({ length: 500 }, start));
  await clock.advance(5_000);
  collect();
  const each = (process.memoryUsage().heapUsed - before) / loops.length;
  expect(loops.every((loop) => loop.isSettled)).toBe(true);
  expect(each).toBeLessThan(10_000);
});
