import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chown, link, mkdir, readFile, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Client } from 'pg';
import { pause, systemClock } from '#lib/lifecycle/clock.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import { usableBinaries } from './embedded/binaries.ts';
import { EmbeddedPostgresError } from './embedded/error.ts';
import { holdGuard, isGuarded, type Guard } from './embedded/guard.ts';
import { findFreePort } from '#lib/lifecycle/free-port.ts';
import { freePort } from './embedded/port.ts';
import { isAlive, leftBehind, stopProcess } from './embedded/process.ts';
import { PortTaken, flushToDisk, initialise, launch, type Cluster, type Server } from './embedded/server.ts';
import { chooseUser } from './embedded/user.ts';

export interface EmbeddedPostgres {
  /** With the password: for this machine's processes only. */
  readonly url: string;
  readonly port: number;
  /** The server's own process, for tests that break it. */
  readonly pid: number;
  stop(): Promise<void>;
}

export interface EmbeddedOptions {
  dataDir: string;
  /** Absent or 0: the port of last time if it is free, else a free one. */
  port?: number;
  log: Logger;
  onProgress?: (text: string) => void;
  /** The server ended and nobody asked it to. */
  onExit?: (how: string) => void;
  /** `tests` gives up crash safety for speed. */
  durability?: 'full' | 'tests';
}

const USER = 'telegate';
const DATABASE = 'telegate';
const LAUNCH_ATTEMPTS = 5;

/**
 * PostgreSQL from the npm package with its data in a folder: made when new, recovered after a crash. A server
 * that a killed launcher left behind is stopped first; one whose launcher lives is left alone, and refused.
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  try {
    return await start(options);
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException;
    if (code !== 'EACCES' && code !== 'EPERM' && code !== 'EROFS') throw error;
    throw new EmbeddedPostgresError(
      `PostgreSQL can not use ${path ?? options.dataDir} (${code}): its folder must belong to the user that runs it. ` +
        'Run it as that user, or choose another folder.',
      { cause: error },
    );
  }
}

async function start(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { log, durability = 'full' } = options;
  const say = (text: string) => {
    log.info({ event: 'embedded_postgres' }, text);
    options.onProgress?.(text);
  };
  const dataDir = resolve(options.dataDir);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const folder = join(dataDir, 'cluster');
  const runAs = chooseUser(folder);
  const binaries = await usableBinaries({ runAs, beside: dataDir });
  const cluster: Cluster = { folder, logFile: join(dataDir, 'server.log'), binaries, runAs };
  const password = await keptPassword(dataDir, folder);
  const urlOf = (port: number, database: string) =>
    `postgres://${USER}:${password}@127.0.0.1:${port}/${database}`;

  const isNew = await createUnlessThere(cluster, dataDir, say);
  await refuseOtherVersion(cluster);
  await stopLeftBehind(cluster, (port) => urlOf(port, 'postgres'), say);
  const { server, port } = await launchOnPort(cluster, dataDir, { port: options.port, durability, say });

  let guard: Guard | undefined;
  let flushing: Promise<void> | undefined;
  let stopping: Promise<void> | undefined;
  const stop = async () => {
    await guard?.close();
    await stopProcess(server.pid);
    await flushing;
  };
  const stopOnce = () => (stopping ??= stop());
  const notice = async () => {
    const how = await server.exited;
    if (stopping) return;
    await guard?.close();
    log.error({ event: 'embedded_postgres_ended', how }, 'PostgreSQL ended by itself');
    options.onExit?.(how);
  };
  void notice();
  if (isNew && durability === 'full') {
    flushing = flushToDisk(cluster).catch((error: unknown) => {
      log.warn({ event: 'embedded_postgres', err: error }, 'the new cluster could not be flushed to disk');
    });
  }
  try {
    guard = await holdGuard(urlOf(port, 'postgres'));
    await createDatabase(urlOf(port, 'postgres'));
    await rememberPort(dataDir, port);
  } catch (error) {
    await stopOnce();
    throw error;
  }
  return { url: urlOf(port, DATABASE), port, pid: server.pid, stop: stopOnce };
}

async function keptPassword(dataDir: string, folder: string): Promise<string> {
  const file = join(dataDir, 'password');
  if (!existsSync(file)) {
    if (existsSync(folder))
      throw new EmbeddedPostgresError(
        `${file}, the password of the database in ${folder}, is missing: put it back, or start with a new folder.`,
      );
    const draft = `${file}.${process.pid}`;
    await writeFile(draft, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 });
    // Unlike rename, this does not replace what another launcher has just put there.
    await link(draft, file).catch(unless('EEXIST'));
    await rm(draft);
  }
  return (await readFile(file, 'utf8')).trim();
}

function unless(code: string): (error: NodeJS.ErrnoException) => void {
  return (error) => {
    if (error.code !== code) throw error;
  };
}

/** Made under another name, so that a launcher killed half-way leaves no half cluster. */
async function createUnlessThere(
  cluster: Cluster,
  dataDir: string,
  say: (text: string) => void,
): Promise<boolean> {
  await removeDrafts(dataDir);
  if (existsSync(join(cluster.folder, 'PG_VERSION'))) return false;
  if (existsSync(cluster.folder))
    await rmdir(cluster.folder).catch(() => {
      throw new EmbeddedPostgresError(
        `${cluster.folder} holds something that is no PostgreSQL cluster: move it away.`,
      );
    });
  say('PostgreSQL: making a new database cluster');
  const draft = { ...cluster, folder: join(dataDir, `${DRAFT}${process.pid}`) };
  const password = `${draft.folder}.password`;
  await mkdir(draft.folder, { mode: 0o700 });
  await writeFile(password, await readFile(join(dataDir, 'password')), { mode: 0o600 });
  if (cluster.runAs) {
    for (const path of [draft.folder, password]) await chown(path, cluster.runAs.uid, cluster.runAs.gid);
  }
  await initialise(draft, password);
  await rm(password);
  await rename(draft.folder, cluster.folder);
  return true;
}

