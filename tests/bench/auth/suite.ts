import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startProgram } from '../pool/system.ts';
import { measureAssignments } from './assignments.ts';
import { measureLogins } from './logins.ts';
import type { Line } from '../report.ts';
import { median } from '../statistics.ts';

export interface AuthBench {
  readonly rounds: number;
  readonly seconds: number;
  /** Accounts that log in. */
  readonly logins: number;
}

/** By the names that --only takes: each part adds its lines to the table. */
export const authMeasurements: Record<string, (bench: AuthBench) => Promise<Line[]>> = {
  tokens: measureTokens,
  logins: measureLogins,
  assignments: measureAssignments,
};

/** What a credential that was seen before may cost: a call with it against one that reads none. */
const AT_LEAST = 0.95;

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** In turns, so that a machine whose speed drifts favours none. */
async function measureTokens({ rounds, seconds }: AuthBench): Promise<Line[]> {
  const server = await startProgram([here('server.ts')], { PATH: process.env['PATH'] }, 'serving');
  const { bare, known, token, apiKey } = server.said as Record<string, string>;
  const kinds = [
    { kind: 'none', address: bare!, text: '' },
    { kind: 'token', address: known!, text: token! },
    { kind: 'key', address: known!, text: apiKey! },
  ] as const;
  const rates = { none: [] as number[], token: [] as number[], key: [] as number[] };
  try {
    for (let round = 0; round < rounds; round += 1)
      for (const { kind, address, text } of kinds) {
        const args = [here('client.ts'), address, String(seconds), kind, text];
        const { stdout } = await promisify(execFile)(process.execPath, args);
        rates[kind].push(Number(stdout));
      }
  } finally {
    await server.stop();
  }
  const base = median(rates.none);
  return [
    {
      name: 'an echo that reads no credentials',
      value: base,
      shown: `${Math.round(base)} calls/s`,
      rounds: rates.none,
    },
    shareLine('with an access token that was seen before', rates.token, rates.none),
    shareLine('with an API key that was seen before', rates.key, rates.none),
  ];
}

function shareLine(name: string, rounds: readonly number[], bare: readonly number[]): Line {
  const shares = rounds.map((rate, round) => rate / bare[round]!);
  const value = median(shares);
  const shown = `${Math.round(median(rounds))} calls/s, ${value.toFixed(3)} of it`;
  return { name, value, shown, target: { atLeast: AT_LEAST }, rounds: shares };
}
