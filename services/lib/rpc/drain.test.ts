import { status } from '@grpc/grpc-js';
import { expect, test, vi } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { connectTo, refusal, startServer } from '../../../tests/support/echo/harness.ts';

test('a drain tells streams to go away, lets calls finish, and closes the port', async () => {
  const answer = Promise.withResolvers<{ text: string }>();
  const server = await startServer({
    handlers: {
      echo: () => answer.promise,
      async chat(incoming, out, ctx) {
        ctx.onGoAway(() => out.trySend({ goAway: true }));
        for await (const { text } of incoming) await out.send({ text });
      },
    },
  });
  const client = connectTo(server);
  const running = client.echo({});
  const chat = client.chat();
  await chat.opened;
  await vi.waitFor(() => expect(server.open.unary).toBe(1));

  const drained = server.drain(10_000);
  const seen: boolean[] = [];
  for await (const { goAway } of chat.responses) {
    seen.push(goAway);
    answer.resolve({ text: 'finished' });
    chat.end();
  }
  expect(seen).toEqual([true]);
  await expect(running).resolves.toMatchObject({ text: 'finished' });
  await drained;
  const afterwards = await refusal(connectTo(server).echo({}, { deadlineMs: 1_000 }));
  expect(afterwards.code).toBe(status.UNAVAILABLE);
});

test('what is still open after the grace time is ended with a reason', async () => {
  const reasons: unknown[] = [];
  const server = await startServer({
    handlers: {
      echo: (_request, { signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      async chat(incoming) {
        try {
          for await (const _ of incoming);
        } catch (error) {
          reasons.push(error);
        }
      },
    },
  });
  const client = connectTo(server);
  const chat = client.chat();
  await chat.opened;
  const ended = [refusal(client.echo({})), refusal(readAll(chat.responses))];
  await vi.waitFor(() => expect(server.open.unary).toBe(1));
  await server.drain(20);
  for (const error of await Promise.all(ended)) {
    expect(error).toMatchObject({
      code: status.UNAVAILABLE,
      reason: ErrorReason.GOING_AWAY,
      retryAfterMs: 0,
    });
  }
  expect(reasons).toMatchObject([{ reason: ErrorReason.GOING_AWAY }]);
});

test('a listener that fails ends its own call alone', async () => {
  const server = await startServer({
    handlers: {
      async chat(incoming, out, ctx) {
        for await (const { text } of incoming) {
          ctx.onGoAway(() => {
            if (text === 'bad') throw new Error('listener');
            out.trySend({ goAway: true });
          });
          await out.send({ text });
        }
      },
    },
  });
  const client = connectTo(server);
  const chats = [client.chat(), client.chat()];
  const iterators = chats.map(({ responses }) => responses[Symbol.asyncIterator]());
  await chats[0]!.send({ text: 'bad' });
  await chats[1]!.send({ text: 'good' });
  await Promise.all(iterators.map((iterator) => iterator.next()));
  const drained = server.drain(5_000);
  expect((await refusal(iterators[0]!.next())).code).toBe(status.INTERNAL);
  expect(await iterators[1]!.next()).toMatchObject({ value: { goAway: true } });
  chats[1]!.end();
  await drained;
});

async function readAll(responses: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of responses);
}
