import { circuitBreaker, CircuitState, handleAll, type CircuitBreakerPolicy, type IBackoff } from 'cockatiel';
import { expired, within, type Clock, type Timer } from '#lib/lifecycle/clock.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import { egressKey, type Egress } from './egress.ts';
import { BreakerOpen } from './errors.ts';
import type { Culprit } from './rpc-errors.ts';

export type BreakerKind = 'proxy' | 'direct' | 'data_center';
export type BreakerPosition = 'closed' | 'open' | 'half_open';

export interface BreakerState {
  /** `proxy:…`, `direct` or `dc:2`. */
  readonly name: string;
  readonly kind: BreakerKind;
  readonly position: BreakerPosition;
  /** Who use it now, and how many of them failed on it lately with nobody succeeding since. */
  readonly accounts: number;
  readonly failing: number;
  /** When it is probed next; while open. */
  readonly probeInMs?: number;
}

export interface Way {
  readonly egress: Egress;
  readonly dataCenter: number;
}

/** One account's way to Telegram, for as long as its session uses it. */
export interface Route extends Way {
  /** Throws BreakerOpen. */
  check(): void;
  /** Telegram answered, whatever it said. */
  succeeded(): void;
  failed(culprit: Culprit): void;
  leave(): void;
}

export interface Breakers {
  enter(account: string, way: Way): Route;
  states(): BreakerState[];
  /** Told after each opening and closing. Answers how to stop listening. */
  onChange(listener: (state: BreakerState) => void): () => void;
  close(): void;
}

export interface BreakersOptions {
  clock: Clock;
  /** Evenly from [0, 1). */
  random(): number;
  log: Logger;
  /**
   * One harmless exchange with Telegram that is nobody's: a ping or help.getConfig on a connection of its own.
   * Rejects when it fails; a rejection may carry `blame`.
   */
  probe(way: Way, signal: AbortSignal): Promise<unknown>;
}

/** So many accounts must fail on a thing before it is the thing's failure, or all of them where there are fewer. */
const SEVERAL_ACCOUNTS = 3;
/** A data centre is not blamed for one path, unless there is no other. */
const SEVERAL_PATHS = 2;
/** Failures further apart than this have nothing to do with one another. */
const MEMORY_MS = 60_000;
/** Of all proxies in use: when more seem broken at once, the fault lies elsewhere. */
const MAX_OPEN_PROXY_SHARE = 0.5;
const FIRST_PROBE_MS = 5_000;
const LAST_PROBE_MS = 60_000;
const PROBE_LIMIT_MS = 10_000;

interface Failure {
  readonly at: number;
  /** The path, for a data centre; the data centre, for a path. */
  readonly across: string;
  /** It may as well have been what lies across. */
  readonly unsure: boolean;
}

interface Breaker {
  readonly name: string;
  readonly kind: BreakerKind;
  readonly policy: CircuitBreakerPolicy;
  /** Each account's number of routes here. */
  readonly accounts: Map<string, number>;
  readonly routes: Set<AccountRoute>;
  readonly failures: Map<string, Failure>;
  isClosed: boolean;
  probeAt: number;
}

export function createBreakers(options: BreakersOptions): Breakers {
  return new AllBreakers(options);
}

class AllBreakers implements Breakers {
  readonly #options: BreakersOptions;
  readonly #byName = new Map<string, Breaker>();
  readonly #listeners = new Set<(state: BreakerState) => void>();
  readonly #stopped = new AbortController();
  /** One for all: set for the nearest probe while any breaker is open. */
  #timer: Timer | undefined;

  constructor(options: BreakersOptions) {
    this.#options = options;
  }

  enter(account: string, way: Way): Route {
    const path = this.#breaker(egressKey(way.egress), way.egress.kind === 'direct' ? 'direct' : 'proxy');
    const dataCenter = this.#breaker(`dc:${way.dataCenter}`, 'data_center');
    const route = new AccountRoute(this, account, way, path, dataCenter);
    for (const breaker of [path, dataCenter]) {
      breaker.routes.add(route);
      breaker.accounts.set(account, (breaker.accounts.get(account) ?? 0) + 1);
    }
    return route;
  }

  leave(route: AccountRoute): void {
    for (const breaker of [route.path, route.center]) {
      if (!breaker.routes.delete(route)) continue;
      const left = breaker.accounts.get(route.account)! - 1;
      if (left > 0) breaker.accounts.set(route.account, left);
      else {
        breaker.accounts.delete(route.account);
        breaker.failures.delete(route.account);
      }
      // An open one stays until its probe is due, so that coming back at once does not forget what was learned.
      if (breaker.routes.size === 0 && breaker.isClosed) this.#byName.delete(breaker.name);
    }
  }

