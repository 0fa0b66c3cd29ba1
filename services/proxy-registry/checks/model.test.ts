import { expect, test } from 'vitest';
import { ProxyState } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import { findingOf, nextCheckMs, turnedTo } from './model.ts';

const middle = () => 0.5;

test('a proxy that is down is looked at soon, and ever later, within bounds', () => {
  const pauses = [0, 1, 2, 3, 10, 1_000].map((failures) => nextCheckMs(failures, 300_000, middle));
  expect(pauses).toEqual([300_000, 10_000, 20_000, 40_000, 1_200_000, 1_200_000]);
  expect(nextCheckMs(1, 1_000, middle)).toBe(1_000);
});

test('proxies that were added together drift apart', () => {
  expect(nextCheckMs(0, 100_000, () => 0)).toBe(90_000);
  expect(nextCheckMs(0, 100_000, () => 0.999)).toBeGreaterThan(109_000);
});

test('at the limit is not slow yet', () => {
  expect(findingOf({ latencyMs: 2_000, exitAddress: '' }, 2_000).state).toBe(ProxyState.UP);
  expect(findingOf({ latencyMs: 2_001, exitAddress: '' }, 2_000).state).toBe(ProxyState.SLOW);
});

test.each([
  [ProxyState.UNCHECKED, ProxyState.UP, 'proxyUp'],
  [ProxyState.UNCHECKED, ProxyState.DOWN, 'proxyDown'],
  [ProxyState.DOWN, ProxyState.SLOW, 'proxyUp'],
  [ProxyState.SLOW, ProxyState.DOWN, 'proxyDown'],
  [ProxyState.UP, ProxyState.SLOW, undefined],
  [ProxyState.SLOW, ProxyState.UP, undefined],
  [ProxyState.DOWN, ProxyState.DOWN, undefined],
])('from %i to %i: %s', (before, after, event) => expect(turnedTo(before, after)).toBe(event));
