import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import type { Authenticate } from '#lib/auth/authenticate.ts';
import type { Clock } from '#lib/lifecycle/clock.ts';
import type { Admission } from '#lib/rpc/admission.ts';
import type { CallMetrics } from '#lib/rpc/tracing.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import type { CallerLimits } from './caller-limits.ts';
import type { AllowedOrigins } from './cors.ts';
import type { EdgeCall } from './edge-call.ts';
import type { EdgeLimits } from './limits.ts';

/** What the calls of one gateway share. */
export interface Edge {
  readonly authenticate: Authenticate;
  readonly limits: EdgeLimits;
  readonly admission: Admission;
  readonly callers: CallerLimits;
  readonly origins: AllowedOrigins;
  readonly clock: Clock;
  readonly log: Logger;
  readonly rpcMetrics: CallMetrics;
  readonly openCalls: Set<EdgeCall>;
  draining: boolean;
  /** Called when the last open call has ended. */
  onIdle?: () => void;
}

/** Of HTTP/1.1, or of HTTP/2 through Node's compatibility layer, which has the same shape and a stream. */
export type EdgeRequest = IncomingMessage & { readonly stream?: ServerHttp2Stream };
export type EdgeResponse = ServerResponse & { readonly stream?: ServerHttp2Stream };
