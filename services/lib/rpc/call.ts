import { Metadata, status, type ServerInterceptingCallInterface } from '@grpc/grpc-js';
import { context } from '@opentelemetry/api';
import type { Authenticate, Authenticated } from '#lib/auth/authenticate.ts';
import { anonymous, type Principal } from '#lib/auth/principal.ts';
import type { Clock, Timer } from '#lib/lifecycle/clock.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import { permit, publicAccess } from './access.ts';
import type { Admission, CallKind } from './admission.ts';
import type { CallLog } from './call-log.ts';
import { effectiveDeadline } from './deadlines.ts';
import { Cancelled, DeadlineExceeded, GoingAway, Unauthenticated, type DomainError } from './errors.ts';
import { whatGrpcMeant, type WireStatus } from './grpc-endings.ts';
import type { CallContext, CallMetadata, ImplementedMethod } from './implement.ts';
import { logFault, logLate } from './faults.ts';
import type { Limits } from './limits.ts';
import { noMetadata, ReceivedMetadata } from './metadata.ts';
import { InternalError, toDomainError, toStatus } from './status.ts';
import {
  endSpan,
  recordCall,
  startServerSpan,
  type CallMetrics,
  type CallSpan,
  type MethodTelemetry,
} from './tracing.ts';

export interface Route extends ImplementedMethod {
  readonly path: string;
  readonly kind: CallKind;
  readonly telemetry: MethodTelemetry;
}

/** What the calls of one server share. */
export interface ServerState {
  readonly authenticate: Authenticate;
  readonly limits: Limits;
  readonly log: Logger;
  readonly clock: Clock;
  readonly admission: Admission;
  readonly metrics: CallMetrics;
  readonly callLog: CallLog;
  readonly openCalls: Set<ServerCall>;
  draining: boolean;
}

const OK: WireStatus = { code: status.OK, details: 'OK', metadata: null };

/**
 * One call from its metadata to its status. It is grpc-js's listener for the call and the handler's context
 * at once: there is one object a call, and one place where a call ends.
 */
export abstract class ServerCall implements CallContext {
  principal: Principal = anonymous;
  deadline = Infinity;
  metadata: CallMetadata = noMetadata;
  protected readonly state: ServerState;
  protected readonly route: Route;
  protected readonly wire: ServerInterceptingCallInterface;
  readonly #sendStatus: (status: WireStatus) => void;
  readonly #startedAt = performance.now();
  #trace!: CallSpan;
  #spanEnded = false;
  #headersSent = false;
  #streamOpened = false;
  #ended = false;
  #closed = false;
  #running = false;
  #admitted = false;
  #deadlineTimer: Timer | undefined;
  #abort: AbortController | undefined;
  #endReason: DomainError | undefined;
  #goAwayListeners: Set<() => void> | undefined;
  #revoked: AbortSignal | undefined;
  #onRevoked: (() => void) | undefined;

  constructor(state: ServerState, route: Route, wire: ServerInterceptingCallInterface) {
    this.state = state;
    this.route = route;
    this.wire = wire;
    this.#sendStatus = wire.sendStatus.bind(wire);
    // grpc-js ends some calls by itself (deadline, size, framing) through this very property.
    wire.sendStatus = (outgoing) => this.#endedByGrpc(outgoing);
  }

  protected abstract accepted(): void;
  protected abstract stopped(reason: DomainError): void;
  abstract onReceiveMessage(message: unknown): void;
  abstract onReceiveHalfClose(): void;

  onReceiveMetadata(metadata: Metadata): void {
    const { state, route } = this;
    this.#trace = startServerSpan(route.telemetry, metadata);
    state.openCalls.add(this);
    state.metrics.active.add(1);
    try {
      this.metadata = new ReceivedMetadata(metadata, state.limits.maxMetadataBytes);
      this.#startDeadline();
      if (state.draining) throw new GoingAway();
      const authenticated = route.access === 'public' ? publicAccess : state.authenticate(this.metadata);
      if (authenticated instanceof Promise) void this.#admitLater(authenticated);
      else this.#admit(authenticated);
    } catch (error) {
      this.fail(error);
    }
  }

  onCancel(): void {
    this.#closed = true;
    if (!this.#ended) {
      const reason = new Cancelled();
      this.#finish(reason.code, reason);
    }
    this.#release();
  }

