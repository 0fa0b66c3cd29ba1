import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { MissingTool, run, runOrThrow } from './command.ts';
import type { Language, Workspace } from './language.ts';

const template = 'deploy/codegen/buf.gen.go.yaml';
const plugins = [
  'google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12',
  'google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.1',
] as const;

const goMod = `module telegate.dev/gen/go

go 1.26.0

require (
	google.golang.org/genproto/googleapis/rpc v0.0.0-20261019180522-ce908d29299b
	google.golang.org/grpc v1.85.0
	google.golang.org/protobuf v1.36.12
)
`;

export const go: Language = {
  name: 'go',
  outputFolder: 'gen/go',

  async generatorIdentity(root) {
    return [...plugins, goMod, await readFile(join(root, template), 'utf8')].join('\n');
  },

  async generate(workspace, into) {
    const { root, env } = workspace;
    const bin = await installTools(workspace);
    // GOTOOLCHAIN keeps `go mod tidy` from writing down the version of whoever runs it.
    const goEnv = { ...env, GOTOOLCHAIN: 'local', GOFLAGS: '-mod=mod', GOWORK: 'off' };
    const withPlugins = { ...goEnv, PATH: `${bin}${delimiter}${env.PATH ?? ''}` };
    const args = ['generate', '--template', template, '--path', 'proto/telegate', '--output', into];
    await runOrThrow('buf', args, { cwd: root, env: withPlugins });
    const out = join(into, go.outputFolder);
    await writeFile(join(out, 'go.mod'), goMod);
    await runOrThrow('go', ['mod', 'tidy'], { cwd: out, env: goEnv });
  },
};

async function installTools({ root, env, toolsFolder }: Workspace): Promise<string> {
  const versions = plugins.map((plugin) => plugin.replace(/^.*\/(.*)@/, '$1-')).join('_');
  const bin = join(toolsFolder, 'go', versions);
  const installed = join(bin, 'installed');
  if (existsSync(installed)) return bin;

  const found = await run('go', ['version'], { cwd: root, env });
  if (found.code !== 0) throw new MissingTool('Go stubs need go (1.26 or newer) on the PATH.');
  for (const plugin of plugins)
    await runOrThrow('go', ['install', plugin], { cwd: root, env: { ...env, GOBIN: bin } });
  await writeFile(installed, '');
  return bin;
}
