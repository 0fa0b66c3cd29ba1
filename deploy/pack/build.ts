import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import packageJson from '../../package.json' with { type: 'json' };
import { listFiles } from '../codegen/stamp.ts';

const root = join(import.meta.dirname, '../..');

/** What the tool needs at work: itself, and the mesh that `telegate up` runs. */
const packedFolders = ['clients/cli', 'services', 'gen/ts', 'deploy/local'];
const packedFiles = ['deploy/await-database.ts', 'deploy/migrate.ts', 'deploy/schemas.ts'];

/** A path of ours in quotes, as imports, URLs and the registry of services name it. */
const OWN_PATH = /(['"`])((?:#[\w-]+\/|\.{1,2}\/)?[\w./-]+)\.ts\1/g;

/**
 * The project as JavaScript, for `npm pack`: Node runs no TypeScript under node_modules. Only types are taken away,
 * and our own paths end in .js; every line stays where it is.
 */
export async function buildTool(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  const files = [...packedFiles, ...(await Promise.all(packedFolders.map(filesOf))).flat()];
  for (const file of files) {
    const target = join(folder, file.replace(/\.ts$/, '.js'));
    await mkdir(dirname(target), { recursive: true });
    if (file.endsWith('.ts')) await writeFile(target, asJavaScript(await readFile(join(root, file), 'utf8')));
    else await cp(join(root, file), target);
  }
  const { name, version, type, imports } = packageJson;
  await writeFile(
    join(folder, 'package.json'),
    `${JSON.stringify({ name, version, type, imports }, undefined, 2)}\n`,
  );
}

export function asJavaScript(source: string): string {
  return stripTypeScriptTypes(source).replaceAll(OWN_PATH, '$1$2.js$1');
}

async function filesOf(folder: string): Promise<string[]> {
  const found = await listFiles(join(root, folder));
  return found
    .filter((file) => !/(?:\.test\.ts|\.md)$|(?:^|\/)(?:fixtures|testing)\//.test(file))
    .filter((file) => !basename(file).startsWith('test-') && !basename(file).startsWith('demo'))
    .map((file) => `${folder}/${file}`);
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { remove: { type: 'boolean' } } });
  const folder = join(root, 'dist');
  if (values.remove === true) await rm(folder, { recursive: true, force: true });
  else await buildTool(folder);
}
