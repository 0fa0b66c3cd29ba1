import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../codegen/command.ts';
import type { Outcome } from '../codegen/command.ts';
import type { Step } from './runner.ts';

export function stepsFor(root: string, env: NodeJS.ProcessEnv): Step[] {
  const command = (name: string, program: string, ...args: string[]): Step => ({
    name,
    // What a program says when all is well is not worth a line.
    run: async () => {
      const outcome = await run(program, args, { cwd: root, env });
      return outcome.code === 0 ? { code: 0, output: '' } : outcome;
    },
  });
  // The slow ones first.
  return [
    command('lint', 'oxlint', '--type-aware', '--deny-warnings', '--report-unused-disable-directives'),
    command('types', 'tsc', '--noEmit'),
    command('generated code', process.execPath, 'deploy/codegen/generate.ts', '--check', '--only', 'ts'),
    command('format', 'oxfmt', '--check'),
    command('contracts: lint', 'buf', 'lint'),
    command('contracts: format', 'buf', 'format', '--diff', '--exit-code'),
    { name: 'contracts: breaking', run: () => breaking(root, env) },
    { name: 'lock file', run: async () => lockFile(await readFile(join(root, 'package-lock.json'), 'utf8')) },
  ];
}

async function breaking(root: string, env: NodeJS.ProcessEnv): Promise<Outcome> {
  const list = ['tag', '--list', 'v*', '--merged', 'HEAD', '--sort=-version:refname'];
  const tags = await run('git', list, { cwd: root, env });
  if (tags.code !== 0) return tags;
  const [last] = tags.output.split('\n');
  if (!last) return { code: 0, output: 'no release is tagged yet: nothing to compare with' };
  const outcome = await run('buf', ['breaking', '--against', `.git#tag=${last}`], { cwd: root, env });
  return outcome.code === 0 ? { code: 0, output: `compared with ${last}` } : outcome;
}

// Addresses in the lock file would tie every install to the registry of whoever wrote it.
export function lockFile(text: string): Outcome {
  const { packages = {} } = JSON.parse(text) as {
    packages?: Record<string, { resolved?: string; link?: true }>;
  };
  const named = Object.entries(packages).filter(([, { resolved, link }]) => resolved !== undefined && !link);
  if (named.length === 0) return { code: 0, output: '' };
  const places = named.slice(0, 5).map(([path]) => path);
  const remedy = 'Install again with omit-lockfile-registry-resolved=true (it is in .npmrc).';
  return {
    code: 1,
    output: `${named.length} entries have a \`resolved\` field: ${places.join(', ')}\n${remedy}`,
  };
}
