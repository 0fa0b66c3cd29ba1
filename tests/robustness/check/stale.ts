import type { OperationEntry } from '../history.ts';
import { show, type Timeline } from './timeline.ts';
import type { Verdict } from './verdict.ts';

/** I3: a proof that is not, or no longer, that of the living lease changes nothing. */
export function checkStale(timeline: Timeline): Verdict {
  const violations: string[] = [];
  let checked = 0;
  for (const operation of timeline.of('op')) {
    const staleness = stalenessOf(timeline, operation);
    if (staleness === undefined) continue;
    checked += 1;
    if (operation.outcome === 'ok' && changesSomething(operation, staleness))
      violations.push(
        `${operation.client}: ${operation.op} with ${operation.lease} and token ${operation.token} was accepted: ${staleness.text}`,
      );
  }
  return { invariant: 'I3', checked, violations: [...violations, ...endedByNobody(timeline)] };
}

interface Staleness {
  kind: 'never' | 'over';
  text: string;
}

function stalenessOf(timeline: Timeline, { op, lease, token, t }: OperationEntry): Staleness | undefined {
  if (lease === undefined || token === undefined) return undefined;
  if (op === 'acquire' || op === 'revoke' || op === 'unclaim') return undefined;
  const life = timeline.lifeOf.get(lease);
  if (!life || life.token !== token) return { kind: 'never', text: 'no lease was ever granted so' };
  const isOver = life.endedAt !== undefined && life.endedAt + timeline.clockError < timeline.toDatabase(t);
  return isOver ? { kind: 'over', text: `it had ended at ${show(life.endedAt!)}` } : undefined;
}

/** A release that comes late is answered OK, and must have ended nothing. */
function changesSomething({ op, endedNow }: OperationEntry, { kind }: Staleness): boolean {
  return op !== 'release' || kind === 'never' || endedNow === true;
}

/** A lease that its holder was told of and that ended by release was released with its own proof. */
function endedByNobody(timeline: Timeline): string[] {
  return [...timeline.lifeOf.values()].flatMap((life) => {
    if (life.end !== 'released') return [];
    const operations = timeline.operationsOf.get(life.lease) ?? [];
    const wasTold = operations.some(({ op, outcome }) => op === 'acquire' && outcome === 'ok');
    const asked = operations.some(
      ({ op, token, t }) =>
        op === 'release' &&
        token === life.token &&
        timeline.toDatabase(t) <= life.endedAt! + timeline.clockError,
    );
    if (!wasTold || asked) return [];
    return `session ${life.session}: ${life.lease} was released at ${show(life.endedAt!)} by somebody else's proof`;
  });
}
