import { readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Clock } from '#lib/lifecycle/clock.ts';
import { pause } from '#lib/lifecycle/clock.ts';
import { errorCode, StartFailure } from './failure.ts';
import type { Home } from './home.ts';
import { createPrivateFile, writePrivateFile } from './home.ts';
import type { ProcessIdentity } from './process-identity.ts';
import { identify, isAlive, signal } from './process-identity.ts';

export type Role = 'service' | 'nats' | 'postgres';

export interface RunningProcess extends ProcessIdentity {
  name: string;
  role: Role;
}

/** What runs in a home, kept in a file: whoever finds it after a crash of the launcher can stop it all. */
export interface RunningMesh {
  launcher: ProcessIdentity;
  guard?: ProcessIdentity;
  processes: RunningProcess[];
  graceMs: number;
  meshFile: string;
  postgresData?: string;
  /** To be removed when the mesh has stopped. */
  temporaryFolder?: string;
}

export function readRunning(path: string): RunningMesh | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as RunningMesh;
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The launcher's own record of what it runs, written through to the file. */
export interface MeshRecord {
  readonly mesh: RunningMesh;
  /** Notes a process; a former one of the same name is forgotten. */
  note(name: string, role: Role, pid: number): void;
  noteGuard(pid: number): void;
  notePostgresData(folder: string): void;
  remove(): void;
}

export interface ClaimOptions {
  home: Home;
  mesh: Omit<RunningMesh, 'launcher' | 'processes'>;
  clock: Clock;
  say: (text: string) => void;
}

/** Longest wait for a mesh whose launcher was killed and whose guard is still stopping it. */
const GUARD_LIMIT_MS = 60_000;

/** Makes this process the only launcher of the home. What a killed one left running is stopped first. */
export async function claimHome({ home, mesh, clock, say }: ClaimOptions): Promise<MeshRecord> {
  const launcher = identify(process.pid);
  if (!launcher) throw new Error('this process does not find itself');
  const record: RunningMesh = { ...mesh, launcher, processes: [] };
  while (!createPrivateFile(home.running, JSON.stringify(record))) {
    const found = readRunning(home.running);
    if (found && isAlive(found.launcher)) throw alreadyRunning(home, found);
    if (found) await endOf(found, home, clock, say);
    rmSync(home.running, { force: true });
  }
  return recordOf(record, home.running);
}

function recordOf(mesh: RunningMesh, path: string): MeshRecord {
  const write = (): void => writePrivateFile(path, JSON.stringify(mesh));
  return {
    mesh,
    note(name, role, pid) {
      const identity = identify(pid);
      mesh.processes = mesh.processes.filter((known) => known.name !== name);
      if (identity) mesh.processes.push({ ...identity, name, role });
      write();
    },
    noteGuard(pid) {
      mesh.guard = identify(pid);
      write();
    },
    notePostgresData(folder) {
      mesh.postgresData = folder;
      write();
    },
    remove: () => rmSync(path, { force: true }),
  };
}

function alreadyRunning(home: Home, found: RunningMesh): StartFailure {
  return new StartFailure(
    `A mesh runs in ${home.folder} already (process ${found.launcher.pid}; see ${found.meshFile}). ` +
      `Use that one, stop it with Ctrl-C or: kill ${found.launcher.pid} — or start another beside it: npm start -- --ephemeral`,
  );
}

async function endOf(
  found: RunningMesh,
  home: Home,
  clock: Clock,
  say: (text: string) => void,
): Promise<void> {
  const { guard } = found;
  if (guard && isAlive(guard)) {
    say('A mesh whose launcher was killed is still stopping here; waiting for it.');
    const deadline = clock.monotonic() + GUARD_LIMIT_MS;
    while (isAlive(guard) && readRunning(home.running)?.launcher.pid === found.launcher.pid) {
      if (clock.monotonic() > deadline)
        throw new StartFailure(
          `The former mesh in ${home.folder} has not stopped for a minute. Stop its guard (kill ${guard.pid}) and start again.`,
        );
      await pause(clock, 50);
    }
    return;
  }
  const left = leftovers(found);
  if (left.length > 0)
    say(`Stopping what a killed launcher left running: ${left.map((one) => one.name).join(', ')}.`);
  await stopLeftovers(found, clock);
}

function leftovers(found: RunningMesh): RunningProcess[] {
  const noted = found.processes.filter(isAlive);
  const postmaster = found.postgresData === undefined ? undefined : postmasterOf(found.postgresData);
  if (postmaster === undefined || noted.some(({ pid }) => pid === postmaster.pid)) return noted;
  return [...noted, { ...postmaster, name: 'PostgreSQL', role: 'postgres' }];
}

/** The server that runs on a data folder, as its first line of postmaster.pid says. */
export function postmasterOf(dataFolder: string): ProcessIdentity | undefined {
  try {
    const pid = Number(readFileSync(join(dataFolder, 'postmaster.pid'), 'utf8').split('\n', 1)[0]);
    if (!Number.isSafeInteger(pid) || pid <= 1 || !runsPostgres(pid)) return undefined;
    return identify(pid);
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** After a reboot the id in a stale postmaster.pid may be anybody's. */
function runsPostgres(pid: number): boolean {
  if (process.platform !== 'linux') return true;
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('postgres');
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ESRCH') return false;
    throw error;
  }
}

/** SIGINT is PostgreSQL's fast shutdown; its other servers' quick ways are given in `kill`. */
const stopSignals: { [role in Role]: NodeJS.Signals } = {
  service: 'SIGTERM',
  nats: 'SIGTERM',
  postgres: 'SIGINT',
};
const killSignals: { [role in Role]: NodeJS.Signals } = {
  service: 'SIGKILL',
  nats: 'SIGKILL',
  postgres: 'SIGQUIT',
};

/** Services drain first, then what they stand on stops; nothing is waited for longer than is sensible. */
export async function stopLeftovers(found: RunningMesh, clock: Clock): Promise<void> {
  const left = leftovers(found);
  await stopAll(
    left.filter(({ role }) => role === 'service'),
    found.graceMs + 5_000,
    clock,
  );
  await stopAll(
    left.filter(({ role }) => role !== 'service'),
    20_000,
    clock,
  );
}

async function stopAll(processes: RunningProcess[], limitMs: number, clock: Clock): Promise<void> {
  for (const one of processes) signal(one, stopSignals[one.role]);
  const deadline = clock.monotonic() + limitMs;
  while (processes.some(isAlive) && clock.monotonic() < deadline) await pause(clock, 25);
  killAll(processes);
}

export function killAll(processes: readonly RunningProcess[]): void {
  for (const one of processes) signal(one, killSignals[one.role]);
}

/** Everything that still runs, at once and without mercy; PostgreSQL recovers from its log. */
export function killMesh(mesh: RunningMesh): void {
  killAll(leftovers(mesh));
}

/** Removes what only a running mesh has. */
export function removeTraces(mesh: RunningMesh): void {
  rmSync(mesh.meshFile, { force: true });
  if (mesh.temporaryFolder !== undefined && dirname(mesh.temporaryFolder) !== mesh.temporaryFolder)
    rmSync(mesh.temporaryFolder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}
