import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { randomUUIDv7 } from 'node:crypto';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestFolder, type TestFolder } from '../../services/session-pool/sync/test-folder.ts';
import { startPoolMesh, type PoolMesh } from '../support/session-pool.ts';

const python = process.env['TELEGATE_PYTHON'] ?? 'python3';
const packageFolder = fileURLToPath(new URL('../../clients/python', import.meta.url));
const gatewayMain = fileURLToPath(new URL('../../services/gateway/main.ts', import.meta.url));
const canRun = spawnSync(python, ['-c', 'import sys; assert sys.version_info >= (3, 9)']).status === 0;
const reason = 'needs python3 of 3.9 or newer; TELEGATE_PYTHON names another python';

if (!canRun && process.env['TELEGATE_TEST_REQUIRE_PYTHON'] === '1') throw new Error(reason);

describe.skipIf(!canRun)(`the client for Python, over HTTP${canRun ? '' : ` (${reason})`}`, () => {
  const tenant = randomUUIDv7();
  let folder: TestFolder;
  let mesh: PoolMesh;
  let gateway: { child: ChildProcess; url: string };

  beforeAll(async () => {
    folder = openTestFolder();
    for (const name of ['one', 'two']) folder.put(`${name}.session`);
    mesh = await startPoolMesh({ env: { SESSIONS_DIR: folder.path, TELEGATE_OPERATOR_TENANT: tenant } });
    gateway = await startGateway({
      ...mesh.environment,
      SESSION_POOL_ADDRESS: mesh.replicas[0]!.address,
    });
  }, 60_000);

  afterAll(async () => {
    if (gateway?.child.exitCode === null) {
      const exit = once(gateway.child, 'exit');
      gateway.child.kill();
      await exit;
    }
    await mesh?.stop();
    folder?.close();
  });

  test('its tests pass, those against a mesh among them; nothing stays leased', async () => {
    const client = mesh.client(tenant);
    await expect.poll(async () => (await client.getPoolStatus({})).status?.free, { timeout: 30_000 }).toBe(2);
    const { code, output } = await run(['-m', 'unittest', 'discover', '-t', '.', '-s', 'tests'], {
      TELEGATE_URL: gateway.url,
      TELEGATE_API_KEY: mesh.operatorKey,
      TELEGATE_TEST_SESSIONS: folder.path,
    });
    expect({ code, output }).toMatchObject({ code: 0 });
    expect(output).toMatch(/Ran \d\d tests/);
    expect(output).not.toContain('skipped');
    expect((await client.listLeases({})).leases).toEqual([]);
  }, 120_000);
});

async function startGateway(env: NodeJS.ProcessEnv): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [gatewayMain], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  const port = await new Promise<unknown>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const entry = JSON.parse(line) as Record<string, unknown>;
      if (entry['event'] === 'serving') resolve(entry['grpc_port']);
    });
    child.once('exit', (code) => reject(new Error(`the gateway ended with ${code}: ${complaint}`)));
  });
  return { child, url: `http://127.0.0.1:${String(port)}` };
}

async function run(
  args: string[],
  env: Record<string, string>,
): Promise<{ code: number | null; output: string }> {
  const path = {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    PYTHONPATH: 'src',
    PYTHONDONTWRITEBYTECODE: '1',
  };
  const child = spawn(python, args, { cwd: packageFolder, env: { ...path, ...env }, timeout: 100_000 });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}
