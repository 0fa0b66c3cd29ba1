import type { Attributes, Span } from '@opentelemetry/api';
import { pause, type Clock } from '#lib/lifecycle/clock.ts';
import { Cancelled, DeadlineExceeded, DomainError, QuotaExceeded } from '#lib/rpc/errors.ts';
import type { Route } from './breakers.ts';
import { measureCall, measureRetry, telegramTracer, type Outcome } from './call-measures.ts';
import { failCallSpan, noteRefusal, outcomeOf } from './call-outcome.ts';
import type { Api } from './client.ts';
import { egressKey } from './egress.ts';
import { LeaseLost, TelegramUnreachable } from './errors.ts';
import { CallAborted, CallTimedOut, LinkClosed, RawRpcError, type CallLimits, type Link } from './link.ts';
import { mayRepeat, methodOf, refuseRaisingViews } from './method.ts';
import { Again, Refusals, type RefusalParts, type RefusedCall } from './refusals.ts';
import { verdictOfEnd } from './rpc-errors.ts';

/** What the session layer keeps: the account's way to Telegram, and the link on it when there is one. */
export interface LinkSource {
  readonly route: Route;
  readonly link: Link | undefined;
  /** Resolves with a link that is open; rejects with a DomainError. It checks the route before it dials. */
  connect(limits: CallLimits): Promise<Link>;
}

export interface PipelineParts extends RefusalParts {
  readonly links: LinkSource;
  /** From accountTag: what spans call the account. */
  readonly accountTag: string;
  readonly clock: Clock;
  /** Evenly from [0, 1). */
  random(): number;
}

export interface PipelineLimits extends CallLimits {
  /** The chat that the call is about, as the messaging service names it: for waits of one chat. */
  readonly peer?: string;
}

export interface Pipeline {
  /** Rejects with a DomainError, with MigrateTo, or with what is a fault of ours. */
  call<R extends Api.AnyRequest>(request: R, limits: PipelineLimits): Promise<R['__response']>;
  /** Calls that have no answer yet. */
  readonly running: number;
}

/** No answer in this time is no answer, however long the caller would wait. */
const CALL_LIMIT_MS = 30_000;
/** A silence this long says something about the path; a shorter one only that the caller was in a hurry. */
const SILENCE_MS = 10_000;
const TIMER_SLACK_MS = 2;
const MAX_RUNNING = 1_000;
const MAX_ATTEMPTS = 3;
const FIRST_RETRY_MS = 200;

export function createPipeline(parts: PipelineParts): Pipeline {
  return new SessionPipeline(parts);
}

class SessionPipeline implements Pipeline {
  readonly #parts: PipelineParts;
  /** How to end each wait of a call at once when the lease is lost. */
  readonly #waiting = new Set<(reason: unknown) => void>();
  readonly #refusals: Refusals;
  #running = 0;
  #attributesOf: Route | undefined;
  #attributes: Attributes = {};

