import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, statSync } from 'node:fs';
import { truncate } from 'node:fs/promises';
import { pause, systemClock } from '#lib/lifecycle/clock.ts';
import type { Binaries } from './binaries.ts';
import { EmbeddedPostgresError } from './error.ts';
import { clusterName, pidFile, stopProcess } from './process.ts';
import { handOver, type RunAs } from './user.ts';

export interface Cluster {
  readonly folder: string;
  readonly logFile: string;
  readonly binaries: Binaries;
  readonly runAs: RunAs | undefined;
}

/** Nothing of our own environment: it holds keys, and a process shows its environment. */
const environment = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

const POLL_MS = 10;
/** Crash recovery may read a lot of log. */
const START_LIMIT_MS = 120_000;
const LARGEST_LOG = 20_000_000;

const settings: Record<string, string> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '128MB',
  jit: 'off',
  max_parallel_workers_per_gather: '0',
  random_page_cost: '1.1',
  wal_level: 'replica',
  max_wal_size: '2GB',
  checkpoint_timeout: '10min',
  // Lease rows are updated all the time: their dead versions are few but many times over.
  autovacuum_naptime: '15s',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '%m [%p] ',
  log_checkpoints: 'off',
  // Details and statements would put row values into the log.
  log_error_verbosity: 'terse',
  log_min_error_statement: 'panic',
};

const quickForTests: Record<string, string> = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
};

/** Runs initdb on an empty folder that its user owns. */
export async function initialise(cluster: Cluster, password: string): Promise<void> {
  const files = handOver([cluster.folder, password], cluster.runAs);
  try {
    await run(cluster, cluster.binaries.initdb, files.descriptors, [
      '-D',
      files.names[0] ?? '',
      '-U',
      'telegate',
      '-A',
      'scram-sha-256',
      `--pwfile=${files.names[1]}`,
      '-E',
      'UTF8',
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--no-sync',
      '--no-instructions',
    ]);
  } finally {
    files.close();
  }
}

/** What --no-sync left to do: afterwards the first files survive a power cut as well. */
export async function flushToDisk(cluster: Cluster): Promise<void> {
  const files = handOver([cluster.folder], cluster.runAs);
  try {
    await run(cluster, cluster.binaries.initdb, files.descriptors, [
      '--sync-only',
      '-D',
      files.names[0] ?? '',
    ]);
  } finally {
    files.close();
  }
}

async function run(
  cluster: Cluster,
  program: string,
  descriptors: readonly number[],
  args: string[],
): Promise<void> {
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe', ...descriptors],
    env: environment,
    cwd: '/',
    detached: true,
    uid: cluster.runAs?.uid,
    gid: cluster.runAs?.gid,
  });
  let output = '';
  const keep = (chunk: Buffer) => {
    output = `${output}${chunk.toString()}`.slice(-4_000);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  const [status] = (await once(child, 'close').catch((error: unknown) => {
    throw cannotRun(cluster, error);
  })) as [number | null];
  if (status === 0) return;
  throw explained(cluster, output, `${program} ended with status ${status}`);
}

function cannotRun(cluster: Cluster, cause: unknown): EmbeddedPostgresError {
  const { code } = cause as NodeJS.ErrnoException;
  const why =
    code === 'ENOENT'
      ? 'its program finds no loader: is this a musl system, as Alpine?'
      : code === 'EPERM' || code === 'EINVAL'
        ? `it may not be run as ${cluster.runAs?.name ?? 'this user'}, and PostgreSQL does not run as root`
        : String(code);
  return new EmbeddedPostgresError(
    `The PostgreSQL of the npm packages cannot run here (${why}): set DATABASE_URL to a PostgreSQL server.`,
    { cause },
  );
}

function explained(cluster: Cluster, output: string, otherwise: string): EmbeddedPostgresError {
  const said = output
    .split('\n')
    .filter((line) => /FATAL|PANIC|error|could not|cannot|not found/i.test(line))
    .map((line) => line.replace(/^.*?\b(?:FATAL|PANIC|error): +/i, '').trim())
    .slice(-3)
    .join('; ');
  const remedy = /could not look up effective user/.test(said)
    ? ` Run it as a user that /etc/passwd names, or set DATABASE_URL.`
    : /shared librar|GLIBC/.test(said)
      ? ' Set DATABASE_URL to a PostgreSQL server.'
      : ` Its log is ${cluster.logFile}.`;
  return new EmbeddedPostgresError(`PostgreSQL did not start: ${said || otherwise}.${remedy}`);
}

export interface Server {
  readonly pid: number;
  readonly exited: Promise<string>;
}

/** Throws PortTaken or EmbeddedPostgresError when the server gives up. */
export async function launch(
  cluster: Cluster,
  options: { port: number; durability: 'full' | 'tests'; onWait: (text: string) => void },
): Promise<Server> {
  if (existsSync(cluster.logFile) && statSync(cluster.logFile).size > LARGEST_LOG)
    await truncate(cluster.logFile);
  const log = openSync(cluster.logFile, 'a', 0o600);
  const logStart = statSync(cluster.logFile).size;
  const files = handOver([cluster.folder], cluster.runAs);
  const chosen = {
    ...settings,
    ...(options.durability === 'tests' ? quickForTests : {}),
    cluster_name: clusterName(cluster.folder),
    port: `${options.port}`,
  };
  let child: ChildProcess;
  try {
    child = spawn(
      cluster.binaries.postgres,
      [
        '-D',
        files.names[0] ?? '',
        ...Object.entries(chosen).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
      ],
      {
        stdio: ['ignore', log, log, ...files.descriptors],
        env: environment,
        cwd: '/',
        // Its own session: Ctrl-C in a terminal must reach the launcher only, which stops it last.
        detached: true,
        uid: cluster.runAs?.uid,
        gid: cluster.runAs?.gid,
      },
    );
  } finally {
    files.close();
    closeSync(log);
  }
  await once(child, 'spawn').catch((error: unknown) => {
    throw cannotRun(cluster, error);
  });
  const pid = child.pid ?? 0;
  let ended: string | undefined;
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (status, signal) => {
      ended = signal ? `signal ${signal}` : `status ${status}`;
      resolve(ended);
    });
  });
  const start = systemClock.monotonic();
  for (let nextWord = 5_000; !isReady(cluster.folder, pid);) {
    if (ended !== undefined) {
      const output = readFileSync(cluster.logFile).subarray(logStart).toString();
      if (/could not (?:bind|create any TCP)/.test(output)) throw new PortTaken(options.port);
      throw explained(cluster, output, ended);
    }
    const waited = systemClock.monotonic() - start;
    if (waited > START_LIMIT_MS) {
      await stopProcess(pid);
      throw new EmbeddedPostgresError(
        `PostgreSQL was not ready after ${START_LIMIT_MS / 1_000} s; its log is ${cluster.logFile}.`,
      );
    }
    if (waited > nextWord) {
      options.onWait('PostgreSQL is still starting (after a crash it repeats its log first)');
      nextWord += 10_000;
    }
    await pause(systemClock, POLL_MS);
  }
  return { pid, exited };
}

export class PortTaken extends EmbeddedPostgresError {
  constructor(port: number) {
    super(
      `Port ${port} of 127.0.0.1, where PostgreSQL should listen, is taken: stop what uses it, or choose another.`,
    );
  }
}

function isReady(folder: string, pid: number): boolean {
  const file = pidFile(folder);
  return file?.pid === pid && file.status === 'ready';
}
