import type { TickEntry } from '../history.ts';
import type { Timeline } from './timeline.ts';
import type { Verdict } from './verdict.ts';

const WINDOW_MS = 1_000;
const SHARE = 0.95;
const LIMIT_MS = 10_000;
/** A replica finds out after 20 s that its connections to the database died silently. */
const RETURN_LIMIT_MS = 30_000;

/** I11: how long after each fault's end 95 % of the paced pairs of a whole second succeed again. */
export function checkRecovery(timeline: Timeline): Verdict {
  const ticks = timeline.of('tick').toSorted((a, b) => a.t - b.t);
  const violations: string[] = [];
  let slowest = 0;
  const faults = timeline.of('fault');
  let slowestReturn = 0;
  for (const { fault, lifted, returned, note = '' } of faults) {
    slowestReturn = Math.max(slowestReturn, returned - lifted);
    if (returned - lifted > RETURN_LIMIT_MS)
      violations.push(
        `after ${fault} ${note} both replicas looked after leases only ${(returned - lifted).toFixed(0)} ms later`,
      );
    const tookMs = recoveredAfter(ticks, lifted);
    slowest = Math.max(slowest, tookMs ?? Infinity);
    if (tookMs === undefined || tookMs > LIMIT_MS)
      violations.push(
        `after ${fault} ${note} throughput was ${tookMs === undefined ? 'not back before the run ended' : `back after ${tookMs.toFixed(0)} ms`}`,
      );
  }
  return {
    invariant: 'I11',
    checked: faults.length,
    violations,
    figures: { slowestRecoveryMs: slowest, slowestReturnMs: slowestReturn },
  };
}

/** Undefined when the run ended before. */
export function recoveredAfter(ticks: readonly TickEntry[], lifted: number): number | undefined {
  const later = ticks.filter(({ t }) => t >= lifted);
  const lastAt = later.at(-1)?.t ?? 0;
  let ok = 0;
  let end = 0;
  for (let start = 0; start < later.length; start += 1) {
    const from = later[start]!.t;
    if (from + WINDOW_MS > lastAt) return undefined;
    while (end < later.length && later[end]!.t < from + WINDOW_MS) {
      if (later[end]!.ok) ok += 1;
      end += 1;
    }
    if (ok >= SHARE * (end - start)) return from - lifted;
    if (later[start]!.ok) ok -= 1;
  }
  return undefined;
}
