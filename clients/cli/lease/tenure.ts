import { durationMs } from '@bufbuild/protobuf/wkt';
import type { Lease } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import type { Clock, Timer } from '#lib/lifecycle/clock.ts';
import type { HolderEvent } from './events.ts';

/** A holder stops by itself this share of the TTL before the lease may end. */
const MARGIN = 0.1;

/**
 * How long the session may be used. It counts from when the last acknowledged renewal was sent, on the
 * monotonic clock: the mesh counted from later, so it can not have given the session to anybody else yet.
 */
export class Tenure {
  readonly #clock: Clock;
  readonly #tell: (event: HolderEvent) => void;
  #lease: Lease | undefined;
  #state: 'none' | 'unconfirmed' | 'held' | 'suspended' = 'none';
  #safeUntil = -Infinity;
  #timer: Timer | undefined;

  constructor(clock: Clock, tell: (event: HolderEvent) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  get lease(): Lease | undefined {
    return this.#lease;
  }

  get ttlMs(): number {
    return this.#lease?.ttl ? durationMs(this.#lease.ttl) : 0;
  }

  /** The grant may have been on its way since `askedAt`; when that is too long ago, a renewal confirms it first. */
  granted(lease: Lease, askedAt: number): void {
    this.#lease = lease;
    this.#state = 'unconfirmed';
    this.renewed(askedAt);
  }

  /** Attaching renews. */
  attached(lease: Lease, sentAt: number): void {
    if (this.#state === 'held') this.#tell({ kind: 'attached', lease });
    this.renewed(sentAt);
  }

  renewed(sentAt: number): void {
    this.#safeUntil = Math.max(this.#safeUntil, sentAt + this.ttlMs * (1 - MARGIN));
    const remaining = this.safeMs();
    // An answer that took longer than the lease is worth says nothing about now.
    if (remaining === 0) return;
    const lease = this.#lease!;
    if (this.#state === 'unconfirmed')
      this.#tell({ kind: 'heard', event: { case: 'granted', value: lease } });
    if (this.#state === 'suspended') this.#tell({ kind: 'resumed', lease });
    this.#state = 'held';
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimer(remaining, () => this.#suspend());
  }

  safeMs(): number {
    return Math.max(0, this.#safeUntil - this.#clock.monotonic());
  }

  end(): void {
    this.#timer?.cancel();
  }

  #suspend(): void {
    this.#state = 'suspended';
    this.#tell({ kind: 'suspended' });
  }
}
