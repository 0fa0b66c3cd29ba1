import { statfsSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { ConfigError } from '#lib/config/config.ts';
import { localTelegram, services } from '../../../deploy/local/registry.ts';
import { readSettings } from '../../../deploy/local/settings.ts';
import { fail, ok, skipped, warn, type Finding } from './finding.ts';

const OLDEST_NODE = 24;
const LITTLE_BYTES = 1_024 ** 3;
const TOO_LITTLE_BYTES = 64 * 1_024 ** 2;

/** What can be seen without a mesh: this Node, the environment, the folder and the disk under it. */
export function machineFindings(home: string, env: NodeJS.ProcessEnv, nodeVersion: string): Finding[] {
  return [nodeFinding(nodeVersion), environmentFinding(env), ...folderFindings(home), diskFinding(home)];
}

function nodeFinding(version: string): Finding {
  return Number(version.split('.')[0]) >= OLDEST_NODE
    ? ok('node', version)
    : fail(
        'node',
        `${version} is too old`,
        `Node ${OLDEST_NODE} or newer is needed: npm ci brings one along.`,
      );
}

/** The variables as `telegate up` would read them. */
function environmentFinding(env: NodeJS.ProcessEnv): Finding {
  try {
    readSettings([...services, localTelegram], env);
    return ok('environment', 'every variable that is set can be read');
  } catch (error) {
    const faults =
      error instanceof ConfigError
        ? error.faults.map(({ variable, problem }) => `${variable} ${problem}`).join('; ')
        : (error as Error).message;
    return fail('environment', faults, 'Correct or unset them; telegate up --variables explains each.');
  }
}

/** Others of this machine may read neither the keys nor mesh.json; a mesh file elsewhere says nothing of its folder. */
function folderFindings(home: string): Finding[] {
  if (modeOf(home) === undefined) return [skipped('folder', `there is no ${home} yet`)];
  const isHome = modeOf(join(home, 'keys')) !== undefined;
  const files = [
    ...(isHome ? [{ path: home, what: 'folder', most: 0o700 }] : []),
    { path: join(home, 'keys'), what: 'keys', most: 0o600 },
    { path: join(home, 'mesh.json'), what: 'mesh.json', most: 0o600 },
  ];
  return files.flatMap(({ path, what, most }) => {
    const mode = modeOf(path);
    if (mode === undefined) return [];
    const text = `${path}, mode ${mode.toString(8).padStart(4, '0')}`;
    return [
      (mode & ~most & 0o777) === 0
        ? ok(what, text)
        : fail(what, `${text}: others may read it`, `chmod ${most.toString(8)} ${path}`),
    ];
  });
}

function modeOf(path: string): number | undefined {
  try {
    return statSync(path).mode & 0o777;
  } catch {
    return undefined;
  }
}

function diskFinding(home: string): Finding {
  let folder = home;
  while (modeOf(folder) === undefined && dirname(folder) !== folder) folder = dirname(folder);
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  const text = `${readableBytes(free)} free where ${folder} is`;
  if (free < TOO_LITTLE_BYTES) return fail('disk', text, 'PostgreSQL stops when it is full: make room.');
  return free < LITTLE_BYTES ? warn('disk', text, 'Make room before PostgreSQL needs it.') : ok('disk', text);
}

function readableBytes(bytes: number): string {
  const gigabytes = bytes / 1_024 ** 3;
  return gigabytes >= 1 ? `${gigabytes.toFixed(1)} GiB` : `${Math.floor(bytes / 1_024 ** 2)} MiB`;
}

/** Where a mesh of this machine keeps its things: of the mesh file that was found, or where one would be. */
export function homeOf(meshFile: string | undefined, env: NodeJS.ProcessEnv, cwd: string): string {
  if (meshFile !== undefined) return dirname(meshFile);
  const named = env['TELEGATE_HOME']?.trim();
  if (named) return named.replace(/^~(?=\/)/, homedir());
  return join(cwd, '.telegate');
}

/** The mesh's own account of itself; absent when the endpoint was named in another way. */
export function launcherFinding(meshFile: string, pid: number): Finding {
  try {
    process.kill(pid, 0);
    return ok('launcher', `process ${pid} runs, by ${meshFile}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPERM')
      return ok('launcher', `process ${pid} runs, of another user`);
    return fail(
      'launcher',
      `process ${pid} of ${meshFile} has ended`,
      'It was killed: telegate up (npm start) tidies up and starts again.',
    );
  }
}
