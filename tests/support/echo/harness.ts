import { afterEach, expect } from 'vitest';
import { connect, type Client, type ConnectOptions } from '#lib/rpc/client.ts';
import { RpcError } from '#lib/rpc/status.ts';
import { serveEcho, type EchoServer, type EchoServerOptions } from './echo-service.ts';
import { EchoService } from './v1/echo_pb.ts';

/** What a test opened; closed after it, the latest first. */
export const closing: (() => void | Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

export async function startServer(options: EchoServerOptions = {}): Promise<EchoServer> {
  const server = await serveEcho(options);
  closing.push(() => server.drain(0));
  return server;
}

export function connectTo(
  server: EchoServer,
  options: Partial<ConnectOptions> = {},
): Client<typeof EchoService> {
  const client = connect(EchoService, { address: server.address, apiKey: 'user', ...options });
  closing.push(() => client.close());
  return client;
}

export async function refusal(call: Promise<unknown>): Promise<RpcError> {
  const error = await call.then(
    () => new Error('the call succeeded'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(RpcError);
  return error as RpcError;
}

export async function collect<T>(responses: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const response of responses) all.push(response);
  return all;
}
