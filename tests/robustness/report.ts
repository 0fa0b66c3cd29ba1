import type { Verdict } from './check/verdict.ts';
import type { Entry, OperationEntry } from './history.ts';

const SHOWN = 8;

/** What happened and what was found, in lines for people; ends in PASS or FAIL. */
export function report(entries: readonly Entry[], verdicts: readonly Verdict[]): string {
  const figures = Object.assign({}, ...verdicts.map((verdict) => verdict.figures ?? {})) as Record<
    string,
    number
  >;
  const of = (invariant: string) => verdicts.find((verdict) => verdict.invariant === invariant);
  const faults = entries.filter((entry) => entry.kind === 'fault');
  const stalls = entries.filter((entry) => entry.kind === 'stall' && entry.who === 'suite');
  const longest = stalls.reduce(
    (most, stall) => Math.max(most, stall.kind === 'stall' ? stall.end - stall.t : 0),
    0,
  );
  const lines = [
    '',
    `faults injected: ${faults.length}`,
    ...counted(faults.map(({ fault }) => fault)),
    'operations (ok / failed / unknown):',
    ...operationLines(entries.filter((entry) => entry.kind === 'op')),
    `leases in the database: ${of('I2')?.checked}; acknowledged grants checked: ${figures['grants']}, renewals: ${figures['renewals']}, releases: ${figures['releases']}`,
    `leases reclaimed: ${of('I4')?.checked}; the latest ${figures['latestReclaimMs']?.toFixed(0)} ms after it was due`,
    `uses by holders: ${of('I7')?.checked}; stale proofs tried: ${of('I3')?.checked}; leases through an outage: ${of('I10')?.checked} (${figures['outages']} outages longer than the TTL)`,
    `time to recover: at most ${figures['slowestRecoveryMs']?.toFixed(0)} ms after a fault's end; both replicas looked after leases again after at most ${figures['slowestReturnMs']?.toFixed(0)} ms`,
    `events committed: ${figures['committed']}, delivered: ${figures['delivered']}, duplicated: ${figures['duplicated']} (in the stream: ${figures['duplicatedInStream']}), lost: ${figures['lost']}`,
    `the suite itself stood still for at most ${longest.toFixed(0)} ms, ${stalls.length} times`,
    '',
  ];
  return [...lines, ...verdictLines(verdicts)].join('\n');
}

/** A line an invariant, its violations below it, and PASS or FAIL. */
export function verdictLines(verdicts: readonly Verdict[]): string[] {
  const lines: string[] = [];
  let violations = 0;
  for (const verdict of verdicts) {
    violations += verdict.violations.length;
    lines.push(
      `${verdict.invariant.padEnd(4)} ${verdict.violations.length === 0 ? 'holds' : `${verdict.violations.length} violations`} (${verdict.checked} checked)`,
    );
    for (const text of verdict.violations.slice(0, SHOWN)) lines.push(`       ${text}`);
    if (verdict.violations.length > SHOWN)
      lines.push(`       … and ${verdict.violations.length - SHOWN} more`);
  }
  return [...lines, '', `violations: ${violations}`, violations === 0 ? 'PASS' : 'FAIL'];
}

export function counted(names: readonly string[]): string[] {
  return [...Map.groupBy(names, (name) => name)]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, same]) => `  ${String(same.length).padStart(4)}  ${name}`);
}

function operationLines(operations: readonly OperationEntry[]): string[] {
  const byName = Map.groupBy(
    operations,
    ({ op, via, stale }) => `${op} (${via}${stale ? ', stale proof' : ''})`,
  );
  return [...byName]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, same]) => {
      const count = (outcome: OperationEntry['outcome']) =>
        same.filter((one) => one.outcome === outcome).length;
      return `  ${name.padEnd(30)} ${count('ok')} / ${count('failed')} / ${count('unknown')}`;
    });
}
