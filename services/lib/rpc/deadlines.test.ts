import { status } from '@grpc/grpc-js';
import { expect, test, vi } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { createFakeClock } from '#lib/lifecycle/clock-fake.ts';
import { collect, connectTo, refusal, startServer } from '../../../tests/support/echo/harness.ts';
import { effectiveDeadline, shrink } from './deadlines.ts';
import type { CallContext } from './implement.ts';

const limits = { defaultDeadlineMs: 30_000, maxDeadlineMs: 300_000 };

test('a unary call gets the default, keeps its own, and is cut to the maximum', () => {
  expect(effectiveDeadline('unary', Infinity, 1_000, limits)).toEqual({ at: 31_000, serverLimitMs: 30_000 });
  expect(effectiveDeadline('unary', 61_000, 1_000, limits)).toEqual({ at: 61_000, serverLimitMs: undefined });
  expect(effectiveDeadline('unary', 900_000, 1_000, limits)).toEqual({ at: 301_000, serverLimitMs: 300_000 });
});

test('a stream has no deadline but its own and its maximum age', () => {
  expect(effectiveDeadline('stream', Infinity, 0, limits)).toEqual({
    at: Infinity,
    serverLimitMs: undefined,
  });
  expect(effectiveDeadline('stream', 900_000, 0, limits)).toEqual({ at: 900_000, serverLimitMs: undefined });
  const aged = { ...limits, maxStreamAgeMs: 5_000 };
  expect(effectiveDeadline('stream', Infinity, 0, aged)).toEqual({ at: 5_000, serverLimitMs: 5_000 });
});

test('a deadline shrinks at each hop and never grows', () => {
  expect(shrink(Infinity, 30_000)).toBe(30_000);
  expect(shrink(10_000, 30_000)).toBe(9_980);
  expect(shrink(100, 30_000)).toBe(95);
  expect(shrink(10_000, 500)).toBe(500);
  expect(shrink(0, 500)).toBe(0);
});

function never(): Promise<never> {
  return new Promise(() => {});
}

test("a call without a deadline ends at the server's default, with the limit named", async () => {
  const clock = createFakeClock({ now: Date.now() });
  const contexts: CallContext[] = [];
  const echo = (_request: unknown, ctx: CallContext): Promise<never> => {
    contexts.push(ctx);
    return never();
  };
  const server = await startServer({ clock, handlers: { echo } });
  const call = refusal(connectTo(server, { defaultDeadlineMs: Infinity }).echo({}));
  await vi.waitFor(() => expect(contexts).toHaveLength(1));
  expect(contexts[0]!.remainingMs()).toBe(30_000);
  await clock.advance(29_999);
  expect(contexts[0]!.signal.aborted).toBe(false);
  await clock.advance(1);
  expect(contexts[0]!.signal.aborted).toBe(true);
  expect(await call).toMatchObject({
    code: status.DEADLINE_EXCEEDED,
    reason: ErrorReason.DEADLINE_EXCEEDED,
    metadata: { limit: '30s' },
  });
});

test('a deadline beyond the maximum is cut', async () => {
  const server = await startServer({ limits: { maxDeadlineMs: 50 }, handlers: { echo: never } });
  expect(await refusal(connectTo(server).echo({}, { deadlineMs: 60_000 }))).toMatchObject({
    code: status.DEADLINE_EXCEEDED,
    metadata: { limit: '50ms' },
  });
});

test("the caller's own deadline ends the call at the server too", async () => {
  const contexts: CallContext[] = [];
  const server = await startServer({
    handlers: {
      echo(_request, ctx) {
        contexts.push(ctx);
        return never();
      },
    },
  });
  const error = await refusal(connectTo(server).echo({}, { deadlineMs: 50 }));
  expect(error).toMatchObject({ code: status.DEADLINE_EXCEEDED, reason: ErrorReason.DEADLINE_EXCEEDED });
  expect(error.metadata).toEqual({});
  await vi.waitFor(() => expect(contexts[0]!.signal.aborted).toBe(true));
});

test('a call made for another takes no longer than that has left, and ends with it', async () => {
  const inner: CallContext[] = [];
  const server = await startServer({
    handlers: {
      echo(_request, ctx) {
        inner.push(ctx);
        return never();
      },
    },
  });
  const giveUp = new AbortController();
  const client = connectTo(server);
  const parent = { principal: {} as never, signal: giveUp.signal, remainingMs: () => 10_000 };
  const call = refusal(client.echo({}, { parent, deadlineMs: 60_000 }));
  await vi.waitFor(() => expect(inner).toHaveLength(1));
  expect(inner[0]!.remainingMs()).toBeLessThanOrEqual(9_980);
  giveUp.abort();
  expect((await call).code).toBe(status.CANCELLED);
  const late = { ...parent, signal: new AbortController().signal, remainingMs: () => 0 };
  await expect(client.echo({}, { parent: late })).rejects.toMatchObject({ code: status.DEADLINE_EXCEEDED });
});

test('a stream ends at its maximum age, and is told to go away first', async () => {
  const server = await startServer({
    limits: { maxStreamAgeMs: 50 },
    handlers: {
      async chat(_incoming, out, ctx) {
        ctx.onGoAway(() => out.trySend({ goAway: true }));
        await never();
      },
    },
  });
  const chat = connectTo(server).chat();
  const seen: boolean[] = [];
  const error = await refusal(
    (async () => {
      for await (const { goAway } of chat.responses) seen.push(goAway);
    })(),
  );
  expect(seen).toEqual([true]);
  expect(error).toMatchObject({ code: status.DEADLINE_EXCEEDED, metadata: { limit: '50ms' } });
  expect(await collect(connectTo(server).repeat({ count: 2 }))).toHaveLength(2);
});
