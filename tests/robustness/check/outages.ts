import { show, type Timeline } from './timeline.ts';
import type { Verdict } from './verdict.ts';

/** I10: who could not renew because database or replicas were away for a TTL has a whole TTL from their return. */
export function checkOutages(timeline: Timeline): Verdict {
  const violations: string[] = [];
  let checked = 0;
  let outages = 0;
  for (const { from, lifted } of timeline.outages) {
    if (lifted - from < timeline.ttlMs) continue;
    outages += 1;
    for (const life of timeline.lifeOf.values()) {
      const { grantedAt, endedAt } = life;
      if (grantedAt > lifted || (endedAt !== undefined && endedAt < from)) continue;
      checked += 1;
      if (life.end !== 'expired' || endedAt! >= lifted + life.ttlMs - timeline.clockError) continue;
      violations.push(
        `session ${life.session}: ${life.lease} was reclaimed at ${show(endedAt!)}, ${(endedAt! - lifted).toFixed(0)} ms after an outage of ${(lifted - from).toFixed(0)} ms`,
      );
    }
  }
  return { invariant: 'I10', checked, violations, figures: { outages } };
}
