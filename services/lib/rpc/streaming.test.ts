import { expect, test, vi } from 'vitest';
import { collect, connectTo, startServer } from '../../../tests/support/echo/harness.ts';

test.each(['in the same turn', 'a turn later'])(
  'what a handler sends behind its end, %s, does not hold the stream open',
  async (when) => {
    const refused: unknown[] = [];
    const server = await startServer({
      handlers: {
        async chat(incoming, out) {
          await incoming[Symbol.asyncIterator]().next();
          await out.send({ text: 'last' });
          const late = (): void => void out.send({ text: 'too late' }).catch((error) => refused.push(error));
          if (when === 'a turn later') setImmediate(late);
          else queueMicrotask(() => queueMicrotask(() => queueMicrotask(() => queueMicrotask(late))));
        },
      },
    });
    for (let call = 1; call <= 20; call += 1) {
      const chat = connectTo(server).chat();
      const answers = collect(chat.responses);
      await chat.send({ text: 'first' });
      expect((await answers).map(({ text }) => text)).toEqual(['last']);
      expect(refused).toHaveLength(call);
    }
    await vi.waitFor(() => expect(server.open).toEqual({ unary: 0, streams: 0 }));
  },
  10_000,
);
