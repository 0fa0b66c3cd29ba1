import { show, stalledMs, type LeaseLife, type Timeline } from './timeline.ts';
import type { Verdict } from './verdict.ts';

/** I4: nobody loses a lease before its last acknowledged renewal + TTL, by the rows and by what holders know. */
export function checkNotEarly(timeline: Timeline): Verdict {
  const violations: string[] = [];
  let checked = 0;
  for (const life of expired(timeline)) {
    checked += 1;
    const { session, lease, endedAt, renewals } = life;
    const { expireAt } = renewals.at(-1)!;
    if (endedAt! < expireAt)
      violations.push(
        `session ${session}: ${lease} was reclaimed ${(expireAt - endedAt!).toFixed(0)} ms before its end, at ${show(endedAt!)}`,
      );
    const sentAt = lastAcknowledged(timeline, life, endedAt!);
    const early = sentAt === undefined ? 0 : sentAt + life.ttlMs - timeline.clockError - endedAt!;
    if (early > 0)
      violations.push(
        `session ${session}: ${lease} was reclaimed ${early.toFixed(0)} ms before an acknowledged renewal + TTL, at ${show(endedAt!)}`,
      );
  }
  return { invariant: 'I4', checked, violations };
}

const expired = (timeline: Timeline): LeaseLife[] =>
  [...timeline.lifeOf.values()].filter(({ end }) => end === 'expired');

/** The send time of the last renewal that was answered before the lease ended, by the database's clock. */
function lastAcknowledged(
  timeline: Timeline,
  { lease, token }: LeaseLife,
  before: number,
): number | undefined {
  const sent = (timeline.operationsOf.get(lease) ?? [])
    .filter(
      ({ op, outcome, token: given }) =>
        (op === 'renew' || op === 'acquire') && outcome === 'ok' && given === token,
    )
    .filter(({ end }) => timeline.toDatabase(end) <= before)
    .map(({ t }) => timeline.toDatabase(t));
  return sent.length === 0 ? undefined : Math.max(...sent);
}

export const RECLAIM_LIMIT_MS = 1_000;

/**
 * I5: a lease that is not renewed is reclaimed within TTL + 1 s. What counts against it is only what this run
 * knows of: outages that the nemesis made (then the TTL begins again at their end, if they were long), rows
 * that it locked, and time in which measurably nothing ran.
 */
export function checkNotLate(timeline: Timeline): Verdict {
  const violations: string[] = [];
  let checked = 0;
  let latest = 0;
  const [final] = timeline.of('final');
  for (const life of timeline.lifeOf.values()) {
    const isLeft = life.endedAt === undefined;
    if (!isLeft && life.end !== 'expired') continue;
    const endedAt = life.endedAt ?? final?.at;
    if (endedAt === undefined) continue;
    checked += 1;
    const due = dueAt(timeline, life, endedAt);
    const late = endedAt - due;
    const allowed = RECLAIM_LIMIT_MS + stalledMs(timeline, due, endedAt);
    if (!isLeft) latest = Math.max(latest, late);
    if (late > allowed)
      violations.push(
        `session ${life.session}: ${life.lease} was due at ${show(due)} and ${isLeft ? 'is still there' : 'was reclaimed'} ${late.toFixed(0)} ms later (${allowed.toFixed(0)} ms allowed)`,
      );
  }
  return { invariant: 'I5', checked, violations, figures: { latestReclaimMs: latest } };
}

/** From when on the lease had to be reclaimed. */
function dueAt(timeline: Timeline, life: LeaseLife, endedAt: number): number {
  const renewal = life.renewals.at(-1)!;
  let due = renewal.at + life.ttlMs;
  for (const { from, healed } of timeline.outages) {
    if (from > due + RECLAIM_LIMIT_MS || healed < renewal.at) continue;
    due = Math.max(due, healed);
    const resumed = resumeAfter(timeline, from, healed);
    if (resumed !== undefined) due = Math.max(due, resumed + life.ttlMs);
  }
  for (const fault of timeline.of('fault')) {
    if (!fault.sessions?.includes(life.session)) continue;
    const from = timeline.toDatabase(fault.t);
    const to = timeline.toDatabase(fault.lifted);
    if (from <= due + RECLAIM_LIMIT_MS && to >= renewal.at) due = Math.max(due, to);
  }
  return Math.min(due, endedAt);
}

/** When the pool noticed the end of this outage; only such a notice lengthens leases. */
function resumeAfter(timeline: Timeline, from: number, healed: number): number | undefined {
  return timeline.of('resume').find(({ at }) => at >= from && at <= healed + RECLAIM_LIMIT_MS * 2)?.at;
}
