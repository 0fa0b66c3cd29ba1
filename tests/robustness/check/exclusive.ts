import type { OperationEntry } from '../history.ts';
import { show, type Timeline } from './timeline.ts';
import type { Verdict } from './verdict.ts';

interface Certain {
  readonly lease: string;
  readonly client: string;
  readonly from: number;
  readonly to: number;
}

/**
 * I1: no two live leases on one session, nor two live claims, nor two open sockets. Looked at three times: in
 * the database's rows; from outside, by what clients were told alone; and by the sockets that claims allowed.
 */
export function checkExclusive(timeline: Timeline): Verdict {
  const violations = [
    ...overwritten(timeline),
    ...claims(timeline),
    ...overlaps(timeline),
    ...sockets(timeline),
  ];
  return { invariant: 'I1', checked: timeline.lifeOf.size + timeline.of('socket').length, violations };
}

function overwritten({ lives }: Timeline): string[] {
  return [...lives.values()]
    .flat()
    .filter((life) => life.wasOverwritten)
    .map(
      ({ session, lease, endedAt }) =>
        `session ${session}: another lease took the place of ${lease}, which had not ended, at ${show(endedAt!)}`,
    );
}

function claims({ slots }: Timeline): string[] {
  const violations: string[] = [];
  for (const [session, rows] of slots) {
    for (const [index, row] of rows.entries()) {
      const before = rows[index - 1];
      if (!before?.claimProcess || before.claimExpireAt === null || before.claimExpireAt <= row.at) continue;
      if (row.claimProcess !== null && row.claimProcess !== before.claimProcess)
        violations.push(
          `session ${session}: ${row.claimProcess} claimed at ${show(row.at)} what ${before.claimProcess} had claimed until ${show(before.claimExpireAt)}`,
        );
      if (row.lease !== null && row.lease !== before.lease)
        violations.push(
          `session ${session}: leased at ${show(row.at)} while ${before.claimProcess} had its socket until ${show(before.claimExpireAt)}`,
        );
    }
  }
  return violations;
}

/**
 * From outside: a lease certainly lives from the answer that granted it to the send time of its last
 * acknowledged renewal + TTL, unless its holder asked for its end, heard of it, or an operator may have.
 */
export function certainLives(timeline: Timeline): Map<string, Certain[]> {
  const bySession = new Map<string, Certain[]>();
  const lostAt = new Map(timeline.of('lost').map(({ lease, t }) => [lease, t]));
  for (const [lease, operations] of timeline.operationsOf) {
    const grant = operations.find(({ op, outcome }) => op === 'acquire' && outcome === 'ok');
    if (!grant) continue;
    const acknowledged = operations.filter(
      ({ op, outcome, token }) => letsGoOn(op) && outcome === 'ok' && token === grant.token,
    );
    const promised = Math.max(...acknowledged.map(({ t }) => t)) + timeline.ttlMs;
    const endings = operations.filter(mayEnd).map(({ t }) => t);
    const to = Math.min(promised, ...endings, lostAt.get(lease) ?? Infinity);
    const lives = bySession.get(grant.session!) ?? [];
    lives.push({ lease, client: grant.client, from: grant.end, to });
    bySession.set(grant.session!, lives);
  }
  return bySession;
}

const letsGoOn = (op: OperationEntry['op']): boolean => op === 'acquire' || op === 'renew';

/** A refused renewal of the right token says that it had ended by then. */
function mayEnd({ op, outcome, stale }: OperationEntry): boolean {
  return (
    op === 'revoke' || (op === 'release' && !stale) || (op === 'renew' && outcome === 'failed' && !stale)
  );
}

function overlaps(timeline: Timeline): string[] {
  const violations: string[] = [];
  for (const [session, lives] of certainLives(timeline)) {
    const sorted = lives.toSorted((a, b) => a.from - b.from);
    let longest: Certain | undefined;
    for (const life of sorted) {
      if (longest && life.from < longest.to && life.to > life.from)
        violations.push(
          `session ${session}: ${life.client} was given ${life.lease} ${(longest.to - life.from).toFixed(0)} ms before ${longest.lease} of ${longest.client} could have ended`,
        );
      if (!longest || life.to > longest.to) longest = life;
    }
  }
  return violations;
}

function sockets(timeline: Timeline): string[] {
  const violations: string[] = [];
  const open = new Map<string, { process: string; t: number }>();
  for (const { session, process, what, t } of timeline.of('socket').toSorted((a, b) => a.t - b.t)) {
    const other = open.get(session);
    if (what === 'close') {
      if (other?.process === process) open.delete(session);
      continue;
    }
    if (other && other.process !== process)
      violations.push(
        `session ${session}: ${process} opened a socket while that of ${other.process} was open`,
      );
    open.set(session, { process, t });
  }
  return violations;
}
