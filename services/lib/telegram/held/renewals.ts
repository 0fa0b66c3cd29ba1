import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import type { Clock, Timer } from '#lib/lifecycle/clock.ts';
import { RpcError } from '#lib/rpc/status.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import { CLAIMS_A_CALL, type Claims } from './claims.ts';
import type { Entry, HoldEnd } from './entry.ts';
import type { LeaseStream } from './lease-stream.ts';

export interface RenewalParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly stream: LeaseStream;
  readonly claims: Claims;
  /** The sessions of this process, whatever their state. */
  entries(): Iterable<Entry>;
  end(entry: Entry, why: HoldEnd): void;
}

export const CLAIM_EVERY_MS = 5_000;
export const RENEWALS_A_LEASE = 3;
const LEASES_A_RENEWAL = 1_000;
const ANSWER_LIMIT_MS = 5_000;
const RETRY_MS = 500;
/** What is due so soon goes along with what is due now. */
const TOGETHER_MS = 250;
const LONGEST_SLEEP_MS = 1_000;
const SHORTEST_SLEEP_MS = 20;

/** Keeps leases and claims alive, and ends what could not be: one timer for all sessions, set to what comes first. */
export class Renewals {
  readonly #parts: RenewalParts;
  #timer: Timer | undefined;

  constructor(parts: RenewalParts) {
    this.#parts = parts;
  }

  plan(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const now = this.#parts.clock.monotonic();
    let sleep = Infinity;
    for (const { guard, isClaimed, nextClaim, nextRenewal, why } of this.#parts.entries()) {
      const overdue = isClaimed && !why ? guard.remainingMs() : LONGEST_SLEEP_MS;
      sleep = Math.min(sleep, overdue, nextClaim - now, nextRenewal - now);
    }
    if (sleep === Infinity) return;
    const wait = Math.min(Math.max(sleep, SHORTEST_SLEEP_MS), LONGEST_SLEEP_MS);
    // Renewals belong to no call, whichever it was that planned them.
    const sweep = (): void => context.with(ROOT_CONTEXT, () => this.#sweep());
    this.#timer = this.#parts.clock.setTimer(wait, sweep);
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** A new stream knows of no lease: to hear of them on it, they are renewed. */
  renewAllLeases(): void {
    this.#renewInBatches(
      [...this.#parts.entries()].filter((entry) => entry.ttlMs !== undefined && !entry.leaseIsOver),
    );
  }

  #sweep(): void {
    const soon = this.#parts.clock.monotonic() + TOGETHER_MS;
    const claims: Entry[] = [];
    const leases: Entry[] = [];
    for (const entry of this.#parts.entries()) {
      if (entry.isClaimed && !entry.why && entry.guard.remainingMs() === 0) this.#parts.end(entry, 'overdue');
      // What is closing is kept as well, as long as its socket may be open.
      if (entry.nextClaim <= soon && !entry.claimIsOver) claims.push(entry);
      if (entry.nextRenewal <= soon && !entry.leaseIsOver) leases.push(entry);
    }
    for (let from = 0; from < claims.length; from += CLAIMS_A_CALL) {
      const batch = claims.slice(from, from + CLAIMS_A_CALL);
      const renewed = this.#renewClaims(batch);
      for (const entry of batch) entry.claiming = renewed;
    }
    this.#renewInBatches(leases);
    this.plan();
  }

  async #renewClaims(entries: readonly Entry[]): Promise<void> {
    const { clock, log, claims } = this.#parts;
    for (const entry of entries) entry.nextClaim = Infinity;
    let next = clock.monotonic() + CLAIM_EVERY_MS;
    try {
      const outcomes = await claims.renew(entries.map(({ proof }) => proof));
      for (const [index, entry] of entries.entries()) {
        const outcome = outcomes[index]!;
        if (outcome.kind === 'claimed') entry.guard.claimed(outcome.sentAt, outcome.ttlMs);
        else this.#refused(entry, outcome.error);
      }
    } catch (error) {
      next = clock.monotonic() + RETRY_MS;
      log.warn(
        { event: 'claims_not_renewed', count: entries.length, err: error },
        'egress claims are tried again',
      );
    }
    for (const entry of entries) {
      entry.claiming = undefined;
      if (!entry.claimIsOver) entry.nextClaim = next;
    }
    this.plan();
  }

  #refused(entry: Entry, error: unknown): void {
    const reason = error instanceof RpcError ? error.reason : undefined;
    if (reason !== ErrorReason.LEASE_LOST && reason !== ErrorReason.EGRESS_CLAIMED) return;
    entry.claimIsOver = true;
    if (reason === ErrorReason.LEASE_LOST) entry.leaseIsOver = true;
    this.#parts.end(entry, reason === ErrorReason.LEASE_LOST ? 'lease_lost' : 'claim_refused');
  }

  #renewInBatches(entries: readonly Entry[]): void {
    for (let from = 0; from < entries.length; from += LEASES_A_RENEWAL)
      void this.renewLeases(entries.slice(from, from + LEASES_A_RENEWAL));
  }

  /** At most LEASES_A_RENEWAL, all of this process. */
  async renewLeases(entries: readonly Entry[]): Promise<void> {
    const { clock, log, stream } = this.#parts;
    const sentAt = clock.monotonic();
    for (const entry of entries) entry.nextRenewal = Infinity;
    let retryAt = Infinity;
    try {
      const value = { leases: entries.map(({ proof }) => proof) };
      const { result } = await stream.ask({ case: 'renew', value }, { limitMs: ANSWER_LIMIT_MS, once: true });
      if (result.case !== 'renewed') throw new TypeError(`a renewal was answered with ${result.case}`);
      const renewed = new Set(result.value.renewed.map(({ leaseId }) => leaseId));
      const lost = new Set(result.value.lost.map(({ leaseId }) => leaseId));
      for (const entry of entries) {
        if (renewed.has(entry.proof.leaseId)) entry.guard.renewed(sentAt, entry.ttlMs!);
        if (!lost.has(entry.proof.leaseId)) continue;
        entry.leaseIsOver = true;
        this.#parts.end(entry, 'lease_lost');
      }
    } catch (error) {
      retryAt = clock.monotonic() + RETRY_MS;
      log.warn({ event: 'leases_not_renewed', count: entries.length, err: error }, 'leases are tried again');
    }
    for (const entry of entries)
      if (!entry.leaseIsOver) entry.nextRenewal = Math.min(retryAt, sentAt + entry.ttlMs! / RENEWALS_A_LEASE);
    this.plan();
  }
}
