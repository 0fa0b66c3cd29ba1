import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runOrThrow } from './command.ts';
import type { Language } from './language.ts';

const template = 'buf.gen.yaml';

export const typescript: Language = {
  name: 'ts',
  outputFolder: 'gen/ts',

  async generatorIdentity(root) {
    const { devDependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
      devDependencies: Record<string, string>;
    };
    const plugin = '@bufbuild/protoc-gen-es';
    return `${plugin} ${devDependencies[plugin]}\n${await readFile(join(root, template), 'utf8')}`;
  },

  async generate({ root, env }, into) {
    await runOrThrow('buf', ['generate', '--template', template, '--output', into], { cwd: root, env });
  },
};
