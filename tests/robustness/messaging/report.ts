import type { Verdict } from '../check/verdict.ts';
import type { Entry } from '../history.ts';
import { counted, verdictLines } from '../report.ts';

/** What happened to the real messaging service, in lines for people; ends in PASS or FAIL. */
export function reportMessaging(entries: readonly Entry[], verdicts: readonly Verdict[]): string {
  const faults = entries.filter((entry) => entry.kind === 'fault');
  const sends = entries.filter((entry) => entry.kind === 'send');
  const streams = entries.filter((entry) => entry.kind === 'stream');
  const told = entries.filter((entry) => entry.kind === 'told');
  const lent = entries.filter((entry) => entry.kind === 'lent');
  const figures: Record<string, number> = Object.assign(
    {},
    ...verdicts.map((verdict) => verdict.figures ?? {}),
  );
  return [
    '',
    `faults injected: ${faults.length}`,
    ...counted(faults.map(({ fault }) => fault)),
    `attempts to send: ${sends.length}, of which ${figures['repeated']} repeat a request; how they ended:`,
    ...counted(sends.map(({ under, outcome, reason }) => `${reason ?? outcome} (by ${under})`)),
    `requests acknowledged: ${figures['acknowledged']}, of which ${figures['uncertain']} without a number`,
    `callers' leases: ${lent.length}`,
    ...counted(lent.map(({ end }) => end)),
    `streams of watchers: ${streams.length}; how they ended:`,
    ...counted(streams.map(({ endedBy, reason }) => (endedBy === 'us' ? 'left by the watcher' : reason))),
    `told: ${told.length}`,
    ...counted(told.map(({ what, says }) => (says === undefined ? what : `${what}: ${says}`))),
    `all accounts sent again after a fault's end: at the latest after ${(slowestReturnMs(entries) / 1_000).toFixed(1)} s`,
    `connections to Telegram: ${figures['connections']}; events committed: ${figures['committed']}, delivered: ${figures['delivered']}, duplicated: ${figures['duplicated']}, lost: ${figures['lost']}`,
    '',
    ...verdictLines(verdicts),
  ].join('\n');
}

/** From the end of a fault until every account had a send acknowledged that began after it, or the next fault came. */
function slowestReturnMs(entries: readonly Entry[]): number {
  const sends = entries.filter(
    (entry) => entry.kind === 'send' && entry.outcome === 'ok' && entry.under === 'account',
  );
  const accounts = new Set(sends.flatMap((entry) => (entry.kind === 'send' ? entry.account : [])));
  const faults = entries.filter((entry) => entry.kind === 'fault');
  let slowest = 0;
  for (const [index, { lifted }] of faults.entries())
    for (const account of accounts) {
      const next = faults[index + 1]?.t ?? Infinity;
      const first = sends.find(
        (entry) => entry.kind === 'send' && entry.account === account && entry.t > lifted,
      );
      if (first?.kind === 'send') slowest = Math.max(slowest, Math.min(first.end, next) - lifted);
    }
  return slowest;
}
