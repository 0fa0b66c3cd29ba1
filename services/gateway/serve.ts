import type { Authenticate } from '#lib/auth/authenticate.ts';
import { within, type Clock } from '#lib/lifecycle/clock.ts';
import { Admission } from '#lib/rpc/admission.ts';
import { GoingAway } from '#lib/rpc/errors.ts';
import type { ServerTls } from '#lib/rpc/server.ts';
import { callMetrics } from '#lib/rpc/tracing.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { Bridge } from './bridge.ts';
import { CallerLimits } from './caller-limits.ts';
import { rpcRoutes } from './connect-handler.ts';
import type { Edge } from './edge.ts';
import { httpRoutes, type HttpRoute } from './http/routing.ts';
import { edgeLimits, type EdgeLimits } from './limits.ts';
import { edgeListener } from './listener.ts';
import { listenAtEdge } from './server.ts';
import { observeOpenCalls } from './tracing.ts';

/** For answers that are complete but not yet with their callers. */
const LAST_BYTES_MS = 500;

export interface ServeEdgeOptions {
  host: string;
  /** 0 takes a free one. */
  port: number;
  bridges: readonly Bridge[];
  routes: readonly HttpRoute[];
  authenticate: Authenticate;
  corsOrigins: readonly string[];
  tls?: ServerTls;
  limits?: Partial<EdgeLimits>;
  log: Logger;
  clock: Clock;
}

export interface EdgeServing {
  readonly port: number;
  /** Requests that were let in and are open now. */
  readonly open: { readonly unary: number; readonly streams: number };
  /**
   * Stops: new requests are refused, streams end with GOING_AWAY, the others have the grace time to finish.
   * Resolves when the port is closed.
   */
  drain(graceMs: number): Promise<void>;
}

export async function serveEdge(options: ServeEdgeOptions): Promise<EdgeServing> {
  const { bridges, routes, clock, log } = options;
  const limits = { ...edgeLimits, ...options.limits };
  const edge: Edge = {
    authenticate: options.authenticate,
    limits,
    admission: new Admission(limits),
    callers: new CallerLimits(limits, clock),
    origins: new Set(options.corsOrigins),
    clock,
    log,
    rpcMetrics: callMetrics('server'),
    openCalls: new Set(),
    draining: false,
  };
  const server = await listenAtEdge({
    host: options.host,
    port: options.port,
    listener: edgeListener(edge, rpcRoutes(edge, bridges), httpRoutes(routes)),
    limits,
    tls: options.tls,
    clock,
    log,
  });

  const stopObserving = observeOpenCalls(edge.openCalls);

  async function drain(graceMs: number): Promise<void> {
    edge.draining = true;
    server.stopAccepting();
    // A stream has no end to wait for, and nothing is lost with it: its caller opens one elsewhere.
    for (const call of edge.openCalls) if (call.isStream) call.end(new GoingAway());
    const idle = Promise.withResolvers<void>();
    edge.onIdle = idle.resolve;
    if (edge.openCalls.size > 0) await within(clock, graceMs, idle.promise);
    await server.close(LAST_BYTES_MS);
    stopObserving();
  }

  let drained: Promise<void> | undefined;
  return {
    port: server.port,
    open: edge.admission,
    drain: (graceMs) => (drained ??= drain(graceMs)),
  };
}
