import fc from 'fast-check';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createFakeClock } from '#lib/lifecycle/clock-fake.ts';
import { createLogger } from '#lib/telemetry/log.ts';
import type { Way } from './breaker.ts';
import { createBreakers, type Route } from './breakers.ts';
import { DialRefused, DialTimeout, direct, ProxyRefused, type Egress } from './egress.ts';
import { BreakerOpen } from './errors.ts';
import type { Culprit } from './rpc-errors.ts';

const log = createLogger({ service: 'sample', level: 'silent' });
const proxy = (proxyId: string): Egress => ({ kind: 'socks5', proxyId, host: '192.0.2.1', port: 1080 });

function world() {
  const clock = createFakeClock();
  const probes: (Way & { answer: PromiseWithResolvers<void>; signal: AbortSignal })[] = [];
  const heard: string[] = [];
  const breakers = createBreakers({
    clock,
    random: () => 0,
    log,
    probe(way, signal) {
      const answer = Promise.withResolvers<void>();
      probes.push({ ...way, answer, signal });
      return answer.promise;
    },
  });
  breakers.onChange(({ name, position }) => heard.push(`${name} ${position}`));
  const positions = (): Record<string, string> =>
    Object.fromEntries(breakers.states().map(({ name, position }) => [name, position]));
  /** So many accounts on one way. */
  const users = (count: number, egress: Egress, dataCenter = 2): Route[] =>
    Array.from({ length: count }, (_, n) =>
      breakers.enter(`${egress.kind === 'direct' ? '' : egress.proxyId}/${dataCenter}/${n}`, {
        egress,
        dataCenter,
      }),
    );
  /** All of them fail, so many times, never at the moment of the time before. */
  const fails = async (failing: Route | Route[] | undefined, culprit: Culprit, times = 5): Promise<void> => {
    for (let n = 0; n < times; n += 1) {
      await clock.advance(250);
      for (const route of [failing!].flat()) route.failed(culprit);
    }
  };
  return { clock, breakers, probes, heard, positions, users, fails };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));
const isRefused = (route: Route): boolean => {
  try {
    route.check();
    return false;
  } catch (error) {
    if (error instanceof BreakerOpen) return true;
    throw error;
  }
};

test('a failure or four are bad luck, also for an account that is alone', async () => {
  const { users, fails } = world();
  const [route] = users(1, proxy('p'));
  await fails(route, 'proxy', 4);
  expect(isRefused(route!)).toBe(false);
  await fails(route, 'proxy', 1);
  expect(isRefused(route!)).toBe(true);
});

test('many calls that end with one connection are one failure', async () => {
  const { users, clock } = world();
  const [route] = users(1, proxy('p'));
  for (let call = 0; call < 64; call += 1) {
    route!.failed('proxy');
    await clock.advance(3);
  }
  expect(isRefused(route!)).toBe(false);
});

test('a proxy opens when three of its accounts fail, not when one fails three times', async () => {
  const { users, positions, heard, fails } = world();
  const [a, b, c] = users(10, proxy('p')) as [Route, Route, Route];
  await fails([a, b], 'proxy');
  await settle();
  expect(isRefused(a)).toBe(false);
  await fails(c, 'proxy', 1);
  expect(isRefused(a)).toBe(true);
  await settle();
  expect(positions()).toEqual({ 'proxy:p': 'open', 'dc:2': 'closed' });
  expect(heard).toEqual(['proxy:p open']);
});

test.each([1, 2])('with %i accounts on it, all must fail', async (count) => {
  const { users, fails } = world();
  const routes = users(count, proxy('p'));
  for (const route of routes) {
    expect(isRefused(route)).toBe(false);
    await fails(route, 'proxy');
  }
  expect(isRefused(routes[0]!)).toBe(true);
});

test('two sessions of one account are one account', async () => {
  const { breakers, fails } = world();
  const way = { egress: proxy('p'), dataCenter: 2 };
  const twice = [breakers.enter('a', way), breakers.enter('a', way)];
  const other = breakers.enter('b', way);
  await fails(twice, 'proxy');
  expect(isRefused(other)).toBe(false);
  const accounts = () => breakers.states().map((state) => state.accounts);
  expect(accounts()).toEqual([2, 2]);
  twice[0]!.leave();
  expect(accounts()).toEqual([2, 2]);
  twice[1]!.leave();
  expect(accounts()).toEqual([1, 1]);
});

