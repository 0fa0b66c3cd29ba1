/** The right to speak for a session: what its lease and its process's egress claim leave of it, known without a call. */
export interface LeaseGuard {
  readonly sessionId: bigint;
  readonly fencingToken: bigint;
  /** Throws LeaseLost when the token is stale or its time is over. */
  check(): void;
  /** Until this process must stop by itself, on the monotonic clock. */
  remainingMs(): number;
  /** Aborted with the LeaseLost to throw. */
  readonly lost: AbortSignal;
}
