import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
const runFile = promisify(execFile);

// One bad file a rule, and the rules that must speak up in it; for none, a file that must pass.
const snippets: Record<string, { code: string; rules: string[] }> = {
  'services/a/static-import.ts': {
    code: `import { TelegramClient } from 'telegram';\nexport const client = new TelegramClient();`,
    rules: ['house(confined-packages)'],
  },
  'services/a/subpath-import.ts': {
    code: `import { StringSession } from 'telegram/sessions/index.js';\nexport const session = new StringSession();`,
    rules: ['house(confined-packages)'],
  },
  'services/a/type-import.ts': {
    code: `import type { Api } from 'telegram/tl/index.js';\nexport type T = Api.User;`,
    rules: ['house(confined-packages)'],
  },
  'services/a/import-type-expression.ts': {
    code: `export type T = import('telegram').TelegramClient;`,
    rules: ['house(confined-packages)', 'typescript(consistent-type-imports)'],
  },
  'services/a/re-export.ts': { code: `export { connect } from 'nats';`, rules: ['house(confined-packages)'] },
  'services/a/re-export-all.ts': { code: `export * from 'nats';`, rules: ['house(confined-packages)'] },
  'services/a/dynamic-import.ts': {
    code: `export const nats = await import('nats');`,
    rules: ['house(confined-packages)'],
  },
  'services/a/template-import.ts': {
    code: 'export const telegram = await import(`telegram/client`);',
    rules: ['house(confined-packages)'],
  },
  'services/a/require.ts': {
    code: `export const nats: unknown = require('nats');`,
    rules: ['house(confined-packages)', 'typescript(no-require-imports)'],
  },
  'services/a/import-equals.ts': {
    code: `import nats = require('nats');\nexport default nats;`,
    rules: ['house(confined-packages)', 'typescript(no-require-imports)'],
  },
  'services/a/created-require.ts': {
    code: `import { createRequire } from 'node:module';
const load = createRequire(import.meta.url);
export const a: unknown = load('nats');
export const b = load.resolve('telegram');
export const c: unknown = createRequire(import.meta.url)('telegram/tl');`,
    rules: ['house(confined-packages)', 'house(confined-packages)', 'house(confined-packages)'],
  },
  'tests/mock.ts': {
    code: `import { vi } from 'vitest';\nvi.mock('nats');`,
    rules: ['house(confined-packages)'],
  },
  // Each confined package stays out of the files of the other, and TL classes are not the client.
  'services/lib/telegram/client.ts': {
    code: `export { TelegramClient } from 'telegram';\nexport { connect } from 'nats';`,
    rules: ['house(confined-packages)'],
  },
  'services/lib/events/nats.ts': { code: `export { connect } from 'nats';`, rules: [] },
  'services/local-telegram/tl.ts': {
    code: `export { Api } from 'telegram/tl/index.js';\nexport { TelegramClient } from 'telegram';`,
    rules: ['house(confined-packages)'],
  },
  'services/a/names-that-only-look-alike.ts': {
    code: `export const local = new Set(['telegram']).has('nats');\nexport { x } from './telegram/x.ts';`,
    rules: [],
  },
  'services/a/telegram/x.ts': { code: `export const x = 1;`, rules: [] },

  'services/b/one.ts': {
    code: `import { two } from './two.ts';\nexport const one = (): number => two();`,
    rules: ['import(no-cycle)'],
  },
  'services/b/two.ts': {
    code: `import { one } from './one.ts';\nexport const two = (): number => one();`,
    rules: ['import(no-cycle)'],
  },
  'services/lib/c/three.ts': {
    code: `import { four } from '#lib/c/four.ts';\nexport const three = (): number => four();`,
    rules: ['import(no-cycle)'],
  },
  'services/lib/c/four.ts': {
    code: `import { three } from '#lib/c/three.ts';\nexport const four = (): number => three();`,
    rules: ['import(no-cycle)'],
  },

  'services/d/floating.ts': {
    code: `const work = async (): Promise<void> => {};\nexport function start(): void {\n  work();\n}`,
    rules: ['typescript(no-floating-promises)'],
  },
  'services/d/misused.ts': {
    code: `export function start(items: string[]): void {\n  items.forEach(async () => {});\n}`,
    rules: ['typescript(no-misused-promises)'],
  },
  'services/d/any.ts': {
    code: `export const loose = (value: any): string => String(value);`,
    rules: ['typescript(no-explicit-any)'],
  },
  'services/d/not-exhaustive.ts': {
    code: `export function say(state: 'open' | 'closed'): void {\n  switch (state) {\n    case 'open':\n      break;\n  }\n}`,
    rules: ['typescript(switch-exhaustiveness-check)'],
  },
  'services/d/environment.ts': {
    code: `export const home = process.env['HOME'];`,
    rules: ['node(no-process-env)'],
  },
  'services/d/main.ts': { code: `export const home = process.env['HOME'];`, rules: [] },
  'services/d/clock.ts': {
    code: `export const now = (): number => Date.now();`,
    rules: ['eslint(no-restricted-properties)'],
  },
  'services/lib/lifecycle/clock.ts': { code: `export const now = (): number => Date.now();`, rules: [] },
  'services/d/console.ts': { code: `console.log('hello');`, rules: ['eslint(no-console)'] },
};

