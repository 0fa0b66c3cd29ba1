const FIRST_MS = 500;
const LONGEST_MS = 60_000;
/** So many attempts in a row without a link that lasted, and the session counts as degraded. */
export const DEGRADED_AFTER = 5;
/** A link that lasted so long was a good one: the next failure begins anew. */
export const GOOD_LINK_MS = 30_000;

/**
 * How long to wait before the next attempt, after `failures` in a row: doubling up to a minute, from a half to the
 * whole of it by chance, so that the sessions of a proxy that comes back do not all come at once.
 */
export function reconnectDelayMs(failures: number, random: () => number): number {
  const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(Math.max(failures - 1, 0), 16));
  return longest * (0.5 + random() / 2);
}
