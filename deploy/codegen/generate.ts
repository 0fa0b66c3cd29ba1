import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { MissingTool } from './command.ts';
import { go } from './go.ts';
import type { Language, Workspace } from './language.ts';
import { python } from './python.ts';
import { formatStamps, listFiles, readStamps, stampFile, stampOf } from './stamp.ts';
import { typescript } from './typescript.ts';

const usage = `npm run gen [-- --only ts,python,go] [--check]

Writes the stubs in gen/ anew from proto/. Python and Go need python3 and go on the PATH; their generators are
installed, at pinned versions, in .telegate/codegen.

  --only LIST   only these languages, with commas between
  --check       change nothing: exit 1 when what is in gen/ is not what would be written. Languages left out
                by --only are compared by ${stampFile}
`;

const languages: readonly Language[] = [typescript, python, go];

async function main(argv: string[], env: NodeJS.ProcessEnv): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: { only: { type: 'string' }, check: { type: 'boolean' }, help: { type: 'boolean' } },
  });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const only = values.only?.split(',') ?? languages.map(({ name }) => name);
  const unknown = only.filter((name) => !languages.some((language) => language.name === name));
  if (unknown.length > 0)
    throw new Error(`--only does not know ${unknown.join(', ')}; say ts, python or go.`);

  const root = join(import.meta.dirname, '../..');
  const workspace: Workspace = {
    root,
    protoFiles: (await listFiles(join(root, 'proto'))).filter((file) => file.endsWith('.proto')),
    toolsFolder: join(root, '.telegate/codegen'),
    env: { ...env, PATH: `${join(root, 'node_modules/.bin')}${delimiter}${env.PATH ?? ''}` },
  };
  const chosen = languages.filter(({ name }) => only.includes(name));
  return values.check ? await check(workspace, chosen) : await write(workspace, chosen);
}

async function write(workspace: Workspace, chosen: readonly Language[]): Promise<number> {
  const { root, protoFiles } = workspace;
  for (const language of chosen) {
    const changed = await inTemporaryFolder(async (folder) => {
      await language.generate(workspace, folder);
      return replace(join(folder, language.outputFolder), join(root, language.outputFolder));
    });
    const stamps = {
      ...(await readStamps(root)),
      [language.name]: await stampOf(root, language, protoFiles),
    };
    await writeFile(join(root, stampFile), formatStamps(stamps));
    process.stdout.write(
      `${language.outputFolder}: ${changed === 0 ? 'as it was' : `${changed} files changed`}\n`,
    );
  }
  return 0;
}

async function check(workspace: Workspace, chosen: readonly Language[]): Promise<number> {
  const problems: string[] = [];
  for (const language of chosen) {
    const stale = await inTemporaryFolder(async (folder) => {
      await language.generate(workspace, folder);
      return differences(join(folder, language.outputFolder), join(workspace.root, language.outputFolder));
    });
    for (const { file, problem } of stale) problems.push(`${language.outputFolder}/${file} ${problem}`);
  }
  const stamps = await readStamps(workspace.root);
  for (const language of languages) {
    const expected = await stampOf(workspace.root, language, workspace.protoFiles);
    const { sources, output } = stamps[language.name] ?? { sources: '', output: '' };
    if (sources !== expected.sources)
      problems.push(`${language.outputFolder} is of an earlier state of proto/`);
    else if (output !== expected.output) problems.push(`${language.outputFolder} was changed by hand`);
  }
  if (problems.length === 0) return 0;
  process.stdout.write(`${problems.join('\n')}\nRun \`npm run gen\` and commit what it changes.\n`);
  return 1;
}

interface Difference {
  file: string;
  problem: 'is missing' | 'is not generated' | 'differs';
}

async function differences(fresh: string, existing: string): Promise<Difference[]> {
  const [freshFiles, existingFiles] = await Promise.all([listFiles(fresh), listFiles(existing)]);
  const found: Difference[] = [];
  for (const file of existingFiles)
    if (!freshFiles.includes(file)) found.push({ file, problem: 'is not generated' });
  for (const file of freshFiles) {
    if (!existingFiles.includes(file)) found.push({ file, problem: 'is missing' });
    else if (!(await readFile(join(fresh, file))).equals(await readFile(join(existing, file))))
      found.push({ file, problem: 'differs' });
  }
  return found;
}

// Files that stay the same are left alone, so that watchers and build caches of the stubs' users rest.
async function replace(fresh: string, existing: string): Promise<number> {
  const found = await differences(fresh, existing);
  for (const { file, problem } of found) {
    const target = join(existing, file);
    if (problem === 'is not generated') {
      await rm(target);
      continue;
    }
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, await readFile(join(fresh, file)));
  }
  return found.length;
}

async function inTemporaryFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'telegate-gen-'));
  try {
    return await body(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

try {
  process.exitCode = await main(process.argv.slice(2), process.env);
} catch (error) {
  const text = error instanceof Error ? error.message : String(error);
  const remedy = error instanceof MissingTool ? ' `npm run gen -- --only ts` does without.' : '';
  process.stderr.write(`${text}${remedy}\n`);
  process.exitCode = 1;
}
