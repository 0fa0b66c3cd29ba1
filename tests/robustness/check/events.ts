import type { CommittedEntry, SeenEntry } from '../history.ts';
import type { Timeline } from './timeline.ts';
import type { Verdict } from './verdict.ts';

const SHOWN = 5;

/**
 * I9: an event is in the stream, and reaches a consumer, if and only if its transaction committed; deliveries
 * beyond the first carry the same id; and each session's events come in the order of its sequence.
 */
export function checkEvents(timeline: Timeline): Verdict {
  const committed = timeline.of('committed');
  const streamed = timeline.of('streamed');
  const delivered = timeline.of('delivered');
  const left = timeline.of('final')[0]?.outboxLeft ?? 0;
  const ids = new Map(committed.map((event) => [event.event, event]));
  const violations = [
    ...compare('the stream', ids, streamed),
    ...compare('the consumer', ids, delivered),
    ...outOfOrder('the stream', streamed),
    ...outOfOrder('the consumer', delivered),
    ...unspoken(timeline, committed),
    ...(left > 0 ? [`${left} events still wait in the outbox`] : []),
  ];
  const distinct = new Set(delivered.map(({ event }) => event)).size;
  return {
    invariant: 'I9',
    checked: committed.length,
    violations,
    figures: {
      committed: committed.length,
      delivered: distinct,
      duplicated: delivered.length - distinct,
      duplicatedInStream: streamed.length - new Set(streamed.map(({ event }) => event)).size,
      lost: missing(ids, delivered).length,
    },
  };
}

function missing(ids: ReadonlyMap<string, CommittedEntry>, seen: readonly SeenEntry[]): CommittedEntry[] {
  const there = new Set(seen.map(({ event }) => event));
  return [...ids.values()].filter(({ event }) => !there.has(event));
}

function compare(
  where: string,
  ids: ReadonlyMap<string, CommittedEntry>,
  seen: readonly SeenEntry[],
): string[] {
  const lost = missing(ids, seen).map(
    ({ subject, sequence }) => `${subject} (${sequence}) was committed and is not in ${where}`,
  );
  const phantoms = new Set<string>();
  const changed: string[] = [];
  for (const { event, subject, session, sequence } of seen) {
    const original = ids.get(event);
    if (!original) phantoms.add(`${subject} (${sequence}) is in ${where} and was never committed`);
    else if (original.subject !== subject || original.session !== session || original.sequence !== sequence)
      changed.push(
        `${where} has the id of ${original.subject} (${original.sequence}) for ${subject} (${sequence})`,
      );
  }
  return [lost, [...phantoms], changed].flatMap((kind) => shorten(kind));
}

/** Of each event the first time it is seen; what comes again may come late. */
function outOfOrder(where: string, seen: readonly SeenEntry[]): string[] {
  const known = new Set<string>();
  const last = new Map<string, number>();
  const violations: string[] = [];
  for (const { event, session, sequence, subject } of seen) {
    if (known.has(event)) continue;
    known.add(event);
    const before = last.get(session) ?? 0;
    if (sequence <= before)
      violations.push(`${where}: ${subject} (${sequence}) came after ${before} of the same session`);
    last.set(session, Math.max(before, sequence));
  }
  return shorten(violations);
}

/** Every change that events tell of has its event, and none has two. */
function unspoken(timeline: Timeline, committed: readonly CommittedEntry[]): string[] {
  const violations: string[] = [];
  const bySession = Map.groupBy(committed, ({ session }) => session);
  for (const [session, rows] of timeline.slots) {
    const sequences = (bySession.get(session) ?? [])
      .map(({ sequence }) => sequence)
      .toSorted((a, b) => a - b);
    const last = rows.at(-1)!.sequence;
    const wanted = Array.from({ length: last }, (_, index) => index + 1);
    if (sequences.join() !== wanted.join())
      violations.push(
        `session ${session}: it counts ${last} events, and committed were those with ${sequences.length} numbers`,
      );
  }
  for (const { session, lease, grantSequence, end, endedAt } of timeline.lifeOf.values()) {
    const grant = (bySession.get(session) ?? []).find(({ sequence }) => sequence === grantSequence);
    if (!grant?.subject.endsWith('.lease_acquired'))
      violations.push(`session ${session}: no event says that ${lease} was acquired`);
    if (endedAt !== undefined && end === 'unknown')
      violations.push(`session ${session}: no event says how ${lease} ended`);
  }
  return shorten(violations);
}

function shorten(violations: readonly string[]): string[] {
  if (violations.length <= SHOWN) return [...violations];
  return [...violations.slice(0, SHOWN), `… and ${violations.length - SHOWN} more like the last`];
}
