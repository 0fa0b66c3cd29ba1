import type { Timeline } from '../check/timeline.ts';
import type { Verdict } from '../check/verdict.ts';
import type { SlotEntry } from '../history.ts';
import type { ToldEntry } from './entries.ts';

/** Within so long a stream is over whose process was killed or stands still: its connection says so or falls silent. */
const ENDS_WITHIN_MS = 10_000;
/** Within so long everybody hears of it who holds a session anew. */
const HEARD_WITHIN_MS = 30_000;

/**
 * W1: every message of a watched account reaches each of its watchers at least once, over however many streams, or
 * a gap says that some do not; those of a chat in its order; and none is in the log twice.
 */
export function checkWatches(timeline: Timeline): Verdict {
  const violations: string[] = [];
  const told = Map.groupBy(timeline.of('told'), ({ watcher }) => watcher);
  const mail = Map.groupBy(timeline.of('mail'), ({ account }) => account);
  let checked = 0;
  let excused = 0;
  for (const { watcher, accounts } of timeline.of('watcher')) {
    const heard = told.get(watcher) ?? [];
    const messages = heard.filter(({ what }) => what === 'messageAdded');
    const seen = new Set(messages.map(nameOf));
    const gaps = heard.filter(({ what, says }) => what === 'gap' && losesMessages(says));
    violations.push(...disorder(watcher, messages));
    for (const account of accounts)
      for (const { peer, message, text, at } of mail.get(account) ?? []) {
        checked += 1;
        if (seen.has(`${account} ${peer} ${message}`)) continue;
        const isCovered = gaps.some((gap) => gap.account === account && timeline.toDatabase(gap.t) >= at);
        if (isCovered) excused += 1;
        else violations.push(`${watcher} never heard of message ${message} ("${text}") of ${account}`);
      }
    const real = new Set(accounts.flatMap((account) => (mail.get(account) ?? []).map(mailName)));
    for (const one of messages)
      if (!real.has(`${nameOf(one)} ${one.text}`))
        violations.push(`${watcher} was told of message ${nameOf(one)} ("${one.text}"), which there is not`);
  }
  if (checked === 0) violations.push('nobody watched anything: nothing is proved');
  const gaps = timeline.of('told').filter(({ what }) => what === 'gap').length;
  return { invariant: 'W1', checked, violations, figures: { excused, gaps } };
}

const nameOf = ({ account, peer, message }: ToldEntry): string => `${account} ${peer} ${message}`;
const mailName = ({
  account,
  peer,
  message,
  text,
}: {
  account: string;
  peer: string;
  message: number;
  text: string;
}): string => `${account} ${peer} ${message} ${text}`;

/** Messages are counted; what Telegram does not count, reactions, is told of as missing after each time away. */
function losesMessages(says = ''): boolean {
  return !says.startsWith('reactions');
}

function disorder(watcher: string, messages: readonly ToldEntry[]): string[] {
  const violations: string[] = [];
  const known = new Set<string>();
  const last = new Map<string, number>();
  let position = -1;
  for (const one of messages) {
    const name = nameOf(one);
    if (known.has(name)) violations.push(`${watcher} was told of message ${name} twice`);
    known.add(name);
    if (one.position <= position)
      violations.push(`${watcher} was at ${position} when it was told of ${one.position}`);
    position = Math.max(position, one.position);
    const chat = `${one.account} ${one.peer}`;
    const before = last.get(chat) ?? 0;
    if (one.message! <= before)
      violations.push(`${watcher} was told of message ${one.message} of ${chat} after ${before}`);
    last.set(chat, Math.max(before, one.message!));
  }
  return violations;
}

/**
 * W2: no stream is left in the dark. One whose process is gone ends; one that ends says why; when another process
 * has an account, its watchers are told how it is connected; and the last word is that all are.
 */
