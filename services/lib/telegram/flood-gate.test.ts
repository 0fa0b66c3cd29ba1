import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createFakeClock } from '#lib/lifecycle/clock-fake.ts';
import { FloodWait } from './errors.ts';
import { createFloodGate, SENDS } from './flood-gate.ts';
import type { WaitKind } from './rpc-errors.ts';

const SESSION = 7n;

function gateWithClock() {
  const clock = createFakeClock();
  return { clock, gate: createFloodGate({ sessionId: SESSION, clock }) };
}

function refusal(check: () => void): FloodWait | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (error instanceof FloodWait) return error;
    throw error;
  }
}

test('a refusal says how long, to the second above, and what is waited for', async () => {
  const { clock, gate } = gateWithClock();
  gate.learn({ kind: 'premium', method: 'messages.search', seconds: 30 });
  await clock.advance(500);
  const refused = refusal(() => gate.check('messages.search'))!;
  expect(refused.wait).toEqual({
    sessionId: SESSION,
    kind: 'premium',
    method: 'messages.search',
    seconds: 30,
  });
  expect(refused.retryAfterMs).toBe(30_000);
  expect(refused.metadata).toEqual({
    session_id: '7',
    scope: 'method',
    method: 'messages.search',
    seconds: '30',
  });
});

test('a wait of a day holds for the day and takes no timer', async () => {
  const { clock, gate } = gateWithClock();
  gate.learn({ kind: 'flood', seconds: 86_400 });
  expect(clock.pendingTimers).toBe(0);
  await clock.advance(86_400_000 - 1);
  expect(refusal(() => gate.check('help.getConfig'))?.wait.seconds).toBe(1);
  await clock.advance(1);
  expect(refusal(() => gate.check('help.getConfig'))).toBeUndefined();
});

test('slow mode holds up whatever is sent to the chat, and no reading and no other chat', () => {
  const { gate } = gateWithClock();
  gate.learn({ kind: 'slow_mode', method: 'messages.sendMessage', peer: 'channel:1', seconds: 10 });
  for (const method of SENDS) expect(refusal(() => gate.check(method, 'channel:1'))).toBeDefined();
  expect(refusal(() => gate.check('messages.getHistory', 'channel:1'))).toBeUndefined();
  expect(refusal(() => gate.check('messages.sendMessage', 'channel:2'))).toBeUndefined();
  expect(refusal(() => gate.check('messages.sendMessage'))).toBeUndefined();
});

test('it tells whether it learned anything', async () => {
  const { clock, gate } = gateWithClock();
  expect(gate.learn({ kind: 'flood', method: 'a', seconds: 10 })).toBe(true);
  expect(gate.learn({ kind: 'flood', method: 'a', seconds: 10 })).toBe(false);
  expect(gate.learn({ kind: 'flood', method: 'a', seconds: 5 })).toBe(false);
  expect(gate.learn({ kind: 'flood', method: 'a', seconds: 11 })).toBe(true);
  await clock.advance(11_000);
  expect(gate.learn({ kind: 'flood', method: 'a', seconds: 1 })).toBe(true);
});

test('more chats than it keeps: the nearest to its end is forgotten, and what has ended before it', async () => {
  const { clock, gate } = gateWithClock();
  gate.learn({ kind: 'flood', method: 'messages.search', seconds: 1 });
  for (let chat = 0; chat < 1_000; chat += 1)
    gate.learn({ kind: 'flood', method: 'm', peer: String(chat), seconds: 100 + ((chat * 7) % 1_000) });
  gate.learn({ kind: 'flood', method: 'm', peer: 'one more', seconds: 100 });
  expect(gate.waits()).toHaveLength(1_001);
  expect(refusal(() => gate.check('m', '0'))).toBeUndefined();
  expect(refusal(() => gate.check('m', '1'))).toBeDefined();
  expect(refusal(() => gate.check('m', 'one more'))).toBeDefined();
  expect(refusal(() => gate.check('messages.search'))).toBeDefined();
  await clock.advance(500_000);
  for (let chat = 0; chat < 300; chat += 1)
    gate.learn({ kind: 'flood', method: 'n', peer: String(chat), seconds: 9_000 });
  expect(refusal(() => gate.check('m', '999'))).toBeDefined();
});

test('a wait that grows takes the place of one', () => {
  const { gate } = gateWithClock();
  for (let seconds = 1; seconds <= 1_500; seconds += 1)
    gate.learn({ kind: 'flood', method: 'm', peer: 'p', seconds });
  gate.learn({ kind: 'flood', method: 'm', peer: 'q', seconds: 9_000 });
  expect(gate.waits()).toHaveLength(2);
});

// Every wait as it was learned, and the rule in one line: what the gate does must be the same, in any order.
const methods = ['a', 'b', 'messages.sendMessage', 'messages.sendMedia'];
const peers = [undefined, 'p', 'q'];
const step = fc.oneof(
  fc.record({
    does: fc.constant('learn' as const),
    kind: fc.constantFrom<WaitKind>('flood', 'premium', 'slow_mode'),
    method: fc.constantFrom(undefined, ...methods),
    peer: fc.constantFrom(...peers),
    seconds: fc.integer({ min: 1, max: 20 }),
  }),
  fc.record({ does: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 12_000 }) }),
);

test('no matching call passes before the time, and no other is refused', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const { clock, gate } = gateWithClock();
      const learned: { method?: string; peer?: string; anySend: boolean; until: number }[] = [];
      for (const done of steps) {
        if (done.does === 'pass') await clock.advance(done.ms);
        else {
          const { kind, method, peer, seconds } = done;
          gate.learn({ kind, ...(method && { method }), ...(peer && { peer }), seconds });
          learned.push({
            method,
            peer,
            anySend: kind === 'slow_mode' && SENDS.has(method ?? '') && peer !== undefined,
            until: clock.monotonic() + seconds * 1_000,
          });
        }
        for (const method of methods)
          for (const peer of peers) {
            const matching = learned.filter(
              (one) =>
                (one.peer === undefined || one.peer === peer) &&
                (one.anySend ? SENDS.has(method) : one.method === undefined || one.method === method),
            );
            const left = Math.max(0, ...matching.map(({ until }) => until - clock.monotonic()));
            expect(refusal(() => gate.check(method, peer))?.wait.seconds ?? 0).toBe(Math.ceil(left / 1_000));
          }
      }
    }),
    { numRuns: 200 },
  );
});
