import type { Principal } from '#lib/auth/principal.ts';
import type { Clock } from '#lib/lifecycle/clock.ts';
import { QuotaExceeded } from '#lib/rpc/errors.ts';
import type { EdgeLimits } from './limits.ts';
import { createRateLimit, type RateLimit } from './rate-limit.ts';

type Limited = Pick<EdgeLimits, 'callsPerSecond' | 'callsPerSecondOfAddress' | 'maxUnaryPerCaller'>;

/** What one key, user or address may take of this gateway, so that something is left for the others. */
export class CallerLimits {
  readonly #rate: RateLimit;
  readonly #addressRate: RateLimit;
  readonly #running = new Map<string, number>();
  readonly #limits: Limited;

  constructor(limits: Limited, clock: Clock) {
    this.#limits = limits;
    this.#rate = createRateLimit(limits.callsPerSecond, clock);
    this.#addressRate = createRateLimit(limits.callsPerSecondOfAddress, clock);
  }

  /** Of every request, before it is known who sends it: guesses at keys count too. */
  countAddress(address: string): void {
    const waitMs = this.#addressRate.take(address);
    if (waitMs === 0) return;
    const limit = this.#limits.callsPerSecondOfAddress;
    throw tooMany(
      'address_calls_per_second',
      `This address sends more than ${limit} requests a second.`,
      waitMs,
    );
  }

  /** Of every call that a known caller makes. Those that nobody is known for count by their address alone. */
  countCall(caller: Principal): void {
    if (caller.homeTenantId === '') return;
    const waitMs = this.#rate.take(keyOf(caller));
    if (waitMs === 0) return;
    const limit = this.#limits.callsPerSecond;
    throw tooMany('calls_per_second', `This caller makes more than ${limit} calls a second.`, waitMs);
  }

  /** Each call that is begun is ended once. */
  begin(caller: Principal): void {
    const key = keyOf(caller);
    const running = this.#running.get(key) ?? 0;
    const { maxUnaryPerCaller } = this.#limits;
    if (caller.homeTenantId !== '' && running >= maxUnaryPerCaller)
      throw tooMany('calls_at_once', `This caller has ${maxUnaryPerCaller} calls running already.`, 1_000);
    this.#running.set(key, running + 1);
  }

  end(caller: Principal): void {
    const key = keyOf(caller);
    const left = (this.#running.get(key) ?? 0) - 1;
    if (left > 0) this.#running.set(key, left);
    else this.#running.delete(key);
  }
}

function tooMany(quota: string, what: string, waitMs: number): QuotaExceeded {
  return new QuotaExceeded(quota, `${what} Send less at a time, or spread it over time.`, Math.ceil(waitMs));
}

/** By home tenant: an operator that crosses into many tenants is still one caller. */
function keyOf({ homeTenantId, subject }: Principal): string {
  return `${homeTenantId} ${subject}`;
}
