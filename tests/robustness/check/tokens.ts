import type { Timeline } from './timeline.ts';
import type { Verdict } from './verdict.ts';

/** I2: the token of a session rises with every grant, in the database and as clients were told. */
export function checkTokens(timeline: Timeline): Verdict {
  const violations: string[] = [];
  let checked = 0;
  for (const [session, lives] of timeline.lives) {
    let last = 0n;
    for (const { token, lease } of lives) {
      checked += 1;
      if (BigInt(token) <= last)
        violations.push(`session ${session}: ${lease} got the token ${token} after ${last} was given out`);
      if (BigInt(token) > last) last = BigInt(token);
    }
  }
  const grants = timeline
    .of('op')
    .filter(({ op, outcome, lease }) => op === 'acquire' && outcome === 'ok' && lease);
  for (const [session, told] of Map.groupBy(grants, (grant) => grant.session!)) {
    const owners = new Map<string, string>();
    for (const { token, lease } of told) {
      const owner = owners.get(token!);
      if (owner !== undefined && owner !== lease)
        violations.push(
          `session ${session}: the token ${token} was given out with ${owner} and with ${lease}`,
        );
      owners.set(token!, lease!);
    }
  }
  return { invariant: 'I2', checked, violations };
}
