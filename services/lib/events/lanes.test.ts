import { expect, test } from 'vitest';
import { createFakeClock } from '../lifecycle/clock-fake.ts';
import type { BusEvent } from './bus.ts';
import { busEvent, log } from './fixtures/harness.ts';
import { createLanes, type Delivery } from './lanes.ts';

interface Tagged extends Delivery {
  tag: string;
}

function setUp(handle: (event: BusEvent) => Promise<void>, concurrency = 4) {
  const clock = createFakeClock();
  const done: string[] = [];
  const lanes = createLanes<Tagged>({
    durable: 'd',
    system: 'test',
    concurrency,
    handle,
    done: ({ tag }) => void done.push(tag),
    failed: () => undefined,
    clock,
    log,
  });
  const push = (entity: number, position: number, tag = `${entity}/${position}`, redelivered = false): void =>
    lanes.push({ event: busEvent(entity, position), position, redelivered, tag });
  return { clock, done, lanes, push };
}

test('what a dead consumer held is put in order before it is handled', async () => {
  const { clock, done, push } = setUp(async () => undefined);
  for (const position of [13, 11, 14, 12, 10]) push(1, position, String(position), true);
  await clock.advance(50);
  expect(done).toEqual([]);
  await clock.advance(50);
  expect(done).toEqual(['10', '11', '12', '13', '14']);
});

test('an event that is sent again while it is in hand is handled once, and acknowledged as sent last', async () => {
  const gate = Promise.withResolvers<void>();
  let handled = 0;
  const { clock, done, lanes, push } = setUp(() => {
    handled += 1;
    return gate.promise;
  });
  push(1, 1, 'first');
  await clock.advance(0);
  push(1, 1, 'again', true);
  expect(lanes.size).toBe(1);
  gate.resolve();
  await clock.advance(1_000);
  expect(done).toEqual(['again']);
  expect(handled).toBe(1);
});

test('a failing event is tried again ever later, and holds up its own entity alone', async () => {
  const attempts: number[] = [];
  const { clock, done, push } = setUp(async (event) => {
    if (event.entityId !== '1') return;
    attempts.push(clock.now());
    if (attempts.length < 4) throw new Error('not yet');
  });
  push(1, 1);
  push(1, 2);
  push(2, 3);
  await clock.advance(0);
  expect(done).toEqual(['2/3']);
  await clock.advance(5_000);
  expect(done).toEqual(['2/3', '1/1', '1/2']);
  const gaps = attempts.slice(1, 4).map((at, index) => at - attempts[index]!);
  expect(gaps[1]).toBeGreaterThan(gaps[0]!);
  expect(gaps[2]).toBeGreaterThan(gaps[1]!);
});

test('no more run at once than allowed', async () => {
  let running = 0;
  let most = 0;
  const { clock, done, push } = setUp(async () => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
  }, 3);
  for (let entity = 1; entity <= 20; entity++) push(entity, entity);
  for (let turn = 0; turn < 20; turn++) await clock.advance(1);
  expect(done).toHaveLength(20);
  expect(most).toBe(3);
});

test('stopping waits for what runs, starts nothing more, and gives back the rest', async () => {
  const gate = Promise.withResolvers<void>();
  const { clock, done, lanes, push } = setUp(() => gate.promise);
  push(1, 1);
  push(1, 2);
  await clock.advance(0);
  const stopped = lanes.stop(1_000);
  push(3, 3);
  gate.resolve();
  expect((await stopped).map(({ tag }) => tag)).toEqual(['1/2', '3/3']);
  expect(done).toEqual(['1/1']);
});

test('stopping does not wait for ever', async () => {
  const { clock, lanes, push } = setUp(() => new Promise(() => undefined));
  push(1, 1);
  await clock.advance(0);
  const stopped = lanes.stop(1_000);
  await clock.advance(1_000);
  expect(await stopped).toHaveLength(1);
});
