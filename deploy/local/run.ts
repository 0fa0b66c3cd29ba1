import { once } from 'node:events';
import { ConfigError } from '#lib/config/config.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { createStopSequence } from '#lib/lifecycle/stop-sequence.ts';
import { createLogger } from '#lib/telemetry/log.ts';
import { DatabaseUnusable } from '../await-database.ts';
import { explainFileError, messageOf, StartFailure } from './failure.ts';
import { root } from './launch-context.ts';
import { launchMesh } from './launch.ts';
import { readableLine } from './log-lines.ts';
import type { MeshFile } from './mesh-file.ts';
import { readOptions } from './options.ts';
import { readyTable } from './ready-table.ts';
import type { ServiceEntry } from './registry.ts';
import type { MeshRecord } from './running.ts';
import { killMesh, removeTraces } from './running.ts';
import { describeSettings, readSettings } from './settings.ts';

const EXIT_FAILURE = 1;
const EXIT_MISUSE = 2;
const EXIT_KILLED = 130;

/** npm passes a Ctrl-C on that the terminal has sent as well: two within this time are one. */
const SAME_SIGNAL_MS = 500;

const STOP_LIMIT_MS = 120_000;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** The frame of `npm start`; ends the process when everything that it started has stopped. */
export async function runLauncher(services: readonly ServiceEntry[]): Promise<never> {
  try {
    process.exitCode = await launchAndWait(services);
  } catch (error) {
    complain(error, '.telegate');
    process.exitCode = EXIT_MISUSE;
  }
  // What a part left open must not keep a launcher that is done.
  process.exit();
}

async function launchAndWait(services: readonly ServiceEntry[]): Promise<number> {
  // A reader that went away (npm start | head) is no reason to leave half a mesh behind.
  process.stdout.on('error', () => {});
  const options = readOptions(process.argv.slice(2));
  if (options.help) {
    say(describeSettings(services));
    return 0;
  }
  const settings = readSettings(services, process.env);

  const clock = systemClock;
  const log = createLogger({
    service: 'start',
    level: 'warn',
    destination: { write: (line) => say(readableLine(line.trim()).text) },
  });
  const stops = createStopSequence({ clock, log, limitMs: STOP_LIMIT_MS });
  const abort = new AbortController();
  let record: MeshRecord | undefined;
  const stopRequested = stopOnSignal(() => {
    if (record) {
      killMesh(record.mesh);
      record.remove();
      removeTraces(record.mesh);
    }
    process.exit(EXIT_KILLED);
  });
  stopRequested.addEventListener('abort', () => abort.abort());

  try {
    const launched = await launchMesh({
      options,
      settings,
      env: process.env,
      services,
      clock,
      log,
      say,
      abort,
      stops,
      onRecord: (made) => (record = made),
    });
    say('');
    say(
      readyTable({
        ...launched,
        projectFolder: root,
        ephemeral: options.ephemeral,
        totalMs: performance.now(),
      }),
    );
    await tellSessionFolder(settings.sessionsDir, launched.mesh, stopRequested);
    launched.showLogs();
    await aborted(stopRequested);
    say('Stopping; once more Ctrl-C kills.');
    await stops.run();
    say('Everything has stopped.');
    return 0;
  } catch (error) {
    const interrupted = stopRequested.aborted;
    if (!interrupted) complain(error, settings.home ?? '.telegate');
    await stops.run();
    if (interrupted) say('The start was interrupted; everything has stopped.');
    return interrupted ? EXIT_KILLED : EXIT_FAILURE;
  }
}

async function tellSessionFolder(
  folder: string | undefined,
  { endpoints, apiKey }: MeshFile,
  signal: AbortSignal,
): Promise<void> {
  const pool = endpoints['session_pool'];
  if (folder === undefined || !pool) return;
  // Only now: most starts do without a client.
  const { describeSessionFolder } = await import('./session-folder.ts');
  say(await describeSessionFolder({ folder, address: pool.grpc, apiKey }, signal));
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}

/** Aborted by the first signal; at a later one `kill` is called. */
function stopOnSignal(kill: () => void): AbortSignal {
  const stop = new AbortController();
  let firstAt: number | undefined;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      const now = performance.now();
      firstAt ??= now;
      if (now - firstAt > SAME_SIGNAL_MS) kill();
      else stop.abort();
    });
  }
  return stop.signal;
}

function complain(error: unknown, folder: string): void {
  const explained =
    error instanceof StartFailure || error instanceof ConfigError || error instanceof DatabaseUnusable
      ? error.message
      : (explainFileError(error, folder) ?? unexpected(error));
  process.stderr.write(`\nTeleGate cannot start.\n${explained}\n`);
}

function unexpected(error: unknown): string {
  return `${messageOf(error)}\n${error instanceof Error ? (error.stack ?? '') : ''}`;
}
