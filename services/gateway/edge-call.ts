import { status } from '@grpc/grpc-js';
import type { Attributes } from '@opentelemetry/api';
import { anonymous, type Principal } from '#lib/auth/principal.ts';
import type { Authenticated } from '#lib/auth/authenticate.ts';
import type { Timer } from '#lib/lifecycle/clock.ts';
import type { CallKind } from '#lib/rpc/admission.ts';
import { effectiveDeadline } from '#lib/rpc/deadlines.ts';
import {
  Cancelled,
  DeadlineExceeded,
  GoingAway,
  ReaderStalled,
  Unauthenticated,
  type DomainError,
} from '#lib/rpc/errors.ts';
import { InternalError, toDomainError } from '#lib/rpc/status.ts';
import { endSpan, recordCall, type MethodTelemetry } from '#lib/rpc/tracing.ts';
import type { Edge, EdgeRequest, EdgeResponse } from './edge.ts';
import { tellOpened, tellRequest } from './request-log.ts';
import { edgeMetrics, endRequestSpan, startRequestSpan, type RequestTrace } from './tracing.ts';

/** What a request is counted and traced as. */
export type Target =
  | { readonly kind: 'rpc'; readonly telemetry: MethodTelemetry; readonly attributes: RpcAttributes }
  | { readonly kind: 'http'; readonly method: string; readonly route: string };

/** Of the spans of one method, by what is spoken. */
export interface RpcAttributes {
  readonly grpc: Attributes;
  readonly connectrpc: Attributes;
}

export function rpcAttributes({ spanOptions }: MethodTelemetry): RpcAttributes {
  return {
    grpc: { ...spanOptions.attributes, 'rpc.system.name': 'grpc' },
    connectrpc: { ...spanOptions.attributes, 'rpc.system.name': 'connectrpc' },
  };
}

/** How long a request whose answer is complete waits for the caller to end its side. */
const HALF_OPEN_MS = 1_000;

const LEFT = new Cancelled();

/** One request from its headers to the close of its answer. It is the parent of the calls made for it. */
export class EdgeCall {
  principal: Principal = anonymous;
  /** Told once when the call is ended from this side. */
  onEnd: ((reason: DomainError) => void) | undefined;
  readonly request: EdgeRequest;
  readonly response: EdgeResponse;
  readonly trace: RequestTrace;
  readonly #edge: Edge;
  readonly #target: Target;
  #abort: AbortController | undefined;
  #endReason: DomainError | undefined;
  readonly #startedAt = performance.now();
  #deadline: number;
  #admitted: CallKind | undefined;
  #overdue: Timer | undefined;
  #stall: Timer | undefined;
  #revoked: AbortSignal | undefined;
  #code: status = status.OK;
  #failure: DomainError | undefined;
  #spanEnded = false;
  #isClosed = false;

