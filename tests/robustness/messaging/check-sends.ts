import type { Timeline } from '../check/timeline.ts';
import { show } from '../check/timeline.ts';
import type { Verdict } from '../check/verdict.ts';
import type { SlotEntry } from '../history.ts';

/** The local Telegram and the database read the machine's clock, each in its own way. */
const CLOCK_SLACK_MS = 25;

/**
 * I8, of sends: what was acknowledged is in the recipient's history, and nothing that was asked for is there
 * twice, acknowledged or not; all acknowledgements of a request name one message.
 */
export function checkSends(timeline: Timeline): Verdict {
  const sends = timeline.of('send');
  const mail = timeline.of('mail');
  const arrived = Map.groupBy(
    mail.filter(({ outgoing }) => !outgoing),
    ({ account, text }) => `${account} ${text}`,
  );
  const left = Map.groupBy(
    mail.filter(({ outgoing }) => outgoing),
    ({ account, text }) => `${account} ${text}`,
  );
  const violations: string[] = [];
  let acknowledged = 0;
  let uncertain = 0;
  for (const [request, attempts] of Map.groupBy(sends, (one) => one.request)) {
    const { account, to, text } = attempts[0]!;
    const copies = arrived.get(`${to} ${text}`) ?? [];
    const where = `the send ${request} ("${text}")`;
    if (copies.length > 1) violations.push(`${where} is in its recipient's history ${copies.length} times`);
    const answers = attempts.filter(({ outcome }) => outcome === 'ok');
    if (answers.length === 0) continue;
    acknowledged += 1;
    if (copies.length === 0) violations.push(`${where} was acknowledged and is not there`);
    const said = new Set(answers.map(({ message }) => message));
    if (said.size > 1)
      violations.push(`${where} was acknowledged as different messages: ${[...said].join(', ')}`);
    const [number] = said;
    if (number === 0) uncertain += 1;
    else if (!(left.get(`${account} ${text}`) ?? []).some(({ message }) => message === number))
      violations.push(`${where} was acknowledged as message ${number}, which is another`);
  }
  for (const { request, reason } of timeline.of('given-up'))
    violations.push(`the send ${request} was never acknowledged, however often it was asked for: ${reason}`);
  if (acknowledged === 0) violations.push('no send was acknowledged: nothing is proved');
  const figures = {
    acknowledged,
    uncertain,
    repeated: sends.length - new Set(sends.map((one) => one.request)).size,
  };
  return { invariant: 'I8', checked: acknowledged, violations, figures };
}

/** I3: Telegram was called under a key only while some process had the claim on its session. */
export function checkClaims(timeline: Timeline): Verdict {
  const sessions = timeline.of('telegram')[0]?.sessions ?? {};
  const served = timeline.of('served').filter(({ key }) => sessions[key] !== undefined);
  const violations = served
    .filter(({ key, at }) => !wasClaimed(timeline.slots.get(sessions[key]!) ?? [], at))
    .map(
      ({ key, at }) =>
        `Telegram was called for session ${sessions[key]} at ${show(at)}, which nobody had claimed`,
    );
  if (served.length === 0) violations.push('the local Telegram served no send: nothing is proved');
  return { invariant: 'I3', checked: served.length, violations };
}

function wasClaimed(slots: readonly SlotEntry[], at: number): boolean {
  return slots.some((slot, index) => {
    if (slot.claimProcess === null) return false;
    const until = Math.min(slot.claimExpireAt ?? 0, slots[index + 1]?.at ?? Infinity);
    return slot.at - CLOCK_SLACK_MS <= at && at <= until + CLOCK_SLACK_MS;
  });
}
