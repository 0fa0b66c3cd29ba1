import type { Client as Channel, CallOptions as WireOptions, Metadata } from '@grpc/grpc-js';
import type { DescMessage } from '@bufbuild/protobuf';
import type { Principal } from '#lib/auth/principal.ts';
import type { Clock } from '#lib/lifecycle/clock.ts';
import type { CallMetrics, MethodTelemetry } from './tracing.ts';

export interface CallOptions {
  deadlineMs?: number;
  signal?: AbortSignal;
  metadata?: Record<string, string>;
  /**
   * The call that this one is made for: its caller goes along, it takes no longer than that has left, and it
   * ends with it.
   */
  parent?: { readonly principal: Principal; readonly signal: AbortSignal; remainingMs(): number };
  /**
   * Is handed what cancels a unary call, in place of the parent's signal: a listener on a signal costs a call of
   * a hundred microseconds several of them.
   */
  onCancellable?(cancel: () => void): void;
  /** Streams that stay open for hours: the span ends when the stream is open. */
  isLongLived?: boolean;
}

/** What the calls of one client share. */
export interface ClientState {
  readonly channel: Channel;
  /** Of the called service, for errors on the way to it. */
  readonly dependency: string;
  readonly maxMessageBytes: number;
  readonly clock: Clock;
  readonly metrics: CallMetrics;
  /** Resolved at once where no token has to be made. */
  authorise(metadata: Metadata, options: CallOptions | undefined): void | Promise<void>;
  wireOptions(options: CallOptions | undefined, kind: 'unary' | 'stream'): WireOptions;
}

export interface ClientRoute {
  readonly path: string;
  readonly input: DescMessage;
  readonly output: DescMessage;
  readonly telemetry: MethodTelemetry;
}

/** Both signals that may end a call early; undefined when there are none. */
export function cancelSignals(options: CallOptions | undefined): AbortSignal[] {
  const signals: AbortSignal[] = [];
  if (options?.signal) signals.push(options.signal);
  if (options?.parent && !options.onCancellable) signals.push(options.parent.signal);
  return signals;
}