  constructor(edge: Edge, target: Target, request: EdgeRequest, response: EdgeResponse) {
    this.#edge = edge;
    this.#target = target;
    this.request = request;
    this.response = response;
    this.trace = startRequestSpan(nameOf(target), attributesOf(target, request), request.headers);
    this.#deadline = edge.clock.now() + edge.limits.maxDeadlineMs;
    edge.openCalls.add(this);
    response.once('close', () => this.#closed());
  }

  /** Aborts when the caller leaves, its right or time is over, or the gateway stops. */
  get signal(): AbortSignal {
    if (!this.#abort) {
      this.#abort = new AbortController();
      if (this.#endReason) this.#abort.abort(this.#endReason);
    }
    return this.#abort.signal;
  }

  /** Why the call was ended from this side; absent while it goes on. */
  get endReason(): DomainError | undefined {
    return this.#endReason;
  }

  /** Nobody takes the answer any more. Node's answers over HTTP/2 do not say so themselves. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  get isStream(): boolean {
    return this.#admitted === 'stream';
  }

  /** A header of the request. */
  get(name: string): string | undefined {
    const value = this.request.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  remainingMs(): number {
    return Math.max(0, this.#deadline - this.#edge.clock.now());
  }

  /** Lets a known caller in, or throws what it is refused for. `timeoutMs` is what the caller itself allows. */
  admit(kind: CallKind, authenticated: Authenticated, timeoutMs = Infinity): void {
    const { clock, limits, admission, callers, draining } = this.#edge;
    const { principal, revoked } = authenticated;
    if (draining) throw new GoingAway();
    callers.countCall(principal);
    if (kind === 'unary') callers.begin(principal);
    try {
      admission.admit(kind, principal);
    } catch (error) {
      if (kind === 'unary') callers.end(principal);
      throw error;
    }
    this.#admitted = kind;
    this.principal = principal;
    const now = clock.now();
    this.#deadline = effectiveDeadline(kind, now + timeoutMs, now, limits).at;
    this.#overdue?.cancel();
    if (this.#deadline !== Infinity) this.#startOverdueTimer();
    if (kind === 'stream' && revoked) this.#watchRevocation(revoked);
    if (this.#isClosed) this.#release();
  }

  /** For as long as nobody is let in: who is has a time of its own. */
  limitTime(): void {
    if (this.#isClosed || this.#admitted) return;
    const { clock, limits } = this.#edge;
    this.#overdue = clock.setTimer(limits.maxDeadlineMs + limits.overdueMs, () => this.response.destroy());
  }

  /** Refuses a request of an address that sends too many. */
  countAddress(): void {
    this.#edge.callers.countAddress(this.request.socket.remoteAddress ?? 'unknown');
  }

  /** A stream that stays open for hours: its span says how it was opened. */
  opened(): void {
    tellOpened(this.#edge.log, this.#target, this);
    this.#endSpan();
  }

  /** Around each wait for the reader of a stream: one that takes nothing for long is cut off. */
  waitForReader(): { over(): void } {
    const { clock, limits } = this.#edge;
    this.#stall = clock.setTimer(limits.readerStallMs, () => {
      this.end(new ReaderStalled(`The reader took nothing for ${limits.readerStallMs / 1_000} s.`));
      this.response.destroy();
    });
    return { over: () => this.#stall?.cancel() };
  }

  /** The answer is complete; a caller may keep its side of a stream open long after that. */
  answered(): void {
    this.#closed();
  }

  /** Ends the calls made for this one. */
  end(reason: DomainError): void {
    if (this.#endReason) return;
    this.#endReason = reason;
    this.#abort?.abort(reason);
    this.onEnd?.(reason);
  }

  /** For the one call that is made for this one. */
  cancelAtEnd(cancel: () => void): void {
    if (this.#endReason) cancel();
    else this.onEnd = cancel;
  }

  /** Notes what the answer says of a failure, and logs it where it is a fault of ours. */
  failed(error: unknown): DomainError {
    const known = this.endReason ?? toDomainError(error);
    if (known instanceof InternalError) {
      this.#edge.log.error(
        {
          event: 'edge_fault',
          route: nameOf(this.#target),
          trace_id: this.trace.traceId,
          err: error instanceof InternalError && error.cause !== undefined ? error.cause : error,
        },
        'a request failed by a fault of the gateway',
      );
    }
    this.#code = known.code;
    this.#failure = known;
    return known;
  }

  #startOverdueTimer(): void {
    const { clock, limits } = this.#edge;
    this.#overdue = clock.setTimer(this.remainingMs(), () => {
      this.end(new DeadlineExceeded());
      this.#overdue = clock.setTimer(limits.overdueMs, () => this.response.destroy());
    });
  }

  #watchRevocation(revoked: AbortSignal): void {
    this.#revoked = revoked;
    if (revoked.aborted) this.#onRevoked();
    else revoked.addEventListener('abort', this.#onRevoked, { once: true });
  }

  readonly #onRevoked = (): void => this.end(new Unauthenticated('The right to this stream was revoked.'));

  #closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#overdue?.cancel();
    this.#stall?.cancel();
    this.#revoked?.removeEventListener('abort', this.#onRevoked);
    const isAnswered = this.response.writableEnded;
    if (isAnswered) this.#closeHalfOpen();
    else this.#code = (this.endReason ?? LEFT).code;
    // A single call that is answered has nothing open any more.
    if (!isAnswered || this.#target.kind === 'http' || this.isStream) this.end(LEFT);
    this.#endSpan();
    this.#tell(isAnswered);
    this.#release();
    this.#edge.openCalls.delete(this);
    if (this.#edge.openCalls.size === 0) this.#edge.onIdle?.();
    const target = this.#target;
    if (target.kind === 'rpc') {
      recordCall(this.#edge.rpcMetrics, target.telemetry, this.#code, this.#startedAt);
      return;
    }
    edgeMetrics().duration.record((performance.now() - this.#startedAt) / 1_000, {
      'http.request.method': target.method,
      'http.route': target.route,
      'http.response.status_code': isAnswered ? this.response.statusCode : 499,
    });
  }

  #tell(isAnswered: boolean): void {
    tellRequest(this.#edge.log, this.#target, this, {
      seconds: (performance.now() - this.#startedAt) / 1_000,
      code: this.#code,
      httpStatus: isAnswered ? this.response.statusCode : 499,
      reason: isAnswered ? this.#failure : (this.endReason ?? LEFT),
    });
  }

  #closeHalfOpen(): void {
    const { stream } = this.response;
    const { request } = this;
    if (request.complete || stream?.closed) return;
    const timer = this.#edge.clock.setTimer(HALF_OPEN_MS, () => {
      if (stream) stream.close();
      else if (!request.complete) request.socket.destroy();
    });
    (stream ?? request).once('close', () => timer.cancel());
  }

  #release(): void {
    if (!this.#admitted) return;
    this.#edge.admission.release(this.#admitted, this.principal);
    if (this.#admitted === 'unary') this.#edge.callers.end(this.principal);
    this.#admitted = undefined;
  }

  #endSpan(): void {
    if (this.#spanEnded) return;
    this.#spanEnded = true;
    const { span } = this.trace;
    if (this.#target.kind === 'rpc') endSpan('server', span, this.#code, this.#failure);
    else endRequestSpan(span, this.response.writableEnded ? this.response.statusCode : 499);
  }
}

function nameOf(target: Target): string {
  return target.kind === 'rpc' ? target.telemetry.spanName : `${target.method} ${target.route}`;
}

function attributesOf(target: Target, { headers }: EdgeRequest): Attributes {
  if (target.kind === 'http')
    return { 'http.request.method': target.method, 'http.route': target.route, 'url.scheme': 'http' };
  const isGrpc = headers['content-type']?.startsWith('application/grpc') ?? false;
  return isGrpc ? target.attributes.grpc : target.attributes.connectrpc;
}
