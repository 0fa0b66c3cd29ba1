import type { Verdict } from '../check/verdict.ts';
import type { Entry } from '../history.ts';
import { counted, verdictLines } from '../report.ts';

/** What happened between messaging processes and Telegram, in lines for people; ends in PASS or FAIL. */
export function reportTelegram(entries: readonly Entry[], verdicts: readonly Verdict[]): string {
  const faults = entries.filter((entry) => entry.kind === 'fault');
  const calls = entries.filter((entry) => entry.kind === 'call');
  const holds = entries.filter((entry) => entry.kind === 'hold');
  const figures: Record<string, number> = Object.assign(
    {},
    ...verdicts.map((verdict) => verdict.figures ?? {}),
  );
  return [
    '',
    `faults injected: ${faults.length}`,
    ...counted(faults.map(({ fault }) => fault)),
    `sessions held: ${holds.length}; how they ended:`,
    ...counted(holds.map(({ why }) => why)),
    `calls: ${calls.length}; how they ended:`,
    ...counted(calls.map(({ outcome, reason }) => reason ?? outcome)),
    `connections on the wire: ${figures['connections']}; sessions taken over by another process: ${figures['takeovers']}`,
    '',
    ...verdictLines(verdicts),
  ].join('\n');
}
