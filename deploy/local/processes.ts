import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { get } from 'node:http';
import type { Clock, Timer } from '#lib/lifecycle/clock.ts';
import { pause } from '#lib/lifecycle/clock.ts';
import { messageOf, StartFailure } from './failure.ts';
import { eachLine, readableLine } from './log-lines.ts';

export interface ProcessSpec {
  name: string;
  command: string;
  args: readonly string[];
  cwd: string;
  env: NodeJS.ProcessEnv;
  /** Answers 200 once the process can work. */
  readyUrl: string;
}

export interface SupervisorOptions {
  clock: Clock;
  startLimitMs: number;
  /** How long it may take to end after SIGTERM before it is killed. */
  stopLimitMs: number;
  say: (text: string) => void;
  /** Called for every start, also after a crash. */
  onStart: (pid: number) => void;
  signal: AbortSignal;
}

export interface Supervised {
  readonly name: string;
  /** Resolves when it is ready for the first time; rejects when it ends before, or takes too long. */
  readonly ready: Promise<void>;
  /** From now on every line that it logs is shown; until then only warnings and errors. */
  showAll(): void;
  stop(): Promise<void>;
}

/** What is said of a process that would not start. */
const LINES_KEPT = 30;
const READY_POLL_MS = 40;
const FIRST_BACKOFF_MS = 500;
const LONGEST_BACKOFF_MS = 30_000;
/** A process that ran this long starts again without the memory of its earlier crashes. */
const STEADY_MS = 60_000;

/** Starts a process and keeps it running: after it was ready once, it is started again whenever it ends. */
export function supervise(spec: ProcessSpec, options: SupervisorOptions): Supervised {
  const { clock, say } = options;
  const stopping = new AbortController();
  let child: ChildProcess | undefined;
  let lastLines: string[] = [];
  let showsAll = false;
  let crashes = 0;
  let retry: Timer | undefined;

  const show = (line: string): void => {
    const { severity, text } = readableLine(line);
    if (severity === 'hidden') return;
    lastLines = [...lastLines.slice(1 - LINES_KEPT), text];
    if (severity === 'loud' ? showsAll || !stopping.signal.aborted : showsAll) say(`${spec.name} │ ${text}`);
  };

  const start = (): Promise<string> => {
    lastLines = [];
    const started = spawn(spec.command, spec.args, {
      cwd: spec.cwd,
      env: spec.env,
      // A service takes the end of its standard input for the launcher's death, and drains.
      stdio: ['pipe', 'pipe', 'pipe'],
      // A Ctrl-C at the terminal is for the launcher, which stops the processes in their order.
      detached: true,
    });
    child = started;
    if (started.pid !== undefined) options.onStart(started.pid);
    eachLine(started.stdout, show);
    eachLine(started.stderr, show);
    return new Promise((resolve) => {
      started.once('error', (error) => resolve(`could not be started: ${error.message}`));
      started.once('close', (code, signal) =>
        resolve(signal === null ? `ended with code ${code}` : `was ended by ${signal}`),
      );
    });
  };

  const run = (): { ended: Promise<string>; startedAt: number } => ({
    ended: start(),
    startedAt: clock.monotonic(),
  });

  const keepRunning = async ({ ended, startedAt }: ReturnType<typeof run>): Promise<void> => {
    const how = await ended;
    if (stopping.signal.aborted) return;
    crashes = clock.monotonic() - startedAt > STEADY_MS ? 1 : crashes + 1;
    const delayMs = Math.min(FIRST_BACKOFF_MS * 2 ** (crashes - 1), LONGEST_BACKOFF_MS);
    say(
      `${spec.name} ${how}. It is started again in ${delayMs / 1_000} s${crashes > 1 ? ` (crash ${crashes} in a row)` : ''}.`,
    );
    const { promise, resolve } = Promise.withResolvers<void>();
    retry = clock.setTimer(delayMs, resolve);
    stopping.signal.addEventListener('abort', () => resolve(), { once: true });
    await promise;
    if (stopping.signal.aborted) return;
    const next = run();
    void announceWhenReady(next.ended);
    return keepRunning(next);
  };

  const announceWhenReady = async (ended: Promise<string>): Promise<void> => {
    const outcome = await untilReady(spec.readyUrl, ended, options.startLimitMs, clock, stopping.signal);
    if (outcome.kind === 'ready') say(`${spec.name} is ready again.`);
    else if (outcome.kind === 'late')
      say(`${spec.name} runs but is not ready after ${options.startLimitMs / 1_000} s${outcome.detail}.`);
  };

  const becomeReady = async (first: ReturnType<typeof run>): Promise<void> => {
    const giveUp = AbortSignal.any([options.signal, stopping.signal]);
    const outcome = await untilReady(spec.readyUrl, first.ended, options.startLimitMs, clock, giveUp);
    switch (outcome.kind) {
      case 'ready':
        void keepRunning(first);
        return;
      case 'ended':
        throw new StartFailure(`${spec.name} ${outcome.detail} while it started.${quoted(lastLines)}`);
      case 'late':
        throw new StartFailure(
          `${spec.name} was not ready within ${options.startLimitMs / 1_000} s${outcome.detail}. START_TIMEOUT changes how long is waited.${quoted(lastLines)}`,
        );
      case 'aborted':
        throw new StartFailure('The start was interrupted.');
    }
  };
  const ready = becomeReady(run());

  return {
    name: spec.name,
    ready,
    showAll() {
      showsAll = true;
    },
    async stop() {
      stopping.abort();
      retry?.cancel();
      await Promise.allSettled([ready]);
      if (child) await endChild(child, options.stopLimitMs, spec.name, options);
    },
  };
}