  constructor(parts: PipelineParts) {
    this.#parts = parts;
    this.#refusals = new Refusals(parts);
    const { lost } = parts.guard;
    lost.addEventListener(
      'abort',
      () => {
        for (const reject of this.#waiting) reject(this.#leaseLost());
        this.#waiting.clear();
      },
      { once: true },
    );
  }

  get running(): number {
    return this.#running;
  }

  async call<R extends Api.AnyRequest>(request: R, limits: PipelineLimits): Promise<R['__response']> {
    const { clock } = this.#parts;
    const method = methodOf(request);
    const startedAt = clock.monotonic();
    const call: Call = {
      method,
      request,
      limits,
      until: startedAt + limits.deadlineMs,
      bound: 'caller',
      span: undefined,
    };
    let outcome: Outcome = 'ok';
    this.#running += 1;
    try {
      if (this.#running > MAX_RUNNING) throw tooMany();
      refuseRaisingViews(method, request);
      return await this.#attempts(call);
    } catch (error) {
      const settled = this.#isLost() && !(error instanceof LeaseLost) ? this.#leaseLost() : error;
      outcome = outcomeOf(settled, call.span);
      if (call.span) failCallSpan(call.span, settled, outcome);
      else noteRefusal(method, outcome);
      throw settled;
    } finally {
      this.#running -= 1;
      call.span?.end();
      measureCall(method, outcome, clock.monotonic() - startedAt);
    }
  }

  async #attempts(call: Call): Promise<unknown> {
    const { clock, gate, guard, links, random } = this.#parts;
    for (let attempt = 1; ; attempt += 1) {
      guard.check();
      if (call.limits.signal?.aborted) throw new Cancelled();
      gate.check(call.method.name, call.limits.peer);
      const { route } = links;
      route.check();
      try {
        return await this.#attempt(call, route);
      } catch (error) {
        if (!(error instanceof Again)) throw error;
        const delay = FIRST_RETRY_MS * 2 ** (attempt - 1) * (0.5 + random());
        if (attempt === MAX_ATTEMPTS || this.#leftMs(call) <= delay) throw error.instead;
        measureRetry(call.method);
        call.span?.addEvent('telegram.retry', { 'telegate.attempt': attempt });
        await this.#whileHeld(pause(clock, delay, call.limits.signal));
      }
    }
  }

  async #attempt(call: Call, route: Route): Promise<unknown> {
    const { clock, guard, links } = this.#parts;
    const { signal } = call.limits;
    call.span ??= telegramTracer.startSpan(call.method.name, call.method.spanOptions);
    if (call.span.isRecording()) call.span.setAttributes(this.#attributesOn(route));
    const link =
      links.link ?? (await this.#whileHeld(links.connect({ deadlineMs: this.#leftMs(call), signal })));
    const deadlineMs = this.#leftMs(call);
    const sentAt = clock.monotonic();
    try {
      // The last look before the bytes leave: connecting may have taken as long as the lease lived.
      guard.check();
      const answer = await this.#whileHeld(link.invoke(call.request, { deadlineMs, signal }));
      route.succeeded();
      if (this.#isLost()) throw this.#leaseLost();
      return answer;
    } catch (error) {
      if (error instanceof RawRpcError) throw this.#refusals.errorFor(call, route, error);
      if (error instanceof CallTimedOut) throw this.#silent(call, route, error, clock.monotonic() - sentAt);
      if (error instanceof LinkClosed) throw this.#closed(call, route, error);
      if (error instanceof CallAborted) throw new Cancelled();
      throw error;
    }
  }

  /** Of the caller's time, the lease's and the longest that a call may take, the shortest. */
  #leftMs(call: Call): number {
    const { clock, guard } = this.#parts;
    const ofLease = guard.remainingMs();
    if (ofLease <= 0) throw this.#leaseLost();
    const ofCaller = call.until - clock.monotonic();
    if (ofCaller <= 0) throw new DeadlineExceeded();
    const left = Math.min(ofCaller, ofLease, CALL_LIMIT_MS);
    call.bound = left === ofCaller ? 'caller' : left === ofLease ? 'lease' : 'call';
    return left;
  }

  /** The outcome of `work`, or LeaseLost at the moment when the lease is. */
  async #whileHeld<T>(work: Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#waiting.add(reject);
    work.then(resolve, reject);
    try {
      return await promise;
    } finally {
      this.#waiting.delete(reject);
    }
  }

  #isLost(): boolean {
    return this.#parts.guard.lost.aborted || this.#parts.guard.remainingMs() <= 0;
  }

  #leaseLost(): DomainError {
    const { lost, sessionId } = this.#parts.guard;
    const reason: unknown = lost.reason;
    return reason instanceof DomainError ? reason : new LeaseLost(sessionId);
  }

  #silent(call: Call, route: Route, error: CallTimedOut, waitedMs: number): Error {
    if (waitedMs >= SILENCE_MS) route.failed('either');
    // Not by the clock alone: a timer may fire a moment early.
    if (call.bound === 'caller') return new DeadlineExceeded();
    const isOver = call.bound === 'lease' && this.#parts.guard.remainingMs() < TIMER_SLACK_MS;
    return isOver ? this.#leaseLost() : unreachable(route, error.sent, error);
  }

  #closed({ method, request }: Call, route: Route, error: LinkClosed): Error {
    const verdict = verdictOfEnd(error.end, false);
    if (verdict.kind === 'trouble') route.failed(verdict.culprit);
    const lost = unreachable(route, error.sent, error);
    return error.sent && !mayRepeat(method, request) ? lost : new Again(lost);
  }

  #attributesOn(route: Route): Attributes {
    if (this.#attributesOf === route) return this.#attributes;
    const { accountTag, guard } = this.#parts;
    const { dataCenter, egress } = route;
    this.#attributesOf = route;
    this.#attributes = {
      'telegram.data_center': dataCenter,
      'telegram.egress': egressKey(egress),
      ...(egress.kind === 'direct' ? {} : { 'telegram.proxy_id': egress.proxyId }),
      'telegram.account': accountTag,
      'telegate.fencing_token': String(guard.fencingToken),
    };
    return this.#attributes;
  }
}

interface Call extends RefusedCall {
  readonly limits: PipelineLimits;
  readonly until: number;
  /** Whose time is the shortest. */
  bound: 'caller' | 'lease' | 'call';
  /** None until the call is let through. */
  span: Span | undefined;
}

function unreachable({ dataCenter, egress }: Route, sent: boolean, cause: Error): TelegramUnreachable {
  return new TelegramUnreachable(egress.kind === 'direct' ? { dataCenter } : { egress }, { sent, cause });
}

function tooMany(): QuotaExceeded {
  return new QuotaExceeded(
    'session_calls',
    `${MAX_RUNNING} calls of this session have no answer yet. Send the next when some have.`,
    1_000,
  );
}