test('one success in between, and it was not the proxy', async () => {
  const { users, fails } = world();
  const [a, b, c, d] = users(4, proxy('p')) as [Route, Route, Route, Route];
  await fails(a, 'proxy');
  await fails(b, 'proxy');
  d.succeeded();
  await fails(c, 'proxy');
  expect(isRefused(a)).toBe(false);
});

test('failures an hour apart have nothing to do with each other', async () => {
  const { users, clock, fails } = world();
  const routes = users(4, proxy('p'));
  for (const route of routes) {
    await fails(route, 'proxy');
    await clock.advance(40_000);
  }
  expect(isRefused(routes[0]!)).toBe(false);
});

test('a data centre opens when it fails over several paths, or over the only one', async () => {
  const several = world();
  several.users(5, proxy('r'));
  const overP = several.users(5, proxy('p'));
  const overQ = several.users(5, proxy('q'));
  await several.fails(overP, 'data-center');
  expect(isRefused(overQ[0]!)).toBe(false);
  overQ[0]!.failed('data-center');
  expect(isRefused(overQ[0]!)).toBe(true);
  expect(isRefused(several.breakers.enter('new', { egress: direct, dataCenter: 2 }))).toBe(true);
  expect(isRefused(several.breakers.enter('new', { egress: direct, dataCenter: 4 }))).toBe(false);

  const only = world();
  const routes = only.users(3, proxy('p'));
  await only.fails(routes, 'data-center');
  expect(only.positions()).toEqual({ 'proxy:p': 'closed', 'dc:2': 'open' });
});

test('one account over its own proxy does not close a data centre for others on that path', async () => {
  const { users, fails } = world();
  const routes = users(5, proxy('p'));
  await fails(routes[0], 'data-center');
  await fails(routes[1], 'data-center');
  expect(isRefused(routes[4]!)).toBe(false);
});

test("what may be either is the proxy's where other paths work, and the data centre's where none does", async () => {
  const sick = world();
  const onSick = sick.users(3, proxy('sick'));
  sick.users(3, proxy('well'));
  await sick.fails(onSick, 'either');
  expect(sick.positions()).toEqual({ 'proxy:sick': 'open', 'proxy:well': 'closed', 'dc:2': 'closed' });

  const dead = world();
  const onP = dead.users(3, proxy('p'));
  const onQ = dead.users(3, proxy('q'));
  await dead.fails([onP[0]!, onQ[0]!, onP[1]!, onQ[1]!, onP[2]!, onQ[2]!], 'either', 2);
  await settle();
  expect(dead.positions()).toEqual({ 'proxy:p': 'closed', 'proxy:q': 'closed', 'dc:2': 'open' });
  // What was held against the proxies before went with it.
  await dead.fails(onP[2], 'proxy', 3);
  expect(dead.positions()['proxy:p']).toBe('closed');
});

test("what is surely a proxy's stays so when the data centre opens", async () => {
  const { users, fails, positions } = world();
  const onP = users(3, proxy('p'));
  const onQ = users(3, proxy('q'));
  await fails([onP[0]!, onP[1]!], 'proxy', 1);
  await fails([onP[0]!, onQ[0]!, onQ[1]!], 'data-center', 2);
  expect(positions()).toEqual({ 'proxy:p': 'closed', 'proxy:q': 'closed', 'dc:2': 'open' });
  await fails(onP[2], 'proxy', 3);
  expect(positions()['proxy:p']).toBe('open');
});

test('the direct path opens when several data centres fail over it', async () => {
  const { users, positions, fails } = world();
  const to2 = users(3, direct, 2);
  const to4 = users(3, direct, 4);
  await fails(to2[0], 'data-center');
  await fails(to2[1], 'data-center');
  expect(positions()['direct']).toBe('closed');
  await fails(to4[0], 'data-center', 1);
  expect(positions()['direct']).toBe('open');
});

test('a data centre that answers that it is in trouble shows that the path works', async () => {
  const { users, positions, fails, clock } = world();
  const [route] = users(1, direct);
  await fails(route, 'either', 4);
  await clock.advance(250);
  route!.troubled();
  expect(positions()).toEqual({ direct: 'closed', 'dc:2': 'open' });
  await fails(route, 'either', 1);
  expect(positions()['direct']).toBe('closed');
});

test('calls that fail while it is probed do not open it again', async () => {
  const { users, positions, fails, clock, probes, heard } = world();
  const routes = users(3, proxy('p'));
  await fails(routes, 'proxy');
  await clock.advance(3_750);
  await fails(routes, 'proxy');
  probes[0]!.answer.resolve();
  await settle();
  expect(positions()['proxy:p']).toBe('closed');
  expect(heard).toEqual(['proxy:p open', 'proxy:p closed']);
});

