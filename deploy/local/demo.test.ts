import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connect } from '#lib/rpc/client.ts';
import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { expectNothingLeft, newHome, startLauncher } from './fixtures/launcher.ts';
import type { MeshFile } from './mesh-file.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const steps = 35;

let place: ReturnType<typeof newHome>;

beforeEach(() => {
  place = newHome();
});
afterEach(async () => {
  await expectNothingLeft(place.parent);
  place.remove();
});

interface Demo {
  output(): string;
  pid: number;
  exited: Promise<number | null>;
}

function runDemo(...args: string[]): Demo {
  const child = spawn(process.execPath, ['deploy/local/demo.ts', ...args], { cwd: root });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return {
    output: () => output,
    pid: child.pid ?? 0,
    exited: new Promise((resolve) => child.once('close', (code) => resolve(code))),
  };
}

async function withMesh(
  args: readonly string[],
  body: (meshFile: string, mesh: MeshFile, said: string) => Promise<void>,
): Promise<void> {
  const meshFile = join(place.parent, 'mesh.json');
  const launcher = startLauncher({
    home: join(place.parent, 'unused'),
    script: 'deploy/local/start.ts',
    args: ['--ephemeral', '--mesh-file', meshFile, ...args],
    env: { TMPDIR: place.parent },
  });
  try {
    await launcher.says('Ctrl-C stops everything');
    await body(meshFile, JSON.parse(readFileSync(meshFile, 'utf8')) as MeshFile, launcher.output());
  } finally {
    launcher.signal('SIGINT');
  }
  expect(await launcher.exited).toEqual({ code: 0, signal: null });
}

async function sessionsIn(mesh: MeshFile): Promise<number> {
  const pool = connect(SessionPoolService, {
    address: mesh.endpoints['session_pool']?.grpc ?? '',
    apiKey: mesh.apiKey,
  });
  const { sessions } = await pool.listSessions({});
  pool.close();
  return sessions.length;
}

test.for(['', '--no-nats'])(
  'every step holds, twice at once, and nothing of the tour stays (npm start -- %s)',
  { timeout: 120_000 },
  async (option) => {
    await withMesh(option === '' ? [] : [option], async (meshFile, mesh) => {
      const demos = [runDemo('--mesh-file', meshFile), runDemo('--mesh-file', meshFile)];
      for (const demo of demos) {
        const code = await demo.exited;
        expect(demo.output()).toContain('Every step held.');
        expect(code).toBe(0);
        expect(demo.output().match(/^ok {3}.* \d+ ms /gm)).toHaveLength(steps);
        expect(demo.output()).toMatch(/trace [0-9a-f]{32}/);
        expect(demo.output()).not.toContain(mesh.apiKey);
      }
      expect(await sessionsIn(mesh)).toBe(0);
    });
  },
);

test('the commands of the ready table work as they are printed', async () => {
  await withMesh([], async (_meshFile, _mesh, said) => {
    const lease = /^ +(npx telegate lease .*)$/m.exec(said)?.[1] ?? 'false';
    // There is nothing to lease yet, and the answer says how to change that.
    expect(spawnSync('sh', ['-c', lease], { cwd: root, encoding: 'utf8' })).toMatchObject({
      status: 4,
      stderr: expect.stringContaining('telegate sessions import'),
    });
    const command = /^ +(npx buf curl .*)$/m.exec(said)?.[1] ?? 'false';
    const { status, stdout, stderr } = spawnSync('sh', ['-c', command], { cwd: root, encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.not.stringContaining('rror') });
    expect(JSON.parse(stdout)).toMatchObject({ status: { readTime: expect.any(String) } });
  });
}, 60_000);

test('a tour that is stopped half-way tidies up and does not claim success', async () => {
  await withMesh(['--no-nats'], async (meshFile, mesh) => {
    const demo = runDemo('--mesh-file', meshFile);
    await expect.poll(demo.output, { timeout: 10_000, interval: 10 }).toContain('a session is leased');
    process.kill(demo.pid, 'SIGINT');
    expect(await demo.exited).toBe(1);
    expect(demo.output()).toContain('The tour ended early: stopped by SIGINT');
    expect(await sessionsIn(mesh)).toBe(0);
  });
}, 60_000);

test('a step that does not hold is shown with its reason, and the exit code is 1', async () => {
  await withMesh(['--no-nats'], async (meshFile, mesh) => {
    writeFileSync(meshFile, JSON.stringify({ ...mesh, apiKey: 'tgop_somebody_elses_key_1234' }));
    const demo = runDemo('--mesh-file', meshFile);
    expect(await demo.exited).toBe(1);
    expect(demo.output()).toMatch(/^FAIL .*UNAUTHENTICATED/m);
    expect(demo.output()).not.toContain('Every step held');
  });
}, 60_000);

test('without a mesh it says how to start one', async () => {
  const demo = runDemo('--mesh-file', join(place.parent, 'none.json'));
  expect(await demo.exited).toBe(2);
  expect(demo.output()).toContain('Start one in another terminal with npm start');
});
