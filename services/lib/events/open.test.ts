import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { natsMissing, startNats } from '../../../tests/support/nats.ts';
import { pause, systemClock } from '../lifecycle/clock.ts';
import { busEvent, createSeen, log } from './fixtures/harness.ts';
import { openNatsBus } from './nats.ts';
import { toPattern } from './postgres-queries.ts';

test('without a NATS server the start gives up after its time and says what to do', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  await expect(openNatsBus({ url: `nats://user:pass@127.0.0.1:${port}`, log, waitMs: 200 })).rejects.toThrow(
    new RegExp(`no NATS server with JetStream answered at 127.0.0.1:${port} within 0.2 s .* unset NATS_URL`),
  );
});

describe.skipIf(natsMissing)(`with a server ${natsMissing ? `(${natsMissing})` : ''}`, () => {
  test('two processes that start at once agree on stream and durable; a changed durable is brought up to date', async () => {
    const nats = await startNats();
    const [one, two] = await Promise.all([
      openNatsBus({ url: nats.url, log }),
      openNatsBus({ url: nats.url, log }),
    ]);
    const seen = createSeen();
    const before = { durable: 'd', subjects: ['telegate.v1.messaging.>'], handle: seen.handle };
    await Promise.all([one.consume(before), two.consume(before)]);
    await one.close();
    await two.close();

    const three = await openNatsBus({ url: nats.url, log });
    await three.consume({ ...before, subjects: ['telegate.v1.session_pool.>'] });
    const event = busEvent(1, 1);
    expect(await three.publish([event])).toEqual([{ ok: true, duplicate: false }]);
    await seen.waitFor([event]);
    await three.close();
    await nats.stop();
  });

  test('an event that takes longer than the broker waits for its acknowledgement is not given out again', async () => {
    const nats = await startNats();
    const bus = await openNatsBus({ url: nats.url, log, ackWaitMs: 500 });
    const seen = createSeen(() => pause(systemClock, 700));
    await bus.consume({ durable: 'slow', subjects: ['telegate.v1.>'], handle: seen.handle });
    const events = [busEvent(1, 1), busEvent(1, 2), busEvent(1, 3)];
    await bus.publish(events);
    await seen.waitFor(events);
    expect(seen.events).toHaveLength(3);
    await bus.close();
    await nats.stop();
  });
});

test.each([
  ['telegate.v1.pool.*.added', 'telegate.v1.pool.7.added', true],
  ['telegate.v1.pool.*.added', 'telegate.v1.pool.7.removed', false],
  ['telegate.v1.pool.*.added', 'telegate.v1.pool.7.8.added', false],
  ['telegate.v1.>', 'telegate.v1.pool.7.added', true],
  ['telegate.v1.>', 'telegate.v1', false],
  ['telegate.v1.pool.7.added', 'telegatexv1.pool.7.added', false],
])('the pattern %s and the subject %s: %s', (pattern, subject, matches) => {
  expect(new RegExp(toPattern(pattern)).test(subject)).toBe(matches);
});

test.each(['a.>.b', "a'; drop", 'a.b*', ''])('the pattern %s is refused', (pattern) => {
  expect(() => toPattern(pattern)).toThrow('is not a subject pattern');
});