const DRAFT = 'cluster.new.';

async function removeDrafts(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir)) {
    if (!name.startsWith(DRAFT)) continue;
    const owner = Number.parseInt(name.slice(DRAFT.length), 10);
    if (owner === process.pid || !isAlive(owner))
      await rm(join(dataDir, name), { recursive: true, force: true });
  }
}

async function refuseOtherVersion({ folder, binaries }: Cluster): Promise<void> {
  const version = (await readFile(join(folder, 'PG_VERSION'), 'utf8')).trim();
  if (version !== binaries.majorVersion)
    throw new EmbeddedPostgresError(
      `The database in ${folder} is of PostgreSQL ${version}, but ${binaries.majorVersion} is installed: ` +
        'dump it with the old one, or start with a new folder.',
    );
}

async function stopLeftBehind(
  cluster: Cluster,
  urlOf: (port: number) => string,
  say: (text: string) => void,
): Promise<void> {
  const left = leftBehind(cluster.folder);
  if (left.kind === 'unknown') return;
  if (left.kind === 'server') {
    if (await isGuarded(urlOf(left.port)))
      throw new EmbeddedPostgresError(
        `The database in ${cluster.folder} is in use: another TeleGate runs on this folder ` +
          `(its PostgreSQL is process ${left.pid}). Stop it first.`,
      );
    say(`PostgreSQL: stopping the server that an earlier run left behind (process ${left.pid})`);
    await stopProcess(left.pid);
  }
  // Else the new server would take an unrelated process with the same number for one that still runs.
  await rm(join(cluster.folder, 'postmaster.pid'), { force: true });
}

async function launchOnPort(
  cluster: Cluster,
  dataDir: string,
  options: { port: number | undefined; durability: 'full' | 'tests'; say: (text: string) => void },
): Promise<{ server: Server; port: number }> {
  const wanted = options.port || undefined;
  for (let attempt = 1; ; attempt += 1) {
    const preferred = wanted ?? (attempt === 1 ? await lastPort(dataDir) : 0);
    const port = (await freePort(preferred)) ?? (wanted === undefined ? await findFreePort() : undefined);
    if (port === undefined) throw new PortTaken(preferred);
    try {
      const server = await launch(cluster, { port, durability: options.durability, onWait: options.say });
      return { server, port };
    } catch (error) {
      const again =
        error instanceof PortTaken
          ? wanted === undefined
          : /shared memory block/.test((error as Error).message);
      if (!again || attempt === LAUNCH_ATTEMPTS) throw error;
      // The last processes of a killed server take a moment to notice.
      await pause(systemClock, 200);
    }
  }
}

async function lastPort(dataDir: string): Promise<number> {
  const file = join(dataDir, 'port');
  const port = existsSync(file) ? Number(await readFile(file, 'utf8')) : 0;
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : 0;
}

async function rememberPort(dataDir: string, port: number): Promise<void> {
  const draft = join(dataDir, `port.${process.pid}`);
  await writeFile(draft, `${port}\n`);
  await rename(draft, join(dataDir, 'port'));
}

async function createDatabase(url: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [DATABASE]);
    if (rowCount === 0) await client.query(`create database ${DATABASE}`);
  } finally {
    await client.end();
  }
}