describe('the lint rules', () => {
  let folder: string;
  const found = new Map<string, string[]>();

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'telegate-house-'));
    for (const file of ['.oxlintrc.json', 'tsconfig.json', 'package.json', 'deploy/check/house-rules.ts'])
      await cp(join(root, file), join(folder, file));
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'), 'dir');
    for (const [file, { code }] of Object.entries(snippets)) {
      await mkdir(dirname(join(folder, file)), { recursive: true });
      await writeFile(join(folder, file), `${code}\n`);
    }
    const oxlint = join(root, 'node_modules/.bin/oxlint');
    const { stdout } = await runFile(oxlint, ['--type-aware', '--format', 'json', 'services', 'tests'], {
      cwd: folder,
    }).catch((error: { stdout: string }) => error);
    const { diagnostics } = JSON.parse(stdout) as { diagnostics: { code: string; filename: string }[] };
    for (const { code, filename } of diagnostics) {
      const file = filename.replaceAll('\\', '/');
      found.set(file, [...(found.get(file) ?? []), code]);
    }
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  test.each(Object.entries(snippets))('%s', (file, { rules }) => {
    expect((found.get(file) ?? []).toSorted()).toEqual(rules.toSorted());
  });
});

describe('the tree', () => {
  let files: string[];

  beforeAll(async () => {
    const args = ['ls-files', '--cached', '--others', '--exclude-standard'];
    const { stdout } = await runFile('git', args, { cwd: root });
    files = stdout.split('\n').filter((file) => file !== '' && !file.startsWith('gen/'));
  });

  test('no name that says nothing', () => {
    expect(files.filter(saysNothing)).toEqual([]);
  });

  test.each([
    'services/lib/utils/text.ts',
    'services/a/helper.ts',
    'deploy/common.ts',
    'tests/lease-manager.ts',
  ])('%s would be refused', (file) => expect(saysNothing(file)).toBe(true));

  test('no barrel file', async () => {
    const sources = files.filter((file) => file.endsWith('.ts'));
    const texts = await Promise.all(sources.map((file) => readIfThere(join(root, file))));
    expect(sources.filter((_, index) => isBarrel(texts[index]!))).toEqual([]);
  });

  test('a barrel file would be refused', () => {
    const comment = '// Everything of this folder.\n';
    expect(isBarrel(`${comment}export * from './a.ts';\nexport type { B } from './b.ts';\n`)).toBe(true);
    expect(isBarrel(`import { a } from './a.ts';\nexport { a };\n`)).toBe(true);
    expect(isBarrel(`export * from './a.ts';\nexport const b = 1;\n`)).toBe(false);
  });
});

function saysNothing(file: string): boolean {
  const parts = [...dirname(file).split('/'), basename(file).replace(/\..*$/, '')];
  return parts.some((part) => /(^|[-_])(utils?|common|helpers?|managers?|misc)$/i.test(part));
}

// Nothing but imports and re-exports.
function isBarrel(text: string): boolean {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '');
  const exported = /\bexport\s+(type\s+)?(\*|\{)/;
  const rest = code.replaceAll(/\bimport\s[^;]*;/g, '').replaceAll(/\bexport\s+(type\s+)?(\*|\{)[^;]*;/g, '');
  return exported.test(code) && rest.trim() === '';
}

// A file that git lists may have been deleted and not committed yet.
async function readIfThere(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
}
