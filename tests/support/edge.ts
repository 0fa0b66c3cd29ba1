import {
  createClient,
  ConnectError,
  type Client as ConnectClient,
  type Transport,
} from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import { pino } from 'pino';
import { expect } from 'vitest';
import { ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import type { CallContext } from '#lib/rpc/implement.ts';
import { bridge, type BridgeOptions } from '../../services/gateway/bridge.ts';
import { serveEdge, type EdgeServing, type ServeEdgeOptions } from '../../services/gateway/serve.ts';
import { serveEcho, testAuthenticator, type EchoServerOptions } from './echo/echo-service.ts';
import { closing, connectTo } from './echo/harness.ts';
import { EchoService } from './echo/v1/echo_pb.ts';

/** A gateway before an echo service. */
export interface Setup extends EdgeServing {
  url: string;
  call(path: string, options?: RequestInit & { key?: string }): Promise<Response>;
  revoke(): void;
  logLines: Record<string, unknown>[];
}

export const ECHO = '/telegate.test.echo.v1.EchoService';

export async function setUp(
  echo: EchoServerOptions = {},
  options: Partial<ServeEdgeOptions> & { bridge?: BridgeOptions<typeof EchoService>; address?: string } = {},
): Promise<Setup> {
  const { bridge: bridgeOptions, address, ...serveOptions } = options;
  const server = await serveEcho(echo);
  closing.push(() => server.drain(0));
  const client = connectTo(server, address === undefined ? {} : { address });
  const { authenticate, revoke } = testAuthenticator();
  const logLines: Record<string, unknown>[] = [];
  const edge = await serveEdge({
    host: '127.0.0.1',
    port: 0,
    bridges: [bridge(EchoService, client, bridgeOptions)],
    routes: [],
    authenticate,
    corsOrigins: [],
    log: pino({ level: 'debug', base: null }, { write: (line) => void logLines.push(JSON.parse(line)) }),
    clock: systemClock,
    ...serveOptions,
  });
  closing.push(() => edge.drain(0));
  const url = `http://127.0.0.1:${edge.port}`;
  return Object.assign(Object.create(edge) as EdgeServing, {
    url,
    revoke,
    logLines,
    call: (path: string, { key = 'user', headers, ...init }: RequestInit & { key?: string } = {}) =>
      fetch(url + path, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'x-api-key': key,
          ...(headers as Record<string, string>),
        },
        body: '{}',
        ...init,
      }),
  });
}

type Interceptors = NonNullable<Parameters<typeof createConnectTransport>[0]['interceptors']>;

const withKey = (key: string): Interceptors => [
  (next) => (request) => {
    request.header.set('x-api-key', key);
    return next(request);
  },
];

export const transports: Record<string, (baseUrl: string, key: string) => Transport> = {
  'Connect over HTTP/1.1': (baseUrl, key) =>
    createConnectTransport({ baseUrl, httpVersion: '1.1', interceptors: withKey(key) }),
  'Connect over HTTP/2': (baseUrl, key) =>
    createConnectTransport({ baseUrl, httpVersion: '2', interceptors: withKey(key) }),
  'Connect with JSON': (baseUrl, key) =>
    createConnectTransport({ baseUrl, httpVersion: '2', useBinaryFormat: false, interceptors: withKey(key) }),
  'gRPC-Web over HTTP/1.1': (baseUrl, key) =>
    createGrpcWebTransport({ baseUrl, httpVersion: '1.1', interceptors: withKey(key) }),
  gRPC: (baseUrl, key) => createGrpcTransport({ baseUrl, interceptors: withKey(key) }),
};

export function clientOf(
  url: string,
  name = 'Connect over HTTP/2',
  key = 'user',
): ConnectClient<typeof EchoService> {
  return createClient(EchoService, transports[name]!(url, key));
}

export async function failure(call: Promise<unknown>): Promise<ConnectError> {
  const error = await call.then(
    () => new Error('the call succeeded'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ConnectError);
  return error as ConnectError;
}

export const reasonOf = (error: ConnectError): string | undefined =>
  error.findDetails(ErrorInfoSchema)[0]?.reason;

/** Messages one by one, as the test hands them in. */
export function pushable<T>(): AsyncIterable<T> & { push(item: T): void; end(): void } {
  const items: T[] = [];
  let ended = false;
  let wake: (() => void) | undefined;
  return {
    push(item) {
      items.push(item);
      wake?.();
    },
    end() {
      ended = true;
      wake?.();
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        while (items.length > 0) yield items.shift()!;
        if (ended) return;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}

export function untilAborted({ signal }: CallContext): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
