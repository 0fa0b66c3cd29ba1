import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { Authenticate } from '#lib/auth/authenticate.ts';
import { systemClock, type Clock } from '#lib/lifecycle/clock.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import { Admission } from './admission.ts';
import { createCallLog } from './call-log.ts';
import type { Route, ServerState } from './call.ts';
import { methodPath, serviceDefinition } from './definition.ts';
import { drainServer } from './drain.ts';
import { serveHealth } from './health.ts';
import type { Implementation } from './implement.ts';
import { callInterceptor } from './interceptor.ts';
import { defaultLimits, type Limits } from './limits.ts';
import { serveReflection } from './reflection.ts';
import { callMetrics, methodTelemetry } from './tracing.ts';

export interface ServerTls {
  cert: Buffer;
  key: Buffer;
  /** Set, every caller must show a certificate of this authority. */
  clientCa?: Buffer;
}

export interface ServeOptions {
  host: string;
  /** 0 takes a free port. */
  port: number;
  implementations: readonly Implementation[];
  authenticate: Authenticate;
  tls?: ServerTls;
  reflection: 'on' | 'authenticated' | 'off';
  limits?: Partial<Limits>;
  log: Logger;
  clock?: Clock;
}

export interface RpcServer {
  readonly port: number;
  /** What the health service answers; it begins with NOT_SERVING. */
  setServing(isServing: boolean): void;
  /** Calls that are open now, by kind. */
  readonly open: { readonly unary: number; readonly streams: number };
  /**
   * Stops: health says NOT_SERVING, streams are told to go away, new calls are refused; what is still open
   * after the grace time is ended with GOING_AWAY. Resolves when the port is closed.
   */
  drain(graceMs: number): Promise<void>;
}

export async function serve(options: ServeOptions): Promise<RpcServer> {
  const limits = { ...defaultLimits, ...options.limits };
  const state: ServerState = {
    authenticate: options.authenticate,
    limits,
    log: options.log,
    clock: options.clock ?? systemClock,
    admission: new Admission(limits),
    metrics: callMetrics('server'),
    callLog: createCallLog(options.log),
    openCalls: new Set(),
    draining: false,
  };
  const { interceptor, endOthers } = callInterceptor(
    state,
    routesOf(options.implementations),
    options.reflection,
  );
  const server = new Server({
    interceptors: [interceptor],
    'grpc.max_receive_message_length': limits.maxMessageBytes,
    'grpc.max_concurrent_streams': limits.maxStreamsPerConnection,
    'grpc.keepalive_time_ms': limits.keepaliveTimeMs,
    'grpc.keepalive_timeout_ms': limits.keepaliveTimeoutMs,
    'grpc.enable_channelz': 0,
  });
  const services = options.implementations.map(({ service }) => service);
  for (const service of services) server.addService(serviceDefinition(service), {});
  const health = serveHealth(
    server,
    services.map(({ typeName }) => typeName),
  );
  if (options.reflection !== 'off') serveReflection(server, services);
  const port = await bind(server, options);
  let drained: Promise<void> | undefined;

  return {
    port,
    open: state.admission,
    setServing(isServing) {
      if (!state.draining) health.setServing(isServing);
    },
    drain(graceMs) {
      drained ??= drainServer({ server, state, health, endOthers, graceMs });
      return drained;
    },
  };
}

function routesOf(implementations: readonly Implementation[]): ReadonlyMap<string, Route> {
  const routes = new Map<string, Route>();
  for (const implemented of implementations.flatMap(({ methods }) => methods)) {
    const path = methodPath(implemented.method);
    const kind = implemented.method.methodKind === 'unary' ? 'unary' : 'stream';
    routes.set(path, { ...implemented, path, kind, telemetry: methodTelemetry('server', path) });
  }
  return routes;
}

function bind(server: Server, { host, port, tls }: ServeOptions): Promise<number> {
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const credentials = tls
    ? ServerCredentials.createSsl(
        tls.clientCa ?? null,
        [{ cert_chain: tls.cert, private_key: tls.key }],
        tls.clientCa !== undefined,
      )
    : ServerCredentials.createInsecure();
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, boundPort) => {
      if (error)
        reject(new Error(`gRPC can not be served on ${address}: ${error.message}`, { cause: error }));
      else resolve(boundPort);
    });
  });
}
