import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MissingTool, run, runOrThrow } from './command.ts';
import type { Language, Workspace } from './language.ts';

const requirements = 'deploy/codegen/requirements.txt';

// The lowest versions that load what grpcio-tools of requirements.txt writes: its own version, and that of
// the protoc inside it. protobuf promises to load code of the major version before its own.
const pyproject = `[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "telegate-stubs"
version = "0.1.0"
description = "Messages and gRPC stubs of TeleGate, generated from its contracts"
license = "MIT"
requires-python = ">=3.10"
dependencies = ["grpcio>=1.85.1,<2", "protobuf>=7.35.1,<9", "googleapis-common-protos>=1.76.0,<2"]

[tool.setuptools.packages.find]
include = ["telegate*"]

[tool.setuptools.package-data]
"*" = ["*.pyi"]
`;

export const python: Language = {
  name: 'python',
  outputFolder: 'gen/python',

  async generatorIdentity(root) {
    return (await readFile(join(root, requirements), 'utf8')) + pyproject;
  },

  async generate(workspace, into) {
    const { root, env, protoFiles } = workspace;
    const interpreter = await installTools(workspace);
    // google.rpc comes with googleapis-common-protos.
    const own = protoFiles.filter((file) => file.startsWith('telegate/'));
    const contents = await Promise.all(own.map((file) => readFile(join(root, 'proto', file), 'utf8')));
    const withServices = own.filter((_, index) => /^service \w/m.test(contents[index]!));
    const protoc = ['-m', 'grpc_tools.protoc', '--proto_path=proto'];
    const options = { cwd: root, env };
    const out = join(into, python.outputFolder);
    await mkdir(out, { recursive: true });
    await runOrThrow(interpreter, [...protoc, `--python_out=${out}`, `--pyi_out=${out}`, ...own], options);
    await runOrThrow(interpreter, [...protoc, `--grpc_python_out=${out}`, ...withServices], options);
    await writeFile(join(out, 'pyproject.toml'), pyproject);
  },
};

async function installTools({ root, env, toolsFolder }: Workspace): Promise<string> {
  const wanted = await readFile(join(root, requirements), 'utf8');
  const venv = join(toolsFolder, 'python');
  const bin = join(venv, process.platform === 'win32' ? 'Scripts' : 'bin');
  const interpreter = join(bin, 'python');
  const installed = join(venv, 'installed.txt');
  if (existsSync(installed) && (await readFile(installed, 'utf8')) === wanted) return interpreter;

  const options = { cwd: root, env };
  const found = await run('python3', ['-c', 'import sys; assert sys.version_info >= (3, 10)'], options);
  if (found.code !== 0)
    throw new MissingTool('Python stubs need python3 (3.10 or newer, with venv) on the PATH.');
  await rm(venv, { recursive: true, force: true });
  await runOrThrow('python3', ['-m', 'venv', venv], options);
  await runOrThrow(interpreter, ['-m', 'pip', 'install', '--quiet', '--requirement', requirements], options);
  await writeFile(installed, wanted);
  return interpreter;
}
