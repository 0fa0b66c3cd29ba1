export interface DeadlineLimits {
  /** For unary calls that come without a deadline. */
  defaultDeadlineMs: number;
  /** No unary call may take longer; a later deadline is cut to it. */
  maxDeadlineMs: number;
  /** Streams have no deadline of their own unless this is set; they end when it is reached. */
  maxStreamAgeMs?: number;
}

export interface EffectiveDeadline {
  /** Epoch milliseconds; Infinity for a stream without one. */
  at: number;
  /** The server's limit that set it; absent when it is the caller's own deadline. */
  serverLimitMs: number | undefined;
}

/** `requested` is the caller's deadline in epoch milliseconds, Infinity when it gave none. */
export function effectiveDeadline(
  kind: 'unary' | 'stream',
  requested: number,
  now: number,
  limits: DeadlineLimits,
): EffectiveDeadline {
  const max = kind === 'unary' ? limits.maxDeadlineMs : (limits.maxStreamAgeMs ?? Infinity);
  const allowed = kind === 'unary' && requested === Infinity ? Math.min(limits.defaultDeadlineMs, max) : max;
  return requested <= now + allowed
    ? { at: requested, serverLimitMs: undefined }
    : { at: now + allowed, serverLimitMs: allowed };
}

/** What a service keeps back of its caller's time, to answer with a typed error before the caller gives up. */
const HOP_MARGIN_MS = 20;
const HOP_SHARE = 0.05;

/** The time a call to the next service may take: a little less at each hop, and never more than `wantedMs`. */
export function shrink(remainingMs: number, wantedMs: number): number {
  if (remainingMs === Infinity) return wantedMs;
  const margin = Math.min(HOP_MARGIN_MS, remainingMs * HOP_SHARE);
  return Math.max(0, Math.min(remainingMs - margin, wantedMs));
}

export function formatDuration(ms: number): string {
  return ms % 1_000 === 0 ? `${ms / 1_000}s` : `${ms}ms`;
}
