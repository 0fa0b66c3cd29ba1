import type { Clock } from '#lib/lifecycle/clock.ts';
import { LeaseLost } from '../errors.ts';
import type { LeaseGuard } from '../guard.ts';

/** The process closes a socket so long before its claim may end. */
const CLAIM_MARGIN_MS = 5_000;
/** The holder of a lease stops so great a part of the TTL before the lease may end. */
const LEASE_MARGIN = 0.1;

export interface HeldLease {
  readonly sessionId: bigint;
  readonly leaseId: string;
  readonly fencingToken: bigint;
}

/**
 * How long a session may be used: it counts from when the last acknowledged renewals were sent, on the monotonic
 * clock, for the pool counted from later. Each check compares clocks: a process that stood still past its time
 * makes no late call, whether or not a timer has told it so.
 */
export class HeldGuard implements LeaseGuard {
  readonly sessionId: bigint;
  readonly fencingToken: bigint;
  readonly leaseId: string;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #onOverdue: () => void;
  readonly #controller = new AbortController();
  #claimUntil = -Infinity;
  #leaseUntil = Infinity;

  /** `onOverdue` ends the guard; called by the check that finds its time over. */
  constructor(lease: HeldLease, clock: Pick<Clock, 'monotonic'>, onOverdue: () => void) {
    this.sessionId = lease.sessionId;
    this.fencingToken = lease.fencingToken;
    this.leaseId = lease.leaseId;
    this.#clock = clock;
    this.#onOverdue = onOverdue;
  }

  get lost(): AbortSignal {
    return this.#controller.signal;
  }

  check(): void {
    if (this.remainingMs() > 0) return;
    this.#onOverdue();
    this.lost.throwIfAborted();
  }

  remainingMs(): number {
    if (this.lost.aborted) return 0;
    return Math.max(0, Math.min(this.#claimUntil, this.#leaseUntil) - this.#clock.monotonic());
  }

  claimed(sentAt: number, ttlMs: number): void {
    this.#claimUntil = Math.max(this.#claimUntil, sentAt + ttlMs - CLAIM_MARGIN_MS);
  }

  /** Only for leases of the process's own: the time of another's counts through the claim. */
  renewed(sentAt: number, ttlMs: number): void {
    const until = sentAt + ttlMs * (1 - LEASE_MARGIN);
    this.#leaseUntil = this.#leaseUntil === Infinity ? until : Math.max(this.#leaseUntil, until);
  }

  end(): void {
    if (!this.lost.aborted) this.#controller.abort(new LeaseLost(this.sessionId, this.leaseId));
  }
}