  states(): BreakerState[] {
    return this.#byName
      .values()
      .map((breaker) => this.#stateOf(breaker))
      .toArray();
  }

  onChange(listener: (state: BreakerState) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): void {
    this.#stopped.abort();
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#listeners.clear();
  }

  refusal(breaker: Breaker): BreakerOpen {
    const untilProbe = breaker.probeAt - this.#options.clock.monotonic();
    // While it is being probed nobody knows; a probe mostly takes less than a second.
    return new BreakerOpen(breaker.name, Math.max(untilProbe, 1_000));
  }

  failed({ account, path, center }: AccountRoute, culprit: Culprit): void {
    const at = this.#options.clock.monotonic();
    const unsure = culprit === 'either';
    // The data centre first: when it opens, what it may have caused at proxies is forgotten.
    if (culprit !== 'proxy') this.#count(center, account, { at, across: path.name, unsure });
    if (unsure && path.kind === 'proxy' && !center.isClosed) return;
    // What goes wrong on the direct way to a data centre may be this machine's own network.
    if (culprit !== 'data-center' || path.kind === 'direct')
      this.#count(path, account, { at, across: center.name, unsure });
  }

  #count(breaker: Breaker, account: string, failure: Failure): void {
    if (!breaker.isClosed) return;
    breaker.failures.set(account, failure);
    for (const [failed, { at }] of breaker.failures)
      if (failure.at - at > MEMORY_MS) breaker.failures.delete(failed);
    if (!this.#isBroken(breaker)) return;
    breaker.isClosed = false;
    if (breaker.kind === 'data_center') this.#forgive(breaker.name);
    this.#fail(breaker);
  }

  #isBroken(breaker: Breaker): boolean {
    const { failures, accounts, kind } = breaker;
    if (failures.size < Math.min(SEVERAL_ACCOUNTS, accounts.size)) return false;
    if (kind === 'proxy') return this.#mayOpenAnotherProxy();
    // Several of what lies across, or the only one in use.
    const failed = new Set(failures.values().map(({ across }) => across));
    if (failed.size >= SEVERAL_PATHS) return true;
    const inUse = new Set(breaker.routes.values().map((route) => route.across(breaker).name));
    return inUse.size <= failed.size;
  }