function quoted(lines: readonly string[]): string {
  return lines.length === 0 ? '' : ` It said:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}

/** SIGTERM, and SIGKILL when that was not heeded in time. */
export async function endChild(
  child: ChildProcess,
  limitMs: number,
  name: string,
  { clock, say }: { clock: Clock; say: (text: string) => void },
): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const killer = clock.setTimer(limitMs, () => {
    say(`${name} did not stop within ${limitMs / 1_000} s and is killed.`);
    child.kill('SIGKILL');
  });
  await ended;
  killer.cancel();
}

type Outcome = { kind: 'ready' } | { kind: 'ended' | 'late'; detail: string } | { kind: 'aborted' };

async function untilReady(
  url: string,
  ended: Promise<string>,
  limitMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<Outcome> {
  let end: string | undefined;
  void ended.then((how) => (end = how));
  const deadline = clock.monotonic() + limitMs;
  let detail = '';
  while (!signal.aborted) {
    if (end !== undefined) return { kind: 'ended', detail: end };
    const answer = await ask(url);
    if (answer.ok && end === undefined) return { kind: 'ready' };
    detail = waitingFor(answer.body) ?? detail;
    if (clock.monotonic() > deadline) return { kind: 'late', detail };
    await pause(clock, READY_POLL_MS, signal);
  }
  return { kind: 'aborted' };
}

function waitingFor(body: string): string | undefined {
  try {
    const { waitingFor: parts } = JSON.parse(body) as { waitingFor?: string[] };
    return parts && parts.length > 0 ? `: it waits for ${parts.join(', ')}` : undefined;
  } catch {
    return undefined;
  }
}

/** Longest answer of a readiness check that is read. */
const LONGEST_ANSWER = 16_384;

function ask(url: string): Promise<{ ok: boolean; body: string }> {
  return new Promise((resolve) => {
    const request = get(url, { timeout: 3_000, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
        if (body.length > LONGEST_ANSWER) response.destroy();
      });
      response.on('close', () => resolve({ ok: response.statusCode === 200, body }));
    });
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.on('error', (error) => resolve({ ok: false, body: messageOf(error) }));
  });
}
