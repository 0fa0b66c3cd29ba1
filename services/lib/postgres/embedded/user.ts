import { closeSync, existsSync, openSync, readFileSync, statSync, type Stats } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { EmbeddedPostgresError } from './error.ts';

/** Who PostgreSQL runs as when we are root, which it refuses to be. */
export interface RunAs {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
}

/** Undefined: as ourselves. The owner of an existing cluster stays its owner. */
export function chooseUser(cluster: string): RunAs | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const owner = existsSync(cluster) ? statSync(cluster) : undefined;
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid, name: `the user ${owner.uid}` };
  // initdb looks its user up by number, so it must be one of these.
  const users = knownUsers();
  const user =
    users.find(({ name }) => name === 'postgres') ?? users.find(({ name }) => name === 'nobody') ?? users[0];
  if (!user)
    throw new EmbeddedPostgresError(
      'PostgreSQL does not run as root, and /etc/passwd names no other user: set DATABASE_URL to a PostgreSQL server.',
    );
  return user;
}

function knownUsers(): RunAs[] {
  if (!existsSync('/etc/passwd')) return [];
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter(({ uid, gid }) => uid > 0 && gid > 0 && uid < 2 ** 31);
}

function allows(stats: Stats, user: RunAs, bit: number): boolean {
  const shift = stats.uid === user.uid ? 6 : stats.gid === user.gid ? 3 : 0;
  return ((stats.mode >> shift) & bit) === bit;
}

/** Whether the user may pass through every folder down to this one. */
export function canEnter(folder: string, user: RunAs): boolean {
  for (let path = resolve(folder); ; path = dirname(path)) {
    if (!allows(statSync(path), user, 0o1)) return false;
    if (path === dirname(path)) return true;
  }
}

export function canRead(path: string, user: RunAs): boolean {
  const stats = statSync(path);
  return (
    allows(stats, user, 0o4) &&
    (allows(stats, user, 0o1) || !(stats.isDirectory() || (stats.mode & 0o100) !== 0))
  );
}

/**
 * Opens files for a child that runs as another user and could not enter the folders above them (a project
 * below /root): it gets them as descriptors 3, 4, … and names them through /proc/self/fd.
 */
export function handOver(paths: readonly string[], runAs: RunAs | undefined): Handed {
  if (!runAs || !existsSync('/proc/self/fd')) {
    for (const path of runAs ? paths : []) {
      if (!canEnter(dirname(path), runAs as RunAs))
        throw new EmbeddedPostgresError(
          `PostgreSQL does not run as root, and ${runAs?.name} cannot enter ${dirname(path)}: move the project, or run it as another user, or set DATABASE_URL.`,
        );
    }
    return { descriptors: [], names: [...paths], close: () => undefined };
  }
  const descriptors = paths.map((path) => openSync(path, 'r'));
  return {
    descriptors,
    names: paths.map((_, index) => `/proc/self/fd/${index + 3}`),
    close: () => descriptors.forEach((descriptor) => closeSync(descriptor)),
  };
}

export interface Handed {
  readonly descriptors: readonly number[];
  /** What the child calls the files. */
  readonly names: readonly string[];
  close(): void;
}
