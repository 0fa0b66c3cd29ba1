import type { FloodWait } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import type { Proof } from './claims.ts';
import type { HeldGuard } from './held-guard.ts';

/** Why a session is held no more. */
export type HoldEnd =
  | 'released' // by its owner
  | 'lease_lost' // revoked, expired, its session gone, or released by the caller whose lease it was
  | 'claim_refused' // another process holds the claim
  | 'overdue' // neither lease nor claim could be renewed in time
  | 'stopping'; // this process stops

/** Who holds the session's socket. */
export interface SessionOwner {
  /**
   * Closes the socket; resolves after its close event, or at once when there is none. Called once, before anything
   * else is done about the end: until it resolves nobody else is let near the session.
   */
  closeSocket(why: HoldEnd): Promise<void>;
  /** Somebody asks for the session: the lease is revoked at the deadline unless it is released before. */
  drainRequested?(deadline: Date): void;
  /** Somebody else reported a wait. */
  floodWait?(wait: FloodWait): void;
  /** Telegram lets the account reach nobody new (PEER_FLOOD). */
  limited?(telegramError: string): void;
}

/** One session that this process holds, or is about to, or whose socket it is still closing. */
export interface Entry {
  readonly guard: HeldGuard;
  readonly proof: Proof;
  readonly owner: SessionOwner;
  /** Of a lease of this process; undefined for a caller's. */
  readonly ttlMs: number | undefined;
  readonly tenantId: string;
  readonly ended: PromiseWithResolvers<HoldEnd>;
  why: HoldEnd | undefined;
  isClaimed: boolean;
  leaseIsOver: boolean;
  claimIsOver: boolean;
  /** On the monotonic clock; Infinity while one is under way. */
  nextClaim: number;
  nextRenewal: number;
  /** The renewal of the claim that is under way. */
  claiming: Promise<void> | undefined;
}