  get signal(): AbortSignal {
    if (!this.#abort) {
      this.#abort = new AbortController();
      if (this.#endReason) this.#abort.abort(this.#endReason);
    }
    return this.#abort.signal;
  }

  get method(): string {
    return this.route.telemetry.spanName;
  }

  get traceId(): string {
    return this.#trace.traceId;
  }

  get peer(): string {
    const { remoteAddress = 'unknown', remotePort } = this.wire.getConnectionInfo();
    return remotePort === undefined ? remoteAddress : `${remoteAddress}:${remotePort}`;
  }

  remainingMs(): number {
    return Math.max(0, this.deadline - this.state.clock.now());
  }

  onGoAway(listener: () => void): () => void {
    this.#goAwayListeners ??= new Set();
    this.#goAwayListeners.add(listener);
    if (this.state.draining) queueMicrotask(() => this.#tellGoAway(listener));
    return () => void this.#goAwayListeners?.delete(listener);
  }

  goAway(): void {
    for (const listener of this.#goAwayListeners ?? []) this.#tellGoAway(listener);
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Runs the handler in the call's trace; what it throws is the call's answer. */
  protected run(body: (call: this) => Promise<void>): void {
    this.#running = true;
    void context.with(this.#trace.context, () => this.#runBody(body));
  }

  protected sendHeaders(isStreamOpen = false): void {
    if (this.#headersSent) return;
    this.#headersSent = true;
    const headers = new Metadata();
    headers.set('trace-id', this.#trace.traceId);
    // A refusal has headers too; this tells them apart before the first message.
    if (isStreamOpen) {
      headers.set('stream-open', '1');
      this.#streamOpened = true;
      this.state.callLog.opened(this, this.#trace);
    }
    this.wire.sendMetadata(headers);
  }

  protected endSpanEarly(): void {
    this.#endSpan(status.OK);
  }

  protected succeed(): void {
    if (this.#ended) return;
    this.sendHeaders();
    this.#sendStatus(OK);
    this.#finish(status.OK);
  }

  /** Ends the call with an error, unless it has ended already. */
  fail(error: unknown): void {
    if (this.#ended) {
      if (!(error instanceof Error) || error !== this.#endReason) logLate(this.state.log, this, error);
      return;
    }
    const known = toDomainError(error);
    if (known instanceof InternalError) logFault(this.state.log, this, error);
    this.sendHeaders();
    this.#sendStatus(toStatus(known));
    this.#finish(known.code, known);
  }

  async #admitLater(authenticated: Promise<Authenticated>): Promise<void> {
    try {
      this.#admit(await authenticated);
    } catch (error) {
      this.fail(error);
    }
  }

  #admit(authenticated: Authenticated): void {
    if (this.#ended) return;
    const { state, route } = this;
    const { principal, revoked } = permit(authenticated, route.access, this, state.log);
    state.admission.admit(route.kind, principal);
    this.#admitted = true;
    this.principal = principal;
    if (revoked && route.kind === 'stream') this.#watchRevocation(revoked);
    if (!this.#ended) this.accepted();
  }

  #watchRevocation(revoked: AbortSignal): void {
    const end = (): void => this.fail(new Unauthenticated('The right to this stream was revoked.'));
    if (revoked.aborted) {
      end();
      return;
    }
    this.#revoked = revoked;
    this.#onRevoked = end;
    revoked.addEventListener('abort', end, { once: true });
  }

  #startDeadline(): void {
    const { limits, clock } = this.state;
    const requested = Number(this.wire.getDeadline());
    const now = clock.now();
    const { at, serverLimitMs } = effectiveDeadline(this.route.kind, requested, now, limits);
    this.deadline = at;
    // The caller's own deadline is kept by grpc-js.
    if (serverLimitMs === undefined || at === Infinity) return;
    this.#deadlineTimer = clock.setTimer(at - now, () => {
      this.goAway();
      this.fail(new DeadlineExceeded(serverLimitMs));
    });
  }

  #endedByGrpc(outgoing: WireStatus): void {
    this.fail(whatGrpcMeant(outgoing, this.route.method.input, this.state.limits));
  }

  async #runBody(body: (call: this) => Promise<void>): Promise<void> {
    try {
      await body(this);
    } catch (error) {
      this.fail(error);
    } finally {
      this.#running = false;
      this.#release();
    }
  }

  #finish(code: status, reason?: DomainError): void {
    this.#ended = true;
    this.#deadlineTimer?.cancel();
    if (this.#onRevoked) this.#revoked?.removeEventListener('abort', this.#onRevoked);
    this.#endSpan(code, reason);
    const seconds = recordCall(this.state.metrics, this.route.telemetry, code, this.#startedAt);
    const event = this.#streamOpened ? 'stream_ended' : 'call';
    this.state.callLog.ended(this, this.#trace, { event, seconds, code, ...(reason ? { reason } : {}) });
    if (!reason) return;
    this.#endReason = reason;
    this.#abort?.abort(reason);
    this.stopped(reason);
  }

  #endSpan(code: status, reason?: DomainError): void {
    if (this.#spanEnded) return;
    this.#spanEnded = true;
    endSpan('server', this.#trace.span, code, reason);
  }

  /** A call counts until its stream is closed and its handler has come back. */
  #release(): void {
    if (!this.#closed || this.#running || !this.state.openCalls.delete(this)) return;
    this.state.metrics.active.add(-1);
    if (this.#admitted) this.state.admission.release(this.route.kind, this.principal);
  }

  #tellGoAway(listener: () => void): void {
    try {
      listener();
    } catch (error) {
      this.fail(error);
    }
  }
}