test('never more than half of the proxies at once, but always one', async () => {
  const { users, positions, probes, clock, fails } = world();
  const all = ['a', 'b', 'c', 'd', 'e'].map((id) => users(1, proxy(id))[0]!);
  await fails(all, 'proxy');
  await settle();
  const open = () => Object.values(positions()).filter((position) => position !== 'closed').length;
  expect(open()).toBe(2);
  await clock.advance(5_000);
  probes[0]!.answer.resolve();
  await settle();
  expect(open()).toBe(1);
  await fails(all[4], 'proxy');
  expect(open()).toBe(2);
});

test('half open sends one probe, on a way somebody uses, while everybody is refused', async () => {
  const { users, probes, clock, positions, heard, fails } = world();
  const routes = users(3, proxy('p'));
  await fails(routes, 'proxy', 2);
  await clock.advance(3_749);
  expect(probes).toHaveLength(0);
  await clock.advance(1);
  expect(probes).toMatchObject([{ egress: { proxyId: 'p' }, dataCenter: 2 }]);
  expect(positions()['proxy:p']).toBe('half_open');
  expect(routes.every(isRefused)).toBe(true);
  await clock.advance(9_000);
  expect(probes).toHaveLength(1);
  probes[0]!.answer.resolve();
  await settle();
  expect(routes.some(isRefused)).toBe(false);
  expect(heard).toEqual(['proxy:p open', 'proxy:p closed']);
  expect(probes[0]!.signal.aborted).toBe(true);
  expect(clock.pendingTimers).toBe(0);
  // What opened it is not held against it again.
  await fails(routes, 'proxy', 1);
  expect(routes.some(isRefused)).toBe(false);
});

test('it is probed in time though the wall clock was set back', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
  const { users, fails, clock, positions } = world();
  await fails(users(1, proxy('p')), 'proxy');
  await settle();
  vi.setSystemTime(0);
  await clock.advance(3_750);
  expect(positions()['proxy:p']).toBe('half_open');
});

test('after each failed probe the next is twice as far off, up to a minute; the refusal says when', async () => {
  const { users, probes, clock, fails } = world();
  const [route] = users(1, proxy('p'));
  await fails(route, 'proxy');
  await settle();
  const waits: number[] = [];
  for (let n = 0; n < 6; n += 1) {
    const refused = expect.objectContaining({ retryAfterMs: expect.any(Number) as number });
    expect(() => route!.check()).toThrow(refused);
    let waited = 0;
    for (; probes.length <= n; waited += 250) await clock.advance(250);
    waits.push(waited);
    probes[n]!.answer.reject(new DialTimeout('proxy', 10_000));
    await settle();
  }
  expect(waits).toEqual([3_750, 7_500, 15_000, 30_000, 45_000, 45_000]);
});

test('a probe without an answer fails after ten seconds, and its work is given up', async () => {
  const { users, probes, clock, positions, fails } = world();
  await fails(users(1, proxy('p'))[0], 'proxy');
  await clock.advance(3_750 + 10_000);
  expect(positions()['proxy:p']).toBe('open');
  expect(probes[0]!.signal.aborted).toBe(true);
});

test('a proxy that carries the probe to a dead data centre works; a dead proxy clears no data centre', async () => {
  const first = world();
  await first.fails(first.users(1, proxy('p'))[0], 'proxy');
  await first.clock.advance(3_750);
  first.probes[0]!.answer.reject(new DialRefused('data-center', 'ECONNREFUSED'));
  await settle();
  expect(first.positions()['proxy:p']).toBe('closed');

  const second = world();
  await second.fails(second.users(1, proxy('p'))[0], 'data-center');
  await second.clock.advance(3_750);
  second.probes[0]!.answer.reject(new ProxyRefused('credentials'));
  await settle();
  expect(second.positions()['dc:2']).toBe('open');
  await second.clock.advance(7_500);
  second.probes[1]!.answer.reject(new DialTimeout('data-center', 5_000));
  await settle();
  expect(second.positions()['dc:2']).toBe('open');
});

test('a data centre is probed over another path each time', async () => {
  const { users, probes, clock, fails } = world();
  await fails([...users(2, proxy('p')), ...users(2, proxy('q'))], 'data-center', 2);
  for (let n = 0; n < 4; n += 1) {
    while (probes.length <= n) await clock.advance(1_000);
    probes[n]!.answer.reject(new Error('no'));
    await settle();
  }
  expect(new Set(probes.map(({ egress }) => egress.kind === 'socks5' && egress.proxyId))).toEqual(
    new Set(['p', 'q']),
  );
});

