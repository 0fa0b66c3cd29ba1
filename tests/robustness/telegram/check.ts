import { timelineOf, show, type Timeline } from '../check/timeline.ts';
import type { Verdict } from '../check/verdict.ts';
import type { Entry, SlotEntry, WireEntry } from '../history.ts';

/** How long after it was woken a process may take to close what it should have closed while it stood still. */
const WAKING_MS = 4_000;
/** The local Telegram and the database read the machine's clock, each in its own way. */
const CLOCK_SLACK_MS = 25;

/** What is shown about messaging processes and Telegram. Pure: the same history gets the same verdicts. */
export function checkTelegram(entries: readonly Entry[]): Verdict[] {
  const timeline = timelineOf(entries);
  return [checkKeys(timeline), checkFence(timeline), checkOnce(timeline)];
}

/** I1: no key on two connections at once, by what the relay saw and by the server's own log. */
export function checkKeys(timeline: Timeline): Verdict {
  const wires = timeline.of('wire');
  const served = timeline.of('served-connection');
  const violations = [
    ...interleaved(wires, 'on the wire'),
    ...openTogether(timeline, wires),
    ...interleaved(served, 'at the server'),
  ];
  for (const { keysDuplicated, dropped } of timeline.of('telegram')) {
    if (keysDuplicated > 0) violations.push(`the local Telegram ended ${keysDuplicated} keys as duplicated`);
    if (dropped > 0)
      violations.push(`the local Telegram dropped ${dropped} entries of its log: nothing is proved`);
  }
  if (wires.length === 0) violations.push('the relay saw no key: nothing is proved');
  const figures = { connections: wires.length, takeovers: takeovers(timeline) };
  return { invariant: 'I1', checked: wires.length + served.length, violations, figures };
}

/** Once another connection sends under a key, the one before is silent for good. */
function interleaved(
  uses: readonly { key: string; connection: string | number; first: number; last: number }[],
  where: string,
): string[] {
  const violations: string[] = [];
  for (const [key, same] of Map.groupBy(uses, (use) => use.key)) {
    let longest: (typeof same)[number] | undefined;
    for (const use of same.toSorted((a, b) => a.first - b.first)) {
      if (longest && longest.last > use.first && longest.connection !== use.connection)
        violations.push(
          `${where}, connection ${longest.connection} sent under key ${key} ${(longest.last - use.first).toFixed(1)} ms after connection ${use.connection} had begun to`,
        );
      if (!longest || use.last > longest.last) longest = use;
    }
  }
  return violations;
}

/**
 * Two open sockets on one key. The kernel keeps those of a process that stands still open, and nobody can close
 * them: that they are silent is shown above; that they are gone as soon as it wakes, here.
 */
function openTogether(timeline: Timeline, wires: readonly WireEntry[]): string[] {
  const violations: string[] = [];
  for (const [key, same] of Map.groupBy(wires, (wire) => wire.key)) {
    const sorted = same.toSorted((a, b) => a.first - b.first);
    for (const [index, older] of sorted.entries()) {
      for (const newer of sorted.slice(index + 1)) {
        const closed = older.closed ?? Infinity;
        if (closed <= newer.first) continue;
        const paused = timeline
          .of('paused')
          .find(({ t, end }) => t < newer.first && newer.first < end && closed <= end + WAKING_MS);
        if (!paused)
          violations.push(
            `connection ${older.connection} was open under key ${key} for ${(closed - newer.first).toFixed(1)} ms after connection ${newer.connection} had begun to send`,
          );
      }
    }
  }
  return violations;
}

function takeovers(timeline: Timeline): number {
  let count = 0;
  for (const calls of Map.groupBy(timeline.of('call'), ({ session }) => session).values()) {
    const processes = calls.toSorted((a, b) => a.t - b.t).map(({ process }) => process);
    count += processes.filter((one, index) => index > 0 && one !== processes[index - 1]).length;
  }
  return count;
}

/** I3: each call arrived while the database had its process and token as those that hold the session's socket. */
export function checkFence(timeline: Timeline): Verdict {
  const calls = new Map(timeline.of('call').map((call) => [call.randomId, call]));
  const sessions = timeline.of('telegram')[0]?.sessions ?? {};
  const served = timeline.of('served');
  const violations: string[] = [];
  for (const { randomId, key, at } of served) {
    const call = calls.get(randomId);
    // A process that was killed wrote down nothing of its last calls.
    if (!call) continue;
    if (sessions[key] !== call.session)
      violations.push(
        `a call for session ${call.session} went out under the key of session ${sessions[key]}`,
      );
    const slots = timeline.slots.get(call.session) ?? [];
    if (!wasClaimed(slots, call, at))
      violations.push(
        `${call.process} called Telegram for session ${call.session} under token ${call.token} at ${show(at)}, when it had no claim`,
      );
  }
  if (served.length === 0) violations.push('the local Telegram served no call: nothing is proved');
  return { invariant: 'I3', checked: served.length, violations };
}

function wasClaimed(
  slots: readonly SlotEntry[],
  { process, token }: { process: string; token: string },
  at: number,
): boolean {
  return slots.some((slot, index) => {
    if (slot.claimProcess !== process || slot.claimToken !== token) return false;
    const until = Math.min(slot.claimExpireAt ?? 0, slots[index + 1]?.at ?? Infinity);
    return slot.at - CLOCK_SLACK_MS <= at && at <= until + CLOCK_SLACK_MS;
  });
}

/** I8, of sends: what was acknowledged is in the server's log, once and carried out. */
export function checkOnce(timeline: Timeline): Verdict {
  const carriedOut = Map.groupBy(
    timeline.of('served').filter(({ outcome }) => outcome !== 'error'),
    ({ randomId }) => randomId,
  );
  const acknowledged = timeline.of('call').filter(({ outcome }) => outcome === 'ok');
  const violations = acknowledged
    .filter(({ randomId }) => !carriedOut.has(randomId))
    .map(
      ({ randomId, session }) =>
        `the send ${randomId} of session ${session} was acknowledged and never arrived`,
    );
  if (acknowledged.length === 0) violations.push('no send was acknowledged: nothing is proved');
  return {
    invariant: 'I8',
    checked: acknowledged.length,
    violations,
    figures: { acknowledged: acknowledged.length },
  };
}
