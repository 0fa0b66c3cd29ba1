import { show, type Timeline } from './timeline.ts';
import type { Verdict } from './verdict.ts';

/** Times travel in whole milliseconds. */
const ROUNDING_MS = 1.5;

/** I8: what was acknowledged is in the database, whatever was killed since; a repeated request is one request. */
export function checkDurable(timeline: Timeline): Verdict {
  const violations: string[] = [];
  const figures = { grants: 0, renewals: 0, releases: 0 };
  const byRequest = new Map<string, string>();
  for (const { op, outcome, client, lease, token, expireAt, end, requestId } of timeline.of('op')) {
    if (outcome !== 'ok' || lease === undefined) continue;
    const life = timeline.lifeOf.get(lease);
    const named = `${client}: ${op} of ${lease}`;
    if (op === 'acquire') {
      figures.grants += 1;
      if (!life || life.token !== token)
        violations.push(`${named} was acknowledged and is not in the database`);
      if (requestId === undefined) continue;
      const first = byRequest.get(requestId);
      if (first !== undefined && first !== lease)
        violations.push(`${named}: the request ${requestId} had been answered with ${first}`);
      byRequest.set(requestId, lease);
    } else if (op === 'renew' && expireAt !== undefined) {
      figures.renewals += 1;
      if (!life?.renewals.some((renewal) => Math.abs(renewal.expireAt - expireAt) <= ROUNDING_MS))
        violations.push(`${named} until ${show(expireAt)} was acknowledged and is not in the database`);
    } else if (op === 'release') {
      figures.releases += 1;
      const isOver =
        life?.endedAt !== undefined && life.endedAt <= timeline.toDatabase(end) + timeline.clockError;
      if (life && !isOver) violations.push(`${named} was acknowledged and it lived on`);
    }
  }
  return {
    invariant: 'I8',
    checked: figures.grants + figures.renewals + figures.releases,
    violations,
    figures,
  };
}
