import { expired, pause, within, type Clock } from '#lib/lifecycle/clock.ts';
import { Cancelled } from '#lib/rpc/errors.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import { DEGRADED_AFTER, GOOD_LINK_MS, reconnectDelayMs } from './backoff.ts';
import type { Breakers, Route } from './breakers.ts';
import { DialAborted, DialError, DialTimeout, type Egress } from './egress.ts';
import type { TelegramEnvironment } from './environment.ts';
import { BreakerOpen, LeaseLost, TelegramUnreachable } from './errors.ts';
import type { LeaseGuard } from './guard.ts';
import { CallTimedOut, LinkClosed, type Application, type CallLimits, type Link } from './link.ts';
import { openLink } from './open-link.ts';
import type { PingWheel } from './ping-wheel.ts';
import type { LinkSource } from './pipeline.ts';
import { verdictOfEnd } from './rpc-errors.ts';

/** Where a session is, for people and for metrics. */
export type ConnectionState = 'connecting' | 'connected' | 'waiting' | 'degraded' | 'closed';

export interface LastingLinkParts {
  readonly telegram: TelegramEnvironment;
  readonly guard: LeaseGuard;
  readonly application: Application;
  readonly breakers: Breakers;
  /** Of the process. */
  readonly pings: PingWheel;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly connectTimeoutMs: number;
}

export interface Home {
  readonly dataCenter: number;
  readonly authKey: Buffer;
}

export interface LastingLinkEvents {
  up(link: Link): void;
  down(): void;
  /** Telegram said twice in a row that it does not know the key. */
  keyUnknown(): void;
  state(state: ConnectionState): void;
}

/** A ping without an answer for so long means a dead path, whatever the socket believes. */
const PING_LIMIT_MS = 15_000;

/**
 * One link after the other on one key, until it is stopped or the lease is lost. Never two sockets at once: the
 * next is dialled after the close event of the one before.
 */
export class LastingLink implements LinkSource {
  readonly #parts: LastingLinkParts;
  readonly #events: LastingLinkEvents;
  readonly #stopped = new AbortController();
  #home: Home;
  #route: Route;
  #link: Link | undefined;
  #next: PromiseWithResolvers<Link> | undefined;
  #state: ConnectionState = 'connecting';
  #nextAttemptAt = 0;
  #failures = 0;
  #isKeyDoubted = false;
  /** Why the link was closed from here, if it was. */
  #closedFor: 'silence' | 'change' | undefined;
  #wake: AbortController | undefined;
  #running: Promise<void> | undefined;

