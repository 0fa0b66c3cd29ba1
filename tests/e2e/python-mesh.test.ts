import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startWholeMesh, type WholeMesh } from '../support/whole-mesh.ts';

const python = process.env['TELEGATE_PYTHON'] ?? 'python3';
const packageFolder = fileURLToPath(new URL('../../clients/python', import.meta.url));
const stubs = fileURLToPath(new URL('../../gen/python', import.meta.url));
const canRun = spawnSync(python, ['-c', 'import grpc, google.rpc.status_pb2']).status === 0;
const reason = 'needs python3 with tests/python/requirements.txt; TELEGATE_PYTHON names another python';

if (!canRun && process.env['TELEGATE_TEST_REQUIRE_PYTHON'] === '1') throw new Error(reason);

describe.skipIf(!canRun)(`the client for Python, over gRPC${canRun ? '' : ` (${reason})`}`, () => {
  let whole: WholeMesh;
  let installed: string;

  beforeAll(async () => {
    installed = await mkdtemp(join(tmpdir(), 'telegate-pip-'));
    whole = await startWholeMesh();
  }, 120_000);
  afterAll(async () => {
    await whole?.stop();
    await rm(installed, { recursive: true, force: true });
  }, 60_000);

  test('as pip installs it, with the stubs in it, its tests pass', async () => {
    // Without asking an index for what this Python has already; setuptools too, where it is there.
    const hasSetuptools = spawnSync(python, ['-c', 'import setuptools.command.bdist_wheel']).status === 0;
    const build = hasSetuptools ? ['--no-build-isolation'] : [];
    const pip = await run([
      '-m',
      'pip',
      'install',
      '--no-deps',
      ...build,
      '--target',
      installed,
      packageFolder,
    ]);
    expect(pip).toMatchObject({ code: 0, output: expect.any(String) });
    const { endpoints, apiKey } = whole.mesh;
    const tests = ['-m', 'unittest', 'discover', '-t', packageFolder, '-s', join(packageFolder, 'tests')];
    const { code, output } = await run([...tests, '-p', 'test_rpc.py'], {
      // The package as it was installed comes first; gen/python has the stubs of the local Telegram.
      PYTHONPATH: `${installed}:${stubs}`,
      TELEGATE_TEST_ENDPOINT: endpoints['gateway']!.grpc,
      TELEGATE_TEST_TELEGRAM: endpoints['local_telegram']!.grpc,
      TELEGATE_API_KEY: apiKey,
    });
    expect({ code, output }).toMatchObject({ code: 0 });
    expect(output).toMatch(/Ran \d\d tests/);
    expect(output).not.toContain('skipped');
  }, 240_000);
});

async function run(
  args: string[],
  env: Record<string, string> = {},
): Promise<{ code: number | null; output: string }> {
  const base = { PATH: process.env['PATH'], HOME: process.env['HOME'], PYTHONDONTWRITEBYTECODE: '1' };
  const child = spawn(python, args, { cwd: tmpdir(), env: { ...base, ...env }, timeout: 200_000 });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}
