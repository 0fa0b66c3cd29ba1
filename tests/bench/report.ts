import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { median } from './statistics.ts';

/** One line of the table. */
export interface Line {
  readonly name: string;
  readonly value: number;
  /** As people read it. */
  readonly shown: string;
  /** What it must reach; absent for what is only told. */
  readonly target?: Target;
  /** What was seen in each round, where there were rounds. */
  readonly rounds?: readonly number[];
}

export type Target = { readonly atLeast: number } | { readonly atMost: number };

export interface Report {
  readonly name: string;
  readonly events?: 'nats' | 'postgresql';
  readonly postgresVersion?: string;
  readonly seconds: number;
  readonly rounds: number;
  readonly lines: readonly Line[];
}

export function rateLine(name: string, rounds: readonly number[]): Line {
  const value = median(rounds);
  return { name, value, shown: `${Math.round(value)} pairs/s`, rounds };
}

/** Each round's ratio by itself, then their median: what slowed a whole round is not in it. */
export function ratioLine(
  name: string,
  over: readonly number[],
  under: readonly number[],
  atLeast: number,
): Line {
  const rounds = over.map((value, index) => value / under[index]!);
  const value = median(rounds);
  return { name, value, shown: value.toFixed(3), target: { atLeast }, rounds };
}

export function isMet({ value, target }: Line): boolean | undefined {
  if (!target) return undefined;
  return 'atLeast' in target ? value >= target.atLeast : value <= target.atMost;
}

export function tableOf(lines: readonly Line[]): string {
  const rows = lines.map((line) => [line.name, line.shown, targetOf(line), verdictOf(line)]);
  const all = [['measured', 'figure', 'target', ''], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => row[column]!.length)));
  return all
    .map(([name, shown, target, verdict]) =>
      `${name!.padEnd(widths[0]!)}  ${shown!.padStart(widths[1]!)}  ${target!.padStart(widths[2]!)}  ${verdict}`.trimEnd(),
    )
    .join('\n');
}

function targetOf({ target }: Line): string {
  if (!target) return '';
  return 'atLeast' in target ? `≥ ${target.atLeast}` : `≤ ${target.atMost}`;
}

function verdictOf(line: Line): string {
  const met = isMet(line);
  return met === undefined ? '' : met ? 'ok' : 'MISSED';
}

/** Answers the file it wrote. */
export function writeReport(folder: string, report: Report, at: Date): string {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${report.name}.json`);
  const { lines, ...rest } = report;
  const machine = {
    cores: cpus().length,
    cpu: cpus()[0]?.model ?? 'unknown',
    memory_gib: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    // Above the number of cores, others were at work too, and only the ratios mean anything.
    load_average: loadavg().map((load) => Math.round(load * 100) / 100),
  };
  const measured = lines.map((line) => ({ ...line, met: isMet(line) }));
  const content = { ...rest, date: at.toISOString(), machine, lines: measured };
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
  return file;
}
