import { createServer as createHttp1, type Server as Http1Server } from 'node:http';
import {
  createSecureServer,
  createServer as createHttp2,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { Clock } from '#lib/lifecycle/clock.ts';
import type { ServerTls } from '#lib/rpc/server.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { EdgeLimits } from './limits.ts';
import type { EdgeRequest, EdgeResponse } from './edge.ts';
import { watchSession } from './http2-session.ts';
import type { EdgeListener } from './listener.ts';
import { answerUnreadable, markAnswering } from './unreadable-request.ts';

export interface EdgeServer {
  readonly port: number;
  /** Takes no new connection, and asks those that are open to end when their requests have. */
  stopAccepting(): void;
  /** Resolves when every connection is closed; cuts off those that are left after the time. */
  close(graceMs: number): Promise<void>;
}

export interface EdgeServerOptions {
  host: string;
  /** 0 takes a free one. */
  port: number;
  listener: EdgeListener;
  limits: EdgeLimits;
  tls?: ServerTls;
  clock: Clock;
  log: Logger;
}

/** HTTP/1.1 and HTTP/2 on one port: told apart by TLS, or without it by a connection's first bytes. */
export async function listenAtEdge(options: EdgeServerOptions): Promise<EdgeServer> {
  const { host, port, limits, clock } = options;
  const sockets = new Set<Socket>();
  const sessions = new Set<ServerHttp2Session>();
  const server = options.tls ? secureServer(options, options.tls, sessions) : clearServer(options, sessions);
  server.maxConnections = limits.maxConnections;
  server.on('connection', (socket: Socket) => {
    socket.setNoDelay(true).setKeepAlive(true, limits.keepaliveTimeMs);
    // A connection that breaks is told by its requests; unheard, the error would end the process.
    socket.on('error', () => undefined);
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)));
    server.listen(port, host, resolve);
  });
  const closed = Promise.withResolvers<void>();

  return {
    port: (server.address() as AddressInfo).port,
    stopAccepting() {
      server.close(() => closed.resolve());
      if ('closeIdleConnections' in server) server.closeIdleConnections();
      for (const session of sessions) session.close();
    },
    async close(graceMs) {
      if ('closeIdleConnections' in server) server.closeIdleConnections();
      const overdue = clock.setTimer(graceMs, () => {
        for (const socket of sockets) socket.destroy();
      });
      await closed.promise;
      overdue.cancel();
    },
  };
}

/** HTTP/2 through Node's compatibility layer, whose requests and answers have the shape of HTTP/1.1's. */
type Http2Listener = (request: Http2ServerRequest, response: Http2ServerResponse) => void;

function clearServer(
  { listener, limits, clock, log }: EdgeServerOptions,
  sessions: Set<ServerHttp2Session>,
): Http1Server {
  const answering = new WeakSet<Socket>();
  const http1 = createHttp1(
    http1Options(limits),
    markAnswering(answering, listener) as (...args: unknown[]) => void,
  );
  answerUnreadable(http1, answering, log);
  const http2 = createHttp2(http2Options(limits), listener as unknown as Http2Listener);
  http2.on('session', (session) => watchSession(session, sessions, limits, clock));
  const [serveHttp1] = http1.listeners('connection') as [(socket: Socket) => void];
  http1.removeAllListeners('connection');
  http1.on('connection', (socket: Socket) => {
    const tooLate = clock.setTimer(limits.headersTimeoutMs, () => socket.destroy());
    socket.once('close', () => tooLate.cancel());
    let start = Buffer.alloc(0);
    const look = (): void => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      start = Buffer.concat([start, chunk]);
      const isPreface = HTTP2_PREFACE.subarray(0, start.length).equals(
        start.subarray(0, HTTP2_PREFACE.length),
      );
      // The beginning of a preface may also be that of an HTTP/1.1 method.
      if (isPreface && start.length < HTTP2_PREFACE.length) return;
      socket.off('readable', look);
      tooLate.cancel();
      socket.unshift(start);
      if (isPreface) {
        // As sockets of an HTTP/2 server are: half-open ones would never be closed.
        socket.allowHalfOpen = false;
        http2.emit('connection', socket);
      } else serveHttp1.call(http1, socket);
    };
    socket.on('readable', look);
  });
  return http1;
}

const HTTP2_PREFACE = Buffer.from('PRI * HTTP/2.0\r\n');

function secureServer(
  { listener, limits, clock, log }: EdgeServerOptions,
  { cert, key, clientCa }: ServerTls,
  sessions: Set<ServerHttp2Session>,
): ReturnType<typeof createSecureServer> {
  const answering = new WeakSet<Socket>();
  const http1Listener = markAnswering(answering, listener);
  const server = createSecureServer(
    {
      ...http2Options(limits),
      ...http1Options(limits),
      allowHTTP1: true,
      handshakeTimeout: limits.headersTimeoutMs,
      cert,
      key,
      ...(clientCa ? { ca: clientCa, requestCert: true, rejectUnauthorized: true } : {}),
    },
    ((request: EdgeRequest, response: EdgeResponse) =>
      (request.httpVersionMajor === 1 ? http1Listener : listener)(
        request,
        response,
      )) as unknown as Http2Listener,
  );
  answerUnreadable(server, answering, log);
  server.on('session', (session) => watchSession(session, sessions, limits, clock));
  return server;
}

function http1Options({ maxHeaderBytes, headersTimeoutMs, requestTimeoutMs }: EdgeLimits) {
  return {
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    // How late the two may be told: by default it is half a minute.
    connectionsCheckingInterval: Math.min(1_000, headersTimeoutMs),
    keepAliveTimeout: 75_000,
  };
}

function http2Options(limits: EdgeLimits) {
  return {
    settings: {
      maxConcurrentStreams: limits.maxStreamsPerConnection,
      maxHeaderListSize: limits.maxHeaderBytes,
      enablePush: false,
    },
    // Streams that are opened only to be reset: so many at once, then so many a second, then the connection ends.
    streamResetBurst: limits.maxStreamsPerConnection,
    streamResetRate: limits.streamResetsPerSecond,
    maxSessionInvalidFrames: 100,
  };
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): Error {
  const why =
    error.code === 'EADDRINUSE'
      ? 'is taken by another program; stop it or set GRPC_PORT'
      : `can not be listened on (${error.code ?? error.message}); set LISTEN_HOST or GRPC_PORT`;
  return new Error(`the address ${host}:${port} ${why}`, { cause: error });
}
