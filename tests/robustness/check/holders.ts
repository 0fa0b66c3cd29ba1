import type { OperationEntry, UseEntry } from '../history.ts';
import type { Timeline } from './timeline.ts';
import type { Verdict } from './verdict.ts';

const MARGIN = 0.1;
const CLAIM_USABLE_MS = 10_000;

/**
 * I7: holders use a lease only until the send time of their last acknowledged renewal + TTL − margin, on the
 * clock that all processes share, and so never while somebody else has it; the same with sockets and claims.
 */
export function checkHolders(timeline: Timeline): Verdict {
  const violations: string[] = [];
  const uses = timeline.of('use');
  const acknowledged = acknowledgedBy(timeline);
  for (const use of uses) {
    const usableMs = use.process === undefined ? timeline.ttlMs * (1 - MARGIN) : CLAIM_USABLE_MS;
    const sentAt = lastBefore(acknowledged.get(keyOf(use)) ?? [], use.t);
    if (sentAt === undefined || use.t >= sentAt + usableMs)
      violations.push(
        `${use.client} used ${use.lease} ${sentAt === undefined ? 'without a grant' : `${(use.t - sentAt).toFixed(0)} ms after it sent its last acknowledged renewal`}`,
      );
    const at = timeline.toDatabase(use.t);
    const next = (timeline.lives.get(use.session) ?? []).find(
      ({ token }) => BigInt(token) > BigInt(use.token),
    );
    if (next && at > next.grantedAt + timeline.clockError)
      violations.push(
        `${use.client} used ${use.lease} ${(at - next.grantedAt).toFixed(0)} ms after ${next.lease} was granted on the same session`,
      );
  }
  return { invariant: 'I7', checked: uses.length, violations };
}

const keyOf = ({ lease, token, process = '' }: Pick<UseEntry, 'lease' | 'token' | 'process'>): string =>
  `${lease}/${token}/${process}`;

/** Operations that let a holder go on, by what they allow, in the order of their answers. */
function acknowledgedBy(timeline: Timeline): Map<string, OperationEntry[]> {
  const lets = timeline
    .of('op')
    .filter(
      ({ op, outcome, lease }) =>
        outcome === 'ok' && lease !== undefined && ['acquire', 'renew', 'claim'].includes(op),
    )
    .toSorted((a, b) => a.end - b.end);
  return Map.groupBy(lets, ({ lease, token, process }) => keyOf({ lease: lease!, token: token!, process }));
}

function lastBefore(operations: readonly OperationEntry[], t: number): number | undefined {
  let sentAt: number | undefined;
  for (const operation of operations) {
    if (operation.end > t) break;
    sentAt = Math.max(sentAt ?? -Infinity, operation.t);
  }
  return sentAt;
}
