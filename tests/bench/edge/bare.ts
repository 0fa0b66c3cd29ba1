/* The measure: an echo behind connect-node alone, over HTTP/1.1. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { EchoService } from '../../support/echo/v1/echo_pb.ts';
import { serveUsage } from './control.ts';

const adapter = connectNodeAdapter({
  routes: (router) => router.service(EchoService, { echo: ({ text, payload }) => ({ text, payload }) }),
});
const server = createServer(adapter);
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address() as AddressInfo;
console.log(JSON.stringify({ kind: 'serving', port, usage: await serveUsage() }));
process.once('SIGTERM', () => process.exit(0));