export function checkTold(timeline: Timeline): Verdict {
  const streams = timeline.of('stream');
  const violations = [
    ...unexplained(timeline),
    ...outlived(timeline),
    ...unheard(timeline),
    ...lastWords(timeline),
  ];
  return { invariant: 'W2', checked: streams.length, violations, figures: { streams: streams.length } };
}

function unexplained(timeline: Timeline): string[] {
  return timeline
    .of('stream')
    .filter(({ endedBy, reason }) => endedBy === 'them' && NO_REASONS.has(reason))
    .map(({ watcher, stream, reason }) => `stream ${stream} of ${watcher} ended with ${reason}`);
}

const NO_REASONS: ReadonlySet<string> = new Set(['OK', 'BROKEN', 'INTERNAL', 'UNSPECIFIED']);

function outlived(timeline: Timeline): string[] {
  const ends = [
    ...timeline.of('killed').map(({ t, process }) => ({ from: t, process })),
    ...timeline
      .of('paused')
      .filter(({ t, end }) => end - t > ENDS_WITHIN_MS)
      .map(({ t, process }) => ({ from: t, process })),
  ];
  return ends.flatMap(({ from, process }) =>
    timeline
      .of('stream')
      .filter(
        ({ t, end, replica }) =>
          process === `messaging-${replica}` && t < from && end > from + ENDS_WITHIN_MS,
      )
      .map(
        ({ watcher, stream, end }) =>
          `stream ${stream} of ${watcher} outlived ${process} by ${(end - from).toFixed(0)} ms`,
      ),
  );
}

function unheard(timeline: Timeline): string[] {
  const violations: string[] = [];
  const accounts = new Map(timeline.of('account').map(({ session, account }) => [session, account]));
  const { toDatabase } = timeline;
  for (const [session, slots] of timeline.slots) {
    const account = accounts.get(session);
    if (account === undefined) continue;
    for (const { from, to, process } of holdersOf(slots)) {
      const until = from + HEARD_WITHIN_MS;
      if (to < until) continue;
      const isWithin = (t: number): boolean => toDatabase(t) > from - 1_000 && toDatabase(t) < until;
      for (const { watcher, accounts: watched } of timeline.of('watcher')) {
        if (!watched.includes(account)) continue;
        const isListening = timeline
          .of('stream')
          .some((one) => one.watcher === watcher && toDatabase(one.t) < until && toDatabase(one.end) > until);
        const isTold = timeline
          .of('told')
          .some(
            (one) =>
              one.watcher === watcher &&
              one.account === account &&
              one.what === 'connectionState' &&
              isWithin(one.t),
          );
        if (isListening && !isTold)
          violations.push(`${watcher} heard nothing of ${account} when ${process} had taken it`);
      }
    }
  }
  return violations;
}

/** Who had the claim on a session, from when to when. */
function holdersOf(slots: readonly SlotEntry[]): { process: string; from: number; to: number }[] {
  const holders: { process: string; token: string; from: number; to: number }[] = [];
  for (const { at, claimProcess, claimToken, claimExpireAt } of slots) {
    const last = holders.at(-1);
    const isSame = last?.process === claimProcess && last?.token === claimToken;
    if (last && !isSame) last.to = Math.min(last.to, at);
    if (claimProcess === null) continue;
    if (last && isSame) last.to = claimExpireAt ?? at;
    else holders.push({ process: claimProcess, token: claimToken!, from: at, to: claimExpireAt ?? at });
  }
  return holders;
}

function lastWords(timeline: Timeline): string[] {
  const violations: string[] = [];
  for (const { watcher, accounts } of timeline.of('watcher'))
    for (const account of accounts) {
      const last = timeline
        .of('told')
        .findLast(
          (one) => one.watcher === watcher && one.account === account && one.what === 'connectionState',
        );
      if (last?.says !== 'CONNECTED')
        violations.push(`the last that ${watcher} heard of ${account} is ${last?.says ?? 'nothing'}`);
    }
  return violations;
}