test('many open breakers share one timer', async () => {
  const { users, clock, fails } = world();
  for (let n = 0; n < 40; n += 1) users(1, proxy(String(n)));
  const sick = Array.from({ length: 20 }, (_, n) => users(1, proxy(String(n)))[0]!);
  await fails(sick, 'proxy');
  await settle();
  expect(clock.pendingTimers).toBe(1);
});

test('breakers leave with their last user; an open one when its probe would be due', async () => {
  const { users, breakers, clock, heard, probes, fails } = world();
  const [well] = users(1, proxy('well'));
  const [sick] = users(1, proxy('sick'));
  await fails(sick, 'proxy');
  await settle();
  well!.leave();
  well!.leave();
  sick!.leave();
  expect(breakers.states().map(({ name }) => name)).toEqual(['proxy:sick']);
  const [back] = users(1, proxy('sick'));
  expect(isRefused(back!)).toBe(true);
  back!.leave();
  await clock.advance(3_750);
  expect(breakers.states()).toEqual([]);
  expect(heard).toEqual(['proxy:sick open', 'proxy:sick closed']);
  expect(probes).toEqual([]);
  expect(clock.pendingTimers).toBe(0);
});

test('after closing nothing is probed and nobody is told', async () => {
  const { users, breakers, clock, probes, heard, fails } = world();
  await fails(users(1, proxy('p'))[0], 'proxy');
  await settle();
  breakers.close();
  await clock.advance(120_000);
  expect(probes).toEqual([]);
  expect(heard).toEqual(['proxy:p open']);
  expect(clock.pendingTimers).toBe(0);
});

test('a probe that ends after closing sets no timer', async () => {
  const { users, breakers, fails, clock, probes } = world();
  await fails(users(1, proxy('p'))[0], 'proxy');
  await clock.advance(3_750);
  breakers.close();
  expect(probes[0]!.signal.aborted).toBe(true);
  probes[0]!.answer.reject(new Error('given up'));
  await settle();
  expect(clock.pendingTimers).toBe(0);
});

test('in any order of failures, answers and comings and goings, no open breaker was blameless', async () => {
  const step = fc.record({
    does: fc.constantFrom('fail', 'fail', 'fail', 'succeed', 'enter', 'leave'),
    who: fc.nat(11),
    culprit: fc.constantFrom<Culprit>('proxy', 'data-center', 'either'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { breakers, fails } = world();
      const routes = new Map<number, Route>();
      const failedOn = new Map<string, Set<number>>();
      const proxies = () => breakers.states().filter(({ kind }) => kind === 'proxy');
      const openProxies = () => proxies().filter(({ position }) => position !== 'closed').length;
      const closedNow = () =>
        new Set(
          breakers
            .states()
            .filter(({ position }) => position === 'closed')
            .map(({ name }) => name),
        );
      let closed = closedNow();
      for (const { does, who, culprit } of steps) {
        const proxyId = `p${who % 3}`;
        const route = routes.get(who);
        if (does === 'enter' && !route)
          routes.set(who, breakers.enter(String(who), { egress: proxy(proxyId), dataCenter: 2 + (who % 2) }));
        if (does === 'leave' && route) {
          route.leave();
          routes.delete(who);
        }
        if (does === 'succeed') route?.succeeded();
        const names = [`proxy:${proxyId}`, `dc:${2 + (who % 2)}`];
        for (const name of names) {
          const failed = failedOn.get(name) ?? new Set();
          failedOn.set(name, failed);
          if (does === 'succeed' && route) failed.clear();
          if (does === 'leave') failed.delete(who);
          const isBlamed = culprit === 'either' || (culprit === 'proxy') === name.startsWith('proxy');
          if (does === 'fail' && route && isBlamed) failed.add(who);
        }
        if (does === 'fail' && route) await fails(route, culprit);
        const opened = breakers
          .states()
          .filter(({ name, position }) => position !== 'closed' && closed.has(name));
        const tooEarly = opened.filter(
          ({ name, accounts }) => failedOn.get(name)!.size < Math.min(3, accounts),
        );
        expect(tooEarly).toEqual([]);
        const share = Math.max(1, Math.floor(proxies().length / 2));
        const isOneMore = opened.some(({ kind }) => kind === 'proxy');
        expect(isOneMore ? openProxies() : 0).toBeLessThanOrEqual(share);
        closed = closedNow();
        await settle();
      }
      breakers.close();
    }),
    { numRuns: 100 },
  );
});
