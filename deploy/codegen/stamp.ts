import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { Language, LanguageName } from './language.ts';

export const stampFile = 'gen/SOURCES.sha256';

export interface Stamp {
  sources: string; // of the contracts, and of what generates from them
  output: string;
}
export type Stamps = Partial<Record<LanguageName, Stamp>>;

const heading = `# Written by \`npm run gen\`. For each language the SHA-256 of the contracts and their generators, and of the
# output, so that \`npm run check\` sees stale stubs without the generators of that language.
`;

// Names that installing or using the stubs in place leaves behind.
const litter = /(^|\/)(__pycache__|build|[^/]+\.egg-info)(\/|$)/;

export async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    },
  );
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .map((path) => path.split(sep).join('/'))
    .filter((path) => !litter.test(path))
    .toSorted();
}

export async function stampOf(
  root: string,
  language: Language,
  protoFiles: readonly string[],
): Promise<Stamp> {
  const proto = join(root, 'proto');
  const output = join(root, language.outputFolder);
  return {
    sources: await digest(proto, protoFiles, await language.generatorIdentity(root)),
    output: await digest(output, await listFiles(output), ''),
  };
}

async function digest(folder: string, files: readonly string[], beside: string): Promise<string> {
  const hash = createHash('sha256');
  for (const file of files) {
    const content = await readFile(join(folder, file));
    hash.update(`${file}\0${createHash('sha256').update(content).digest('hex')}\n`);
  }
  return hash.update(beside).digest('hex');
}

export function formatStamps(stamps: Stamps): string {
  const lines = Object.entries(stamps)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { sources, output }]) => `${name} sources ${sources}\n${name} output ${output}\n`);
  return heading + lines.join('');
}

export async function readStamps(root: string): Promise<Stamps> {
  const text = await readFile(join(root, stampFile), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const stamps: Stamps = {};
  for (const [, name, part, value] of text.matchAll(/^(ts|python|go) (sources|output) ([0-9a-f]{64})$/gm)) {
    const stamp = (stamps[name as LanguageName] ??= { sources: '', output: '' });
    stamp[part as keyof Stamp] = value!;
  }
  return stamps;
}
