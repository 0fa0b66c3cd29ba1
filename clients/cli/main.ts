import { hostname, userInfo } from 'node:os';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { exitCode } from './exit-code.ts';
import { runCli } from './run.ts';

/** npm passes a Ctrl-C on that the terminal has sent as well: two within this time are one. */
const SAME_SIGNAL_MS = 500;

const stop = new AbortController();
let firstAt: number | undefined;
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    const now = systemClock.monotonic();
    firstAt ??= now;
    if (now - firstAt > SAME_SIGNAL_MS) process.exit(exitCode.interrupted);
    stop.abort();
  });
}
// A reader that went away (telegate … | head) wants no more.
process.stdout.on('error', () => stop.abort());
process.stderr.on('error', () => {});

process.exitCode = await runCli({
  argv: process.argv.slice(2),
  env: process.env,
  cwd: process.cwd(),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  clock: systemClock,
  stop: stop.signal,
  interrupt: () => void process.emit('SIGINT'),
  caller: `${userName()}@${hostname()}`.slice(0, 128),
});

/** Containers run users that have no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'somebody';
  }
}
