import { once } from 'node:events';
import { connect as dial, createServer, type AddressInfo, type Socket } from 'node:net';
import { status } from '@grpc/grpc-js';
import { expect, test, vi } from 'vitest';
import { closing, connectTo, refusal, startServer } from '../../../tests/support/echo/harness.ts';

test('a connection that was taken and then forgotten is given up, and the next one works', async () => {
  const server = await startServer();
  const port = Number(server.address.split(':').at(-1));
  const taken: Socket[] = [];
  let isSilent = true;
  const between = createServer((socket) => {
    taken.push(socket.on('error', () => undefined));
    if (isSilent) return void socket.resume();
    const onward = dial(port, '127.0.0.1').on('error', () => undefined);
    taken.push(onward);
    socket.pipe(onward).pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(between, 'listening');
  closing.push(() => {
    for (const socket of taken) socket.destroy();
    between.close();
  });
  const address = `127.0.0.1:${(between.address() as AddressInfo).port}`;
  const client = connectTo(server, { address, connectTimeoutMs: 100 });
  expect((await refusal(client.echo({ text: 'one' }, { deadlineMs: 50 }))).code).toBe(
    status.DEADLINE_EXCEEDED,
  );
  expect(taken).toHaveLength(1);
  isSilent = false;
  const answered = async () =>
    expect(await client.echo({ text: 'two' }, { deadlineMs: 500 })).toMatchObject({ text: 'two' });
  await vi.waitFor(answered, { timeout: 5_000 });
});