  #mayOpenAnotherProxy(): boolean {
    let proxies = 0;
    let open = 0;
    for (const { kind, isClosed } of this.#byName.values()) {
      if (kind !== 'proxy') continue;
      proxies += 1;
      if (!isClosed) open += 1;
    }
    return open + 1 <= Math.max(1, Math.floor(proxies * MAX_OPEN_PROXY_SHARE));
  }

  /** A data centre that fails for many is the reason that proxies to it seemed to fail. */
  #forgive(dataCenter: string): void {
    for (const { failures, kind } of this.#byName.values())
      if (kind === 'proxy')
        for (const [account, { across, unsure }] of failures)
          if (unsure && across === dataCenter) failures.delete(account);
  }

  /** The library opens a breaker when something that it ran has failed. */
  #fail(breaker: Breaker): void {
    const open = breaker.policy.execute(() => Promise.reject(new Error('it failed for several')));
    open.catch(() => undefined);
  }

  #breaker(name: string, kind: BreakerKind): Breaker {
    const known = this.#byName.get(name);
    if (known) return known;
    const policy = circuitBreaker(handleAll, {
      // Whether it is broken was decided before the library hears of it.
      breaker: { state: undefined, success: () => undefined, failure: () => true },
      halfOpenAfter: { next: ({ attempt }) => this.#untilProbe(made, attempt) },
    });
    const made: Breaker = {
      name,
      kind,
      policy,
      accounts: new Map(),
      routes: new Set(),
      failures: new Map(),
      isClosed: true,
      probeAt: 0,
    };
    policy.onStateChange((state) => this.#changed(made, state));
    this.#byName.set(name, made);
    return made;
  }

  /** The library compares with the wall clock; this says "now" or "not yet" by ours. */
  #untilProbe(breaker: Breaker, attempt: number): IBackoff<unknown> {
    const { clock, random } = this.#options;
    const longest = Math.min(FIRST_PROBE_MS * 2 ** Math.min(attempt - 1, 10), LAST_PROBE_MS);
    breaker.probeAt = clock.monotonic() + longest * (0.75 + random() / 4);
    return {
      get duration() {
        return clock.monotonic() >= breaker.probeAt ? 0 : Number.POSITIVE_INFINITY;
      },
      next: (context: { attempt: number }) => this.#untilProbe(breaker, context.attempt),
    };
  }

  #changed(breaker: Breaker, state: CircuitState): void {
    if (state === CircuitState.HalfOpen) return;
    breaker.isClosed = state === CircuitState.Closed;
    breaker.failures.clear();
    const { log } = this.#options;
    if (breaker.isClosed) log.info({ kind: 'breaker_closed', breaker: breaker.name }, 'a breaker closed');
    else {
      log.warn({ kind: 'breaker_opened', breaker: breaker.name }, 'a breaker opened');
      this.#setTimer();
    }
    this.#tell(breaker);
  }

  #tell(breaker: Breaker): void {
    const state = this.#stateOf(breaker);
    for (const listener of this.#listeners) listener(state);
  }

  #setTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#stopped.signal.aborted) return;
    let nearest = Number.POSITIVE_INFINITY;
    for (const { policy, probeAt } of this.#byName.values())
      if (policy.state === CircuitState.Open) nearest = Math.min(nearest, probeAt);
    if (nearest === Number.POSITIVE_INFINITY) return;
    const { clock } = this.#options;
    this.#timer = clock.setTimer(nearest - clock.monotonic(), () => this.#probeDue());
  }

  #probeDue(): void {
    const now = this.#options.clock.monotonic();
    for (const breaker of this.#byName.values())
      if (breaker.policy.state === CircuitState.Open && breaker.probeAt <= now) this.#probe(breaker);
    this.#setTimer();
  }

  #probe(breaker: Breaker): void {
    const [route] = breaker.routes;
    if (!route) {
      this.#byName.delete(breaker.name);
      breaker.isClosed = true;
      this.#tell(breaker);
      return;
    }
    // The next probe takes another's way: one broken path is not to speak for the data centre.
    breaker.routes.delete(route);
    breaker.routes.add(route);
    const probed = breaker.policy.execute(() => this.#ask(breaker, route));
    probed.catch((error: unknown) =>
      this.#options.log.info(
        { kind: 'breaker_probe_failed', breaker: breaker.name, err: error },
        'still open',
      ),
    );
  }

  async #ask(breaker: Breaker, { egress, dataCenter }: Way): Promise<void> {
    const { clock, probe } = this.#options;
    const given = new AbortController();
    const signal = AbortSignal.any([this.#stopped.signal, given.signal]);
    try {
      const answer = await within(clock, PROBE_LIMIT_MS, probe({ egress, dataCenter }, signal));
      if (answer === expired) throw new Error(`no answer within ${PROBE_LIMIT_MS} ms`);
    } catch (error) {
      // A proxy that carried the probe to a dead data centre works.
      if (breaker.kind !== 'proxy' || (error as { blame?: unknown }).blame !== 'data-center') throw error;
    } finally {
      given.abort();
    }
  }

  #stateOf(breaker: Breaker): BreakerState {
    const position = breaker.isClosed ? 'closed' : POSITIONS[breaker.policy.state];
    const { name, kind, accounts, failures, probeAt } = breaker;
    const state = { name, kind, position, accounts: accounts.size, failing: failures.size };
    if (position === 'closed') return state;
    return { ...state, probeInMs: Math.max(0, probeAt - this.#options.clock.monotonic()) };
  }
}

const POSITIONS: Record<CircuitState, BreakerPosition> = {
  // It is about to open: the library does so a moment after it is told.
  [CircuitState.Closed]: 'open',
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'half_open',
  [CircuitState.Isolated]: 'open',
};

class AccountRoute implements Route {
  readonly egress: Egress;
  readonly dataCenter: number;
  readonly account: string;
  readonly path: Breaker;
  readonly center: Breaker;
  readonly #all: AllBreakers;

  constructor(all: AllBreakers, account: string, way: Way, path: Breaker, center: Breaker) {
    this.#all = all;
    this.account = account;
    this.egress = way.egress;
    this.dataCenter = way.dataCenter;
    this.path = path;
    this.center = center;
  }

  check(): void {
    if (!this.center.isClosed) throw this.#all.refusal(this.center);
    if (!this.path.isClosed) throw this.#all.refusal(this.path);
  }

  succeeded(): void {
    if (this.path.failures.size > 0) this.path.failures.clear();
    if (this.center.failures.size > 0) this.center.failures.clear();
  }

  failed(culprit: Culprit): void {
    this.#all.failed(this, culprit);
  }

  leave(): void {
    this.#all.leave(this);
  }

  across(breaker: Breaker): Breaker {
    return breaker === this.path ? this.center : this.path;
  }
}