  constructor(parts: LastingLinkParts, events: LastingLinkEvents, home: Home, egress: Egress) {
    this.#parts = parts;
    this.#events = events;
    this.#home = home;
    this.#route = this.#enter(egress);
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get route(): Route {
    return this.#route;
  }

  get link(): Link | undefined {
    return this.#link;
  }

  get home(): Home {
    return this.#home;
  }

  start(): void {
    const { lost } = this.#parts.guard;
    if (lost.aborted) this.#onLost();
    else lost.addEventListener('abort', this.#onLost, { once: true });
    this.#running ??= this.#run();
  }

  /** Nothing is dialled any more; who waits, and who comes later, gets the reason. */
  stop(reason: Error): void {
    if (this.#stopped.signal.aborted) return;
    this.#parts.guard.lost.removeEventListener('abort', this.#onLost);
    this.#stopped.abort(reason);
    this.#wake?.abort();
    this.#refuse(reason);
    if (!this.#running) this.#route.leave();
    void this.#link?.close();
  }

  /** Resolves when it is stopped and no socket is left. */
  async finished(): Promise<void> {
    await this.#running;
  }

  /** From now on by another way, or to another place; the socket there is closes first. */
  change({ egress = this.#route.egress, home = this.#home }: { egress?: Egress; home?: Home }): void {
    if (this.#stopped.signal.aborted) return;
    this.#home = home;
    this.#route.leave();
    this.#route = this.#enter(egress);
    this.#failures = 0;
    this.#closedFor = 'change';
    void this.#link?.close();
    this.#wake?.abort();
  }

  async connect(limits: CallLimits): Promise<Link> {
    const { clock } = this.#parts;
    this.#stopped.signal.throwIfAborted();
    if (this.#link) return this.#link;
    const untilNext = this.#nextAttemptAt - clock.monotonic();
    // Degraded, or longer to wait than the caller has: it is told when to come again instead.
    if (untilNext > limits.deadlineMs || (this.#state === 'degraded' && untilNext > 0))
      throw this.#unreachable(undefined, untilNext);
    this.#next ??= withoutOwner();
    const link = await within(clock, limits.deadlineMs, unlessAborted(limits.signal, this.#next.promise));
    if (link === expired) throw this.#unreachable();
    return link;
  }

  pingNow(): void {
    const link = this.#link;
    if (!link || this.#parts.guard.remainingMs() <= 0) return;
    link.ping({ deadlineMs: PING_LIMIT_MS }).catch((error: unknown) => {
      if (!(error instanceof CallTimedOut)) return;
      this.#closedFor = 'silence';
      void link.close();
    });
  }

  readonly #onLost = (): void => this.stop(this.#lostReason());

  async #run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      const delay = await this.#once();
      if (delay <= 0 || this.#stopped.signal.aborted || this.#closedFor === 'change') continue;
      this.#wake = new AbortController();
      await pause(this.#parts.clock, delay, this.#wake.signal);
    }
    this.#route.leave();
    this.#setState('closed');
  }

  /** One attempt, and the link that comes of it until it ends. Resolves with how long to wait before the next. */
  async #once(): Promise<number> {
    const { clock, pings } = this.#parts;
    this.#closedFor = undefined;
    if (this.#state !== 'degraded') this.#setState('connecting');
    let link: Link;
    try {
      link = await this.#open();
    } catch (error) {
      return this.#failed(error);
    }
    if (this.#stopped.signal.aborted || this.#closedFor) {
      await link.close();
      return 0;
    }
    const since = clock.monotonic();
    this.#isKeyDoubted = false;
    this.#route.succeeded();
    this.#link = link;
    this.#setState('connected');
    pings.add(this);
    this.#events.up(link);
    this.#next?.resolve(link);
    this.#next = undefined;
    const end = await link.closed;
    this.#link = undefined;
    pings.remove(this);
    this.#events.down();
    if (clock.monotonic() - since >= GOOD_LINK_MS) this.#failures = 0;
    if (this.#closedFor === 'silence') return this.#failed(new CallTimedOut(true));
    return this.#failed(new LinkClosed(end, false), true);
  }

  async #open(): Promise<Link> {
    const { guard, clock, telegram, application, log, connectTimeoutMs } = this.#parts;
    const { signal } = this.#stopped;
    const { egress } = this.#route;
    this.#route.check();
    guard.check();
    const limitMs = Math.min(connectTimeoutMs, guard.remainingMs());
    const until = clock.monotonic() + limitMs;
    const options = { telegram, egress, application, connectTimeoutMs: limitMs, signal, guard, clock, log };
    const link = await openLink({ ...options, ...this.#home });
    try {
      // An answer under the key is what makes it a connection; a socket is not.
      await link.ping({ deadlineMs: until - clock.monotonic(), signal });
      return link;
    } catch (error) {
      await link.close();
      throw error;
    }
  }

  /** How long to wait after this. A link that was up may end: breakers hear of it when no other can be made. */
  #failed(error: unknown, wasUp = false): number {
    const { clock, guard, random, log } = this.#parts;
    if (this.#stopped.signal.aborted || this.#closedFor === 'change') return 0;
    if (error instanceof LeaseLost || guard.remainingMs() <= 0) {
      this.stop(this.#lostReason());
      return 0;
    }
    let delay = 0;
    if (error instanceof BreakerOpen) delay = error.retryAfterMs!;
    else if (error instanceof LinkClosed && error.end.reason === 'key-unknown') {
      if (this.#isKeyDoubted) this.#events.keyUnknown();
      this.#isKeyDoubted = true;
      return 0;
    } else {
      if (!wasUp) this.#blame(error);
      this.#failures += 1;
      delay = reconnectDelayMs(this.#failures, random);
    }
    const isDegraded = this.#failures >= DEGRADED_AFTER || error instanceof BreakerOpen;
    this.#setState(isDegraded ? 'degraded' : 'waiting');
    this.#nextAttemptAt = clock.monotonic() + delay;
    this.#refuse(error instanceof BreakerOpen ? error : this.#unreachable(error, delay));
    const fields = { failures: this.#failures, delayMs: Math.round(delay), err: error };
    log.info({ event: 'telegram_link_failed', ...fields }, 'the connection to Telegram failed');
    return delay;
  }

  /** Breakers hear of what path and data centre did. */
  #blame(error: unknown): void {
    if (error instanceof DialTimeout || error instanceof CallTimedOut) this.#route.failed('either');
    else if (error instanceof DialError) this.#route.failed(error.blame);
    else if (error instanceof LinkClosed) {
      const verdict = verdictOfEnd(error.end, false);
      if (verdict.kind === 'trouble') this.#route.failed(verdict.culprit);
      // Too many connections: as if it had failed for long already.
      else if (verdict.kind === 'back_off') this.#failures = Math.max(this.#failures, DEGRADED_AFTER);
    } else if (!(error instanceof DialAborted))
      this.#parts.log.error({ event: 'connect_fault', err: error }, 'connecting failed by a fault of ours');
  }

  #refuse(reason: Error): void {
    this.#next?.reject(reason);
    this.#next = undefined;
  }

  #enter(egress: Egress): Route {
    const { breakers, guard } = this.#parts;
    return breakers.enter(String(guard.sessionId), { egress, dataCenter: this.#home.dataCenter });
  }

  #lostReason(): Error {
    const { lost, sessionId } = this.#parts.guard;
    return lost.reason instanceof Error ? lost.reason : new LeaseLost(sessionId);
  }

  #unreachable(cause?: unknown, retryAfterMs?: number): TelegramUnreachable {
    const { egress, dataCenter } = this.#route;
    const retry = retryAfterMs === undefined ? {} : { retryAfterMs: Math.ceil(retryAfterMs) };
    const what = egress.kind === 'direct' ? { dataCenter } : { egress };
    return new TelegramUnreachable(what, { sent: false, cause, ...retry });
  }

  #setState(state: ConnectionState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#events.state(state);
  }
}

/** Many may wait for it, or nobody. */
function withoutOwner(): PromiseWithResolvers<Link> {
  const made = Promise.withResolvers<Link>();
  made.promise.catch(() => undefined);
  return made;
}

function unlessAborted<T>(signal: AbortSignal | undefined, work: Promise<T>): Promise<T> {
  if (!signal) return work;
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const onAbort = (): void => reject(new Cancelled());
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  work.then(resolve, reject);
  return promise.finally(() => signal.removeEventListener('abort', onAbort));
}
