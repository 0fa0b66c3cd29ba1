import { checkEvents } from '../check/events.ts';
import { timelineOf, type Timeline } from '../check/timeline.ts';
import type { Verdict } from '../check/verdict.ts';
import type { Entry } from '../history.ts';
import { checkKeys } from '../telegram/check.ts';
import { checkClaims, checkSends } from './check-sends.ts';
import { checkTold, checkWatches } from './check-watches.ts';

/** What is shown about the real messaging service. Pure: the same history gets the same verdicts. */
export function checkMessaging(entries: readonly Entry[]): Verdict[] {
  const timeline = timelineOf(entries);
  return [
    checkKeys(timeline),
    checkClaims(timeline),
    checkSends(timeline),
    checkNews(timeline),
    checkWatches(timeline),
    checkTold(timeline),
  ];
}

/**
 * I9: events are in the stream if and only if they were committed; every message that a watched account received
 * is told of by one event, and every acknowledged send.
 */
export function checkNews(timeline: Timeline): Verdict {
  const verdict = checkEvents(timeline);
  const violations = [...verdict.violations];
  const news = timeline.of('news');
  const watched = new Set(timeline.of('watcher').flatMap(({ accounts }) => accounts));
  const byName = Map.groupBy(
    news,
    ({ what, account, peer, message }) => `${what} ${account} ${peer} ${message}`,
  );
  for (const [name, same] of byName)
    // Sends of which it is not known which message they are, all have the number 0.
    if (same.length > 1 && !name.endsWith(' 0')) violations.push(`${same.length} events say ${name}`);
  for (const { account, peer, message, outgoing } of timeline.of('mail'))
    if (!outgoing && watched.has(account) && !byName.has(`messageReceived ${account} ${peer} ${message}`))
      violations.push(`no event says that ${account} received message ${message} of ${peer}`);
  const sent = new Set(
    news.filter(({ what }) => what === 'messageSent').map(({ account, message }) => `${account} ${message}`),
  );
  for (const { account, message, outcome, request } of timeline.of('send'))
    if (outcome === 'ok' && !sent.has(`${account} ${message}`))
      violations.push(`the send ${request} was acknowledged, and no event says so`);
  return { ...verdict, violations };
}
