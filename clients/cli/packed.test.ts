import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startWholeMesh } from '../../tests/support/whole-mesh.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));

let folder: string;
let project: string;
let telegate: string;

/** Packed, and unpacked where an installation would put it, beside what an installation without devDependencies has. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'telegate-packed-'));
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const packed = await run(npm, ['pack', '--json', '--pack-destination', folder], { cwd: root });
  const { filename } = onlyPacked(packed.stdout);
  project = join(folder, 'project');
  const installed = join(project, 'node_modules', 'telegate');
  mkdirSync(installed, { recursive: true });
  await run('tar', ['-xzf', join(folder, filename), '--strip-components=1', '-C', installed]);
  for (const name of productionPackages()) {
    const link = join(project, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), link, 'dir');
  }
  telegate = join(installed, 'clients/cli/telegate.js');
}, 120_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Older npms answer a list, newer ones an object by name. */
function onlyPacked(json: string): { filename: string } {
  return Object.values(JSON.parse(json) as Record<string, { filename: string }>)[0]!;
}

function productionPackages(): string[] {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean }>;
  };
  return Object.entries(packages)
    .filter(([path, { dev }]) => dev !== true && /^node_modules\/(?:@[^/]+\/)?[^/]+$/.test(path))
    .map(([path]) => path.slice('node_modules/'.length))
    .filter((name) => existsSync(join(root, 'node_modules', name)));
}

/** As a person elsewhere: nothing of this checkout, no variables. */
async function elsewhere(args: string[], env: NodeJS.ProcessEnv = {}) {
  const options = { cwd: project, env: { PATH: dirname(process.execPath), ...env } };
  return await run(process.execPath, [telegate, ...args], options).then(
    (done) => ({ code: 0, ...done }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
}

test('the packed tool is JavaScript, without tests, and leaves nothing in the checkout', async () => {
  const { stdout } = await run('find', [join(project, 'node_modules/telegate'), '-type', 'f']);
  expect(stdout).toMatch(/dist\/clients\/cli\/main\.js\n/);
  expect(stdout).not.toMatch(/\.ts\n/);
  expect(stdout).not.toMatch(/fixtures|\.test\./);
  expect(existsSync(join(root, 'dist'))).toBe(false);
});

test('it says what it can do, and what is wrong', async () => {
  expect(await elsewhere(['--help'])).toMatchObject({
    code: 0,
    stderr: '',
    stdout: expect.stringMatching(/^telegate: /),
  });
  expect(await elsewhere(['status'])).toMatchObject({ code: 3, stderr: expect.stringContaining('No mesh') });
  expect(await elsewhere(['up', '--variables'])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('SESSION_POOL_GRPC_PORT'),
  });
});

test('it runs a whole mesh, and works with it', async () => {
  const whole = await startWholeMesh({ telegate, cwd: project });
  try {
    const env = { TELEGATE_HOME: whole.folder };
    expect(await elsewhere(['status', '--json'], env)).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(/"total": 0/),
    });
    const { stdout } = await elsewhere(['doctor'], env);
    expect(stdout).toMatch(/ok +session-pool +ready/);
    expect(stdout).not.toMatch(/^fail/m);
  } finally {
    expect(await whole.stop()).toBe(0);
  }
}, 150_000);
