import { expired, within, type Clock, type Timer } from '#lib/lifecycle/clock.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import { Breaker, type BreakerKind, type BreakerState, type Use, type Way } from './breaker.ts';
import { egressKey, type Egress } from './egress.ts';
import { BreakerOpen } from './errors.ts';
import type { Culprit } from './rpc-errors.ts';

/** One account's way to Telegram, for as long as its session uses it. */
export interface Route extends Way {
  /** Throws BreakerOpen. */
  check(): void;
  /** Telegram answered, whatever it said. */
  succeeded(): void;
  /** It answered that it is in trouble: the path works. */
  troubled(): void;
  /** No answer, or no connection. */
  failed(culprit: Culprit): void;
  leave(): void;
}

/** One breaker a proxy, one for the direct path, one a data centre; each for as long as somebody uses it. */
export interface Breakers {
  enter(account: string, way: Way): Route;
  states(): BreakerState[];
  /** Told after each opening and closing. Answers how to stop listening. */
  onChange(listener: (state: BreakerState) => void): () => void;
  close(): void;
}

export interface BreakersOptions {
  readonly clock: Clock;
  /** Evenly from [0, 1). */
  random(): number;
  readonly log: Logger;
  /**
   * One harmless exchange with Telegram that is nobody's: a ping or help.getConfig on a connection of its own.
   * Rejects when it fails; a rejection may carry `blame`, as a DialError does.
   */
  probe(way: Way, signal: AbortSignal): Promise<unknown>;
}

/** Of all proxies in use: when more seem broken at once, the fault lies elsewhere. */
const MAX_OPEN_PROXY_SHARE = 0.5;
const PROBE_LIMIT_MS = 10_000;
/** While a breaker is being probed nobody knows; mostly it takes less than this. */
const PROBE_TAKES_MS = 1_000;

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
    const center = this.#breaker(`dc:${way.dataCenter}`, 'data_center');
    const route = new AccountRoute(this, account, way, path, center);
    path.enter(route);
    center.enter(route);
    return route;
  }

  leave(route: AccountRoute): void {
    for (const breaker of [route.path, route.center]) {
      breaker.leave(route);
      // An open one stays until its probe is due, so that coming back at once does not forget what was learned.
      if (breaker.uses.size === 0 && breaker.isClosed) this.#forget(breaker);
    }
  }

  states(): BreakerState[] {
    return this.#byName
      .values()
      .map((breaker) => breaker.state())
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

  refusal({ name, probeAt }: Breaker): BreakerOpen {
    return new BreakerOpen(name, Math.max(probeAt - this.#options.clock.monotonic(), PROBE_TAKES_MS));
  }

  troubled(route: AccountRoute): void {
    route.path.succeeded();
    this.#count(route.center, route, false);
  }

  failed(route: AccountRoute, culprit: Culprit): void {
    const { path, center } = route;
    const unsure = culprit === 'either';
    // The data centre first: when it opens, what it may have caused at proxies is forgotten.
    if (culprit !== 'proxy') this.#count(center, route, unsure);
    if (unsure && path.kind === 'proxy' && !center.isClosed) return;
    // What goes wrong on the direct way to a data centre may be this machine's own network.
    if (culprit !== 'data-center' || path.kind === 'direct') this.#count(path, route, unsure);
  }

  #count(breaker: Breaker, route: AccountRoute, unsure: boolean): void {
    if (!breaker.isClosed || !breaker.failed(route, unsure)) return;
    if (breaker.kind === 'proxy' && !this.#mayOpenAnotherProxy()) return;
    breaker.open();
    if (breaker.kind !== 'data_center') return;
    for (const other of this.#byName.values()) if (other.kind === 'proxy') other.forgive(breaker.name);
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

  #breaker(name: string, kind: BreakerKind): Breaker {
    const known = this.#byName.get(name);
    if (known) return known;
    const { clock, random } = this.#options;
    const made = new Breaker(name, kind, { clock, random, changed: (breaker) => this.#changed(breaker) });
    this.#byName.set(name, made);
    return made;
  }

  #forget(breaker: Breaker): void {
    if (this.#byName.get(breaker.name) === breaker) this.#byName.delete(breaker.name);
  }

  #changed(breaker: Breaker): void {
    const { log } = this.#options;
    const { name, isClosed } = breaker;
    if (isClosed) log.info({ event: 'breaker_closed', breaker: name }, 'a breaker closed');
    else log.warn({ event: 'breaker_opened', breaker: name }, 'a breaker opened');
    const state = breaker.state();
    for (const listener of this.#listeners) listener(state);
    if (isClosed && breaker.uses.size === 0) this.#forget(breaker);
    this.#setTimer();
  }

  #setTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#stopped.signal.aborted) return;
    let nearest = Number.POSITIVE_INFINITY;
    for (const { awaitsProbe, probeAt } of this.#byName.values())
      if (awaitsProbe) nearest = Math.min(nearest, probeAt);
    if (nearest === Number.POSITIVE_INFINITY) return;
    const { clock } = this.#options;
    this.#timer = clock.setTimer(nearest - clock.monotonic(), () => this.#probeDue());
  }

  #probeDue(): void {
    const now = this.#options.clock.monotonic();
    for (const breaker of this.#byName.values())
      if (breaker.awaitsProbe && breaker.probeAt <= now) this.#probe(breaker);
    this.#setTimer();
  }

  #probe(breaker: Breaker): void {
    const [use] = breaker.uses;
    // The next probe takes another's way: one broken path is not to speak for the data centre.
    if (use) {
      breaker.uses.delete(use);
      breaker.uses.add(use);
    }
    const probed = breaker.probe(() => (use ? this.#ask(breaker, use) : Promise.resolve()));
    probed.catch((error: unknown) =>
      this.#options.log.info(
        { event: 'breaker_probe_failed', breaker: breaker.name, err: error },
        'a breaker stays open',
      ),
    );
  }

  async #ask(breaker: Breaker, { egress, dataCenter }: Use): Promise<void> {
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
}

class AccountRoute implements Route, Use {
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
    this.path.succeeded();
    this.center.succeeded();
  }

  troubled(): void {
    this.#all.troubled(this);
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
