import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expired, systemClock, within, type Clock } from '../lifecycle/clock.ts';
import type { Logger } from './log.ts';
import { metricsText } from './metrics.ts';

export interface Readiness {
  ok: boolean;
  /** What is missing, for people: `database`, `migrations`, `telegram`. */
  waitingFor?: string[];
}

export interface AdminServerOptions {
  host: string;
  /** 0 takes a free one. */
  port: number;
  ready(): Promise<Readiness> | Readiness;
  log: Logger;
  clock?: Clock;
}

export interface AdminServer {
  port: number;
  close(): Promise<void>;
}

const READY_LIMIT_MS = 2_000;
const REQUEST_LIMIT_MS = 10_000;
const MAX_HEADER_BYTES = 8 * 1024;

/** `/livez`: the process turns; `/readyz`: it can do its work; `/metrics`: Prometheus' text. */
export async function startAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const server = createServer(
    { maxHeaderSize: MAX_HEADER_BYTES, requestTimeout: REQUEST_LIMIT_MS, headersTimeout: REQUEST_LIMIT_MS },
    (request, response) => {
      answer(request, response, options).catch((error: unknown) => {
        options.log.error({ event: 'admin_request_failed', err: error }, 'an admin request failed');
        if (!response.headersSent) reply(response, 500, 'internal error\n');
      });
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, options)));
    server.listen(options.port, options.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      return new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: AdminServerOptions,
): Promise<void> {
  request.resume();
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return reply(response, 405, 'only GET and HEAD are answered here\n', { allow: 'GET, HEAD' });
  const [path] = (request.url ?? '/').split('?', 1);
  switch (path) {
    case '/livez':
      return reply(response, 200, 'ok\n');
    case '/readyz': {
      const readiness = await askReadiness(options);
      return reply(response, readiness.ok ? 200 : 503, `${JSON.stringify(readiness)}\n`, {
        'content-type': 'application/json',
      });
    }
    case '/metrics': {
      const text = await metricsText();
      return text === undefined
        ? reply(response, 503, 'metrics have not been started\n')
        : reply(response, 200, text, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
    }
    default:
      return reply(response, 404, 'here are /livez, /readyz and /metrics\n');
  }
}

async function askReadiness(options: AdminServerOptions): Promise<Readiness> {
  const { log, clock = systemClock } = options;
  try {
    const readiness = await within(clock, READY_LIMIT_MS, Promise.resolve(options.ready()));
    return readiness === expired
      ? { ok: false, waitingFor: ['an answer of the readiness check'] }
      : readiness;
  } catch (error) {
    log.warn({ event: 'readiness_check_failed', err: error }, 'the readiness check failed');
    return { ok: false, waitingFor: ['a readiness check that works'] };
  }
}

function reply(
  response: ServerResponse,
  status: number,
  body: string,
  headers: Record<string, string> = { 'content-type': 'text/plain; charset=utf-8' },
): void {
  response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers }).end(body);
}

function listenError(error: NodeJS.ErrnoException, { host, port }: AdminServerOptions): Error {
  const why =
    error.code === 'EADDRINUSE'
      ? 'is taken by another program; stop it or set ADMIN_PORT'
      : `cannot be listened on (${error.code ?? error.message}); set LISTEN_HOST or ADMIN_PORT`;
  return new Error(`the admin address ${host}:${port} ${why}`, { cause: error });
}
