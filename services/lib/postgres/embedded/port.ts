import { once } from 'node:events';
import { createServer } from 'node:net';

/** The port itself if it is free now on 127.0.0.1, for 0 any free one; else undefined. */
export async function freePort(port: number): Promise<number | undefined> {
  const server = createServer();
  server.listen({ port, host: '127.0.0.1', exclusive: true });
  try {
    await once(server, 'listening');
  } catch {
    return undefined;
  }
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' ? address?.port : undefined;
}
