import { circuitBreaker, CircuitState, handleAll, type CircuitBreakerPolicy, type IBackoff } from 'cockatiel';
import type { Clock } from '#lib/lifecycle/clock.ts';
import type { Egress } from './egress.ts';

export type BreakerKind = 'proxy' | 'direct' | 'data_center';
export type BreakerPosition = 'closed' | 'open' | 'half_open';

export interface BreakerState {
  /** `proxy:…`, `direct` or `dc:2`. */
  readonly name: string;
  readonly kind: BreakerKind;
  readonly position: BreakerPosition;
  /** Those who use it now, and how many of them failed on it lately with nobody succeeding since. */
  readonly accounts: number;
  readonly failing: number;
  /** Until it is probed next; while it is not closed. */
  readonly probeInMs?: number;
}

export interface Way {
  readonly egress: Egress;
  readonly dataCenter: number;
}

/** One account's use of a breaker, and what lies across: a path's data centre, a data centre's path. */
export interface Use extends Way {
  readonly account: string;
  across(breaker: Breaker): Breaker;
}

/** An account's failures here since anybody succeeded. */
interface Failures {
  readonly times: number;
  /** The last that was counted. */
  readonly at: number;
  readonly across: string;
  /** It may as well have been what lies across. */
  readonly unsure: boolean;
}

export interface BreakerOptions {
  readonly clock: Clock;
  /** Evenly from [0, 1). */
  random(): number;
  /** Called after it opened or closed. */
  changed(breaker: Breaker): void;
}

/** One answer that failed is bad luck, also for an account that is alone. */
const SEVERAL_TIMES = 5;
/** So many accounts must fail on a thing before it is the thing's failure, or all of them where there are fewer. */
const SEVERAL_ACCOUNTS = 3;
/** A data centre is not blamed for one path, unless there is no other. */
const SEVERAL_PATHS = 2;
/** Many calls of an account may be under way when its connection ends: that is one failure. */
const ONE_MOMENT_MS = 250;
/** Failures further apart than this have nothing to do with one another. */
const MEMORY_MS = 60_000;
const FIRST_PROBE_MS = 5_000;
const LAST_PROBE_MS = 60_000;

/**
 * Open, half open and closed are the library's; who must fail before it opens is decided here. Calls do not
 * run in it: they ask `isClosed` and tell how they ended, and only probes are its to run.
 */
export class Breaker {
  readonly name: string;
  readonly kind: BreakerKind;
  readonly uses = new Set<Use>();
  isClosed = true;
  probeAt = 0;
  readonly #accounts = new Map<string, number>();
  readonly #failures = new Map<string, Failures>();
  readonly #policy: CircuitBreakerPolicy;
  readonly #options: BreakerOptions;

  constructor(name: string, kind: BreakerKind, options: BreakerOptions) {
    this.name = name;
    this.kind = kind;
    this.#options = options;
    this.#policy = circuitBreaker(handleAll, {
      breaker: { state: undefined, success: () => undefined, failure: () => true },
      halfOpenAfter: { next: ({ attempt }) => this.#untilProbe(attempt) },
    });
    this.#policy.onStateChange((state) => this.#changed(state));
  }

  enter(use: Use): void {
    this.uses.add(use);
    this.#accounts.set(use.account, (this.#accounts.get(use.account) ?? 0) + 1);
  }

  leave(use: Use): void {
    if (!this.uses.delete(use)) return;
    const left = this.#accounts.get(use.account)! - 1;
    if (left > 0) return void this.#accounts.set(use.account, left);
    this.#accounts.delete(use.account);
    this.#failures.delete(use.account);
  }

  succeeded(): void {
    if (this.#failures.size > 0) this.#failures.clear();
  }

  /** Whether so many have failed by now that it should open. */
  failed(use: Use, unsure: boolean): boolean {
    const at = this.#options.clock.monotonic();
    for (const [account, failure] of this.#failures)
      if (at - failure.at > MEMORY_MS) this.#failures.delete(account);
    const before = this.#failures.get(use.account);
    const isSame = before !== undefined && at - before.at < ONE_MOMENT_MS;
    if (!isSame) {
      const times = (before?.times ?? 0) + 1;
      this.#failures.set(use.account, { times, at, across: use.across(this).name, unsure });
    }
    return this.#isBroken();
  }

  #isBroken(): boolean {
    const times = this.#failures.values().reduce((sum, failures) => sum + failures.times, 0);
    if (times < SEVERAL_TIMES) return false;
    if (this.#failures.size < Math.min(SEVERAL_ACCOUNTS, this.#accounts.size)) return false;
    if (this.kind === 'proxy') return true;
    // Several of what lies across, or all of it that is in use.
    const failed = new Set(this.#failures.values().map(({ across }) => across));
    if (failed.size >= SEVERAL_PATHS) return true;
    const inUse = new Set(this.uses.values().map((use) => use.across(this).name));
    return inUse.size <= failed.size;
  }

  /** Forgets the failures that may as well have been the fault of what lies across. */
  forgive(across: string): void {
    for (const [account, failure] of this.#failures)
      if (failure.unsure && failure.across === across) this.#failures.delete(account);
  }

  open(): void {
    this.isClosed = false;
    // The library opens a breaker when something that it ran has failed: a moment from now.
    this.#policy.execute(() => Promise.reject(new Error('it failed for several'))).catch(() => undefined);
  }

  get awaitsProbe(): boolean {
    return this.#policy.state === CircuitState.Open;
  }

  /** Half open until `ask` is settled: closed when it resolves, open for longer when it rejects. */
  probe(ask: () => Promise<void>): Promise<void> {
    return this.#policy.execute(ask);
  }

  #untilProbe(attempt: number): IBackoff<unknown> {
    const { clock, random } = this.#options;
    const longest = Math.min(FIRST_PROBE_MS * 2 ** Math.min(attempt - 1, 10), LAST_PROBE_MS);
    this.probeAt = clock.monotonic() + longest * (0.75 + random() / 4);
    // Nothing is run before probeAt. The library asks the wall clock, which may have been set back: never wait.
    return {
      duration: Number.NEGATIVE_INFINITY,
      next: (context: { attempt: number }) => this.#untilProbe(context.attempt),
    };
  }

  #changed(state: CircuitState): void {
    if (state === CircuitState.HalfOpen) return;
    this.isClosed = state === CircuitState.Closed;
    this.#failures.clear();
    this.#options.changed(this);
  }

  state(): BreakerState {
    const { name, kind, probeAt } = this;
    const known = { name, kind, accounts: this.#accounts.size, failing: this.#failures.size };
    if (this.isClosed) return { ...known, position: 'closed' };
    const position = this.#policy.state === CircuitState.HalfOpen ? 'half_open' : 'open';
    return { ...known, position, probeInMs: Math.max(0, probeAt - this.#options.clock.monotonic()) };
  }
}
