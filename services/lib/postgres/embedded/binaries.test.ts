import {
  chmod,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { usableBinaries } from './binaries.ts';

const nobody = { uid: 65_534, gid: 65_534, name: 'nobody' };

let home: string;
let native: string;
let beside: string;

/** A package as npm unpacks it: without its symbolic links, which an install script makes. */
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'telegate-binaries-'));
  native = join(home, 'package', 'native');
  beside = join(home, 'data');
  for (const folder of ['bin', 'lib/postgresql', 'share'])
    await mkdir(join(native, folder), { recursive: true });
  await mkdir(beside);
  await writeFile(join(home, 'package', 'package.json'), '{"version":"18.4.0-beta.17"}');
  for (const program of ['postgres', 'initdb'])
    await writeFile(join(native, 'bin', program), 'program', { mode: 0o755 });
  await writeFile(join(native, 'lib', 'libx.so.1.2'), 'library');
  await writeFile(join(native, 'lib', 'libx.a'), 'archive');
  await writeFile(join(native, 'share', 'zone'), 'UTC');
  const source = 'native/lib/libx.so.1.2';
  await writeFile(
    join(native, 'pg-symlinks.json'),
    JSON.stringify(['native/lib/libx.so', 'native/lib/libx.so.1'].map((target) => ({ source, target }))),
  );
});

afterEach(() => rm(home, { recursive: true, force: true }));

test('missing links are made in place, and the package is used as it is', async () => {
  await chmod(home, 0o755);
  await symlink('libx.so.1.2', join(native, 'lib', 'libx.so'));
  const { postgres, majorVersion } = await usableBinaries({ runAs: undefined, beside, native });
  expect([postgres, majorVersion]).toEqual([join(native, 'bin', 'postgres'), '18']);
  expect(await readFile(join(native, 'lib', 'libx.so.1'), 'utf8')).toBe('library');
});

test('programs without the right to run are used from a copy', async () => {
  await chmod(join(native, 'bin', 'postgres'), 0o644);
  const { postgres } = await usableBinaries({ runAs: undefined, beside, native });
  expect(postgres).toBe(join(beside, 'postgres-18.4.0-beta.17', 'bin', 'postgres'));
  expect((await stat(postgres)).mode & 0o777).toBe(0o755);
  expect(await readFile(join(postgres, '../../lib/libx.so'), 'utf8')).toBe('library');
});

test.runIf(process.getuid?.() === 0)('below a closed home another user gets a copy it can read', async () => {
  const umask = process.umask(0o077);
  const { postgres } = await usableBinaries({ runAs: nobody, beside, native });
  process.umask(umask);
  const copy = join(postgres, '../..');
  expect(copy.startsWith(home)).toBe(false);
  try {
    const modes = async (...paths: string[]) =>
      await Promise.all(paths.map(async (path) => (await stat(join(copy, path))).mode & 0o777));
    expect(await modes('.', 'bin', 'lib', 'lib/postgresql', 'share', 'bin/postgres')).toEqual(
      Array(6).fill(0o755),
    );
    expect(await modes('lib/libx.so', 'share/zone')).toEqual([0o644, 0o644]);
    expect(await readdir(join(copy, 'lib'))).not.toContain('libx.a');

    // A cleaner of temporary folders took some of it; what is whole is not written again.
    await rm(join(copy, 'share'), { recursive: true });
    await truncate(join(copy, 'lib/libx.so.1.2'), 3);
    const before = (await stat(join(copy, 'bin/postgres'))).ino;
    expect((await usableBinaries({ runAs: nobody, beside, native })).postgres).toBe(postgres);
    expect(await readFile(join(copy, 'lib/libx.so'), 'utf8')).toBe('library');
    expect(await readFile(join(copy, 'share/zone'), 'utf8')).toBe('UTC');
    expect((await stat(join(copy, 'bin/postgres'))).ino).toBe(before);
  } finally {
    await rm(copy, { recursive: true });
  }
});

test.runIf(process.getuid?.() === 0)('a folder that somebody else put there is not trusted', async () => {
  await chmod(home, 0o755);
  await chmod(join(native, 'bin', 'postgres'), 0o700);
  await chmod(beside, 0o700);
  const parent = join(tmpdir(), 'telegate-postgres-18.4.0-beta.17-fake');
  await rm(parent, { recursive: true, force: true });
  await writeFile(join(home, 'package', 'package.json'), '{"version":"18.4.0-beta.17-fake"}');
  await mkdir(parent);
  await chmod(parent, 0o777);
  const { postgres } = await usableBinaries({ runAs: nobody, beside, native });
  expect(postgres.startsWith(`${parent}-`)).toBe(true);
  await rm(join(postgres, '../..'), { recursive: true });
  await rm(parent, { recursive: true });
});
