import packageJson from '../../../package.json' with { type: 'json' };
import { ConfigError, describeConfig, readConfig, type Config, type Fields } from '../config/config.ts';
import { createLogger, type Logger, type LogLevel } from '../telemetry/log.ts';
import type { CallShare } from '../telemetry/call-share.ts';
import { safeMessage } from '../telemetry/safe-error.ts';
import { systemClock, type Clock } from './clock.ts';
import { createStopSequence, type StopSequence } from './stop-sequence.ts';

export interface Scope<F extends Fields> {
  readonly name: string;
  readonly version: string;
  readonly config: Config<F>;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborted as soon as the process is to stop, also while it still starts. */
  readonly stopping: AbortSignal;
  /**
   * Says how to close what was just opened. On the way out these run once, last opened first, so telemetry
   * is opened first of all.
   */
  readonly onStop: (name: string, stop: () => Promise<void> | void, timeoutMs?: number) => void;
  /** For a fault that leaves the process useless: logged, drained, exit 1. */
  readonly fail: (error: unknown) => void;
}

export interface ProcessOptions<F extends Fields> {
  name: string;
  /** One sentence for --help. */
  purpose: string;
  version?: string;
  fields: F;
  env: NodeJS.ProcessEnv;
  /** The arguments alone, without node and script. */
  argv: readonly string[];
  /** Resolves when the process serves; or, for a task, when the work is done. */
  main(scope: Scope<F>): Promise<void>;
  /** A task stops by itself when main resolves; a service (the default) waits for a signal. */
  task?: boolean;
  /** For the whole drain; 30 s when not given. Kubernetes kills after 30 s unless told otherwise. */
  stopLimitMs?: number;
}

const DEFAULT_STOP_LIMIT_MS = 30_000;
const DEFAULT_STEP_LIMIT_MS = 10_000;

/** A terminal and a parent may both pass on the one Ctrl-C: a repetition this soon is the same wish. */
const SAME_WISH_MS = 250;

const SIGNALS = { SIGTERM: 143, SIGINT: 130, SIGHUP: 129 } as const;
type StopSignal = keyof typeof SIGNALS;

const EXIT_FAILURE = 1;
const EXIT_MISUSE = 2;

/** A launcher that pipes into our standard input sets this: the input's end is then the launcher's death. */
export const STOP_ON_STDIN_END = 'TELEGATE_STOP_ON_STDIN_END';

/** The frame of every program here, from its configuration to its exit code. */
export async function runProcess<F extends Fields>(options: ProcessOptions<F>): Promise<void> {
  const { name, purpose, fields, env, argv } = options;
  if (argv.includes('--help') || argv.includes('-h')) {
    process.stdout.write(`${describeConfig(name, purpose, fields)}\n`);
    return;
  }
  let config: Config<F>;
  try {
    if (argv.length > 0) throw new Error(`unknown argument "${argv[0]?.slice(0, 60)}"; see --help`);
    config = readConfig(fields, env);
  } catch (error) {
    process.stderr.write(`${name}: ${error instanceof ConfigError ? error.message : safeMessage(error)}\n`);
    process.exitCode = EXIT_MISUSE;
    return;
  }
  await runConfigured(options, config);
}

interface LogConfig {
  logLevel?: LogLevel;
  logCalls?: CallShare;
}

async function runConfigured<F extends Fields>(options: ProcessOptions<F>, config: Config<F>): Promise<void> {
  const {
    name,
    version = packageJson.version,
    env,
    task = false,
    stopLimitMs = DEFAULT_STOP_LIMIT_MS,
  } = options;
  const clock = systemClock;
  const { logLevel: level = 'info', logCalls: calls } = config as LogConfig;
  const log = createLogger({ service: name, level, version, ...(calls ? { calls } : {}) });
  const stopping = new AbortController();
  const sequence = createStopSequence({ clock, log, limitMs: stopLimitMs });

  const exit = createExit({ log, stopping, sequence, limitMs: stopLimitMs, clock });
  const fail = (error: unknown): void => {
    log.fatal({ event: 'fatal', err: error }, 'the process cannot go on');
    exit('fault', EXIT_FAILURE);
  };
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  onSignal(clock, exit);
  onParentDeath(env, () => exit('the parent process is gone', 0));

  const scope: Scope<F> = {
    name,
    version,
    config,
    env,
    clock,
    log,
    stopping: stopping.signal,
    onStop: (step, stop, timeoutMs = DEFAULT_STEP_LIMIT_MS) => sequence.add(step, stop, timeoutMs),
    fail,
  };
  try {
    await options.main(scope);
    if (task) exit('done', 0);
  } catch (error) {
    // A start-up that was told to stop fails because of that.
    if (stopping.signal.aborted) return;
    log.fatal({ event: 'start_failed', err: error }, task ? 'the task failed' : 'the start failed');
    process.stderr.write(`${name}: ${task ? '' : 'cannot start: '}${safeMessage(error)}\n`);
    exit('start failed', EXIT_FAILURE);
  }
}

type Exit = (reason: string, code: number) => void;

function createExit(options: {
  log: Logger;
  stopping: AbortController;
  sequence: StopSequence;
  limitMs: number;
  clock: Clock;
}): Exit {
  const { log, stopping, sequence, limitMs, clock } = options;
  // A drain may wait on things that do not keep the event loop alive by themselves.
  const keepAlive = setInterval(() => undefined, 2 ** 30);
  let exitCode = 0;
  return (reason, code) => {
    exitCode = Math.max(exitCode, code);
    if (stopping.signal.aborted) return;
    log.info({ event: 'stopping', reason }, `stopping: ${reason}`);
    const startedAt = clock.monotonic();
    stopping.abort(new Error(`stopping: ${reason}`));
    // The sequence bounds itself; this one is for an event loop that it does not get back.
    const overdue = clock.setTimer(limitMs + 1_000, () => process.exit(EXIT_FAILURE));
    void finish();

    async function finish(): Promise<void> {
      const clean = await sequence.run();
      overdue.cancel();
      clearInterval(keepAlive);
      const tookMs = Math.round(clock.monotonic() - startedAt);
      log.info({ event: 'stopped', reason, clean, tookMs }, 'stopped');
      process.exit(clean ? exitCode : Math.max(exitCode, EXIT_FAILURE));
    }
  };
}

function onSignal(clock: Clock, exit: Exit): void {
  const firstAt = new Map<StopSignal, number>();
  const handle = (signal: StopSignal): void => {
    const first = firstAt.get(signal);
    if (first !== undefined && clock.monotonic() - first >= SAME_WISH_MS) process.exit(SIGNALS[signal]);
    if (first === undefined) firstAt.set(signal, clock.monotonic());
    exit(signal, 0);
  };
  for (const signal of Object.keys(SIGNALS) as StopSignal[]) process.on(signal, handle);
}

function onParentDeath(env: NodeJS.ProcessEnv, gone: () => void): void {
  if (process.channel) process.once('disconnect', gone);
  if (env[STOP_ON_STDIN_END] !== '1') return;
  process.stdin.once('end', gone).once('close', gone).once('error', gone).resume();
}
