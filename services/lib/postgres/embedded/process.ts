import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pause, systemClock } from '#lib/lifecycle/clock.ts';
import { EmbeddedPostgresError } from './error.ts';

const POLL_MS = 10;

/** In the server's command line: tells it from the servers of other folders, whatever its folder is called. */
export function clusterName(folder: string): string {
  const { dev, ino } = statSync(folder, { bigint: true });
  return `telegate_${dev}_${ino}`;
}

interface PidFile {
  readonly pid: number;
  readonly port: number;
  readonly status: string;
}

/** The lines of postmaster.pid: process, folder, start, port, socket folder, address, shared memory, status. */
export function pidFile(folder: string): PidFile | undefined {
  try {
    const lines = readFileSync(join(folder, 'postmaster.pid'), 'utf8').split('\n');
    return { pid: Number(lines[0]), port: Number(lines[3]), status: lines[7]?.trim() ?? '' };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export type LeftBehind =
  | { kind: 'server'; pid: number; port: number }
  /** Nothing runs, though a file of a killed server may say so. */
  | { kind: 'none' }
  /** Something runs under the number in the file: the server itself must decide what it is. */
  | { kind: 'unknown' };

export function leftBehind(folder: string): LeftBehind {
  const file = pidFile(folder);
  if (!file || !(file.pid > 0) || !isAlive(file.pid)) return { kind: 'none' };
  const command = commandLine(file.pid);
  if (command === undefined) return { kind: 'unknown' };
  return command.includes(`cluster_name=${clusterName(folder)}`)
    ? { kind: 'server', pid: file.pid, port: file.port }
    : { kind: 'none' };
}

function commandLine(pid: number): string | undefined {
  try {
    if (existsSync('/proc/self/cmdline')) return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
    return execFileSync('ps', ['-ww', '-o', 'command=', '-p', `${pid}`], { encoding: 'latin1' });
  } catch {
    // Hidden from us, or this system has another way: unknown.
    return undefined;
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return !isZombie(pid);
}

/** Ended, but its parent does not ask: so it is with left-behind servers in a container without an init. */
function isZombie(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return /^ [ZX]/.test(stat.slice(stat.lastIndexOf(')') + 1));
  } catch {
    return false;
  }
}

/** Fast shutdown; then without a checkpoint; then by force. What was committed is kept in each case. */
const ESCALATION = [
  { signal: 'SIGINT', patienceMs: 15_000 },
  { signal: 'SIGQUIT', patienceMs: 5_000 },
  { signal: 'SIGKILL', patienceMs: 5_000 },
] as const;

export async function stopProcess(pid: number): Promise<void> {
  for (const { signal, patienceMs } of ESCALATION) {
    if (!send(pid, signal)) return;
    // A suspended process hears nothing else.
    if (process.platform !== 'win32') send(pid, 'SIGCONT');
    const end = systemClock.monotonic() + patienceMs;
    while (systemClock.monotonic() < end) {
      if (!isAlive(pid)) return;
      await pause(systemClock, POLL_MS);
    }
  }
  throw new EmbeddedPostgresError(`PostgreSQL (process ${pid}) could not be stopped.`);
}

function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
