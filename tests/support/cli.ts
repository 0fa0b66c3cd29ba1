import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const LAUNCHER = fileURLToPath(new URL('../../clients/cli/telegate.js', import.meta.url));

export interface CliOptions {
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** What it reads from the standard input; nothing otherwise. */
  input?: string | Uint8Array;
  /** Its standard input stays open for what `types` brings. */
  holdInput?: boolean;
  /** For Node, before the program. */
  nodeArgs?: readonly string[];
}

export interface CliRun {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** The command line as a person starts it, with an environment of its own. */
export interface CliProcess {
  /** The first line of the output, from the one after the last that was waited for, that fits. */
  says(pattern: RegExp): Promise<string>;
  /** As `says`, of the standard error, and of what has no line end yet. */
  complains(pattern: RegExp): Promise<void>;
  /** A line to the standard input, which is held. */
  types(line: string): void;
  signal(name: NodeJS.Signals): void;
  done: Promise<CliRun>;
}

export function startCli(args: readonly string[], options: CliOptions = {}): CliProcess {
  const child = spawn(process.execPath, [...(options.nodeArgs ?? []), LAUNCHER, ...args], {
    env: { PATH: process.env['PATH'], TZ: 'UTC', ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const run = { stdout: '', stderr: '' };
  const changed = new EventTarget();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      run[name] += text;
      changed.dispatchEvent(new Event('change'));
    });
  }
  // A program that refuses its arguments is gone before it read anything.
  child.stdin.on('error', () => {});
  if (options.holdInput !== true) child.stdin.end(options.input ?? '');
  const done = once(child, 'close').then(([code]: unknown[]) => {
    const outcome = { code: code as number | null, ...run };
    changed.dispatchEvent(new Event('change'));
    return outcome;
  });
  let seen = 0;
  let complained = 0;
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    done,
    types: (line) => void child.stdin.write(`${line}\n`),
    async complains(pattern) {
      for (;;) {
        const match = pattern.exec(run.stderr.slice(complained));
        if (match) {
          complained += match.index + match[0].length;
          return;
        }
        if (isOver())
          throw new Error(`it ended with ${child.exitCode} before ${pattern}:\n${run.stdout}${run.stderr}`);
        await once(changed, 'change');
      }
    },
    signal: (name) => void child.kill(name),
    async says(pattern) {
      for (;;) {
        const lines = run.stdout.split('\n').slice(0, -1);
        const at = lines.findIndex((line, index) => index >= seen && pattern.test(line));
        if (at >= 0) {
          seen = at + 1;
          return lines[at]!;
        }
        if (isOver())
          throw new Error(
            `it ended with ${child.exitCode} before it said ${pattern}:\n${run.stdout}${run.stderr}`,
          );
        await once(changed, 'change');
      }
    },
  };
}

export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliRun> {
  return startCli(args, options).done;
}
