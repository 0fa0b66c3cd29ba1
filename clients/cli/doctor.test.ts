import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { MeshFile } from '../../deploy/local/mesh-file.ts';
import { callCli } from './fixtures/in-process.ts';
import { startWholeMesh, type WholeMesh } from '../../tests/support/whole-mesh.ts';

let whole: WholeMesh;
beforeAll(async () => {
  whole = await startWholeMesh();
}, 120_000);
afterAll(async () => {
  await whole?.stop();
}, 60_000);

interface Line {
  what: string;
  level: string;
  text: string;
  remedy?: string;
}

async function examine(
  env: NodeJS.ProcessEnv,
  cwd = whole.folder,
): Promise<{ code: number | null; lines: Line[] }> {
  const { code, stdout, stderr } = await callCli(['doctor', '--json'], { env, cwd });
  expect(stderr).toBe('');
  return {
    code,
    lines: stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Line),
  };
}

const failing = (lines: Line[]): string[] =>
  lines.filter(({ level }) => level === 'fail').map(({ what }) => what);

/** The mesh file as it would be with these changes, in a folder of its own. */
async function altered(change: (mesh: MeshFile) => MeshFile): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'telegate-doctor-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'mesh.json'), JSON.stringify(change(whole.mesh)), { mode: 0o600 });
  return folder;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test('a healthy mesh: every line is ok, and the exit code 0', async () => {
  await expect
    .poll(async () =>
      (await examine({ TELEGATE_HOME: whole.folder })).lines.filter(
        ({ what, level }) => level !== 'ok' && what !== 'disk',
      ),
    )
    .toEqual([]);
  const { code, lines } = await examine({ TELEGATE_HOME: whole.folder });
  expect(code).toBe(0);
  const seen = new Set(lines.map(({ what }) => what));
  for (const service of Object.keys(whole.mesh.endpoints))
    expect(seen).toContain(service.replaceAll('_', '-'));
  for (const what of [
    'node',
    'environment',
    'mesh.json',
    'disk',
    'mesh',
    'launcher',
    'database',
    'migrations',
    'clocks',
    'NATS',
    'key',
    'sessions',
    'accounts',
    'connections',
    'proxies',
  ])
    expect(seen).toContain(what);
  expect(lines.find(({ what }) => what === 'session-pool')?.text).toMatch(/^ready, version \d/);
  expect(lines.filter(({ what }) => what.startsWith('local Telegram'))).not.toEqual([]);
  const people = await callCli(['doctor'], { env: { TELEGATE_HOME: whole.folder }, cwd: whole.folder });
  expect(people.stdout).toMatch(/^ok +node +\d+\.\d+(?:.*\n)+Everything is well\.\n$/);
  expect(people.stdout).not.toContain(whole.mesh.apiKey);
  expect(people.stdout).not.toContain(new URL(whole.mesh.postgres.url).password);
});

test('the database down, and a NATS that is none: the rest is looked at all the same', async () => {
  const port = await freePort();
  const home = await altered((mesh) => ({
    ...mesh,
    postgres: { ...mesh.postgres, url: `postgres://telegate:canary@127.0.0.1:${port}/telegate` },
    events: { kind: 'external nats', url: `nats://canary:canary@127.0.0.1:${port}` },
  }));
  const { code, lines } = await examine({ TELEGATE_HOME: home });
  expect(code).toBe(1);
  expect(failing(lines)).toEqual(['database', 'NATS']);
  for (const line of lines.filter(({ level }) => level === 'fail'))
    expect(line).toMatchObject({
      text: expect.stringContaining('ECONNREFUSED'),
      remedy: expect.any(String),
    });
  expect(JSON.stringify(lines)).not.toContain('canary');
  const mistaken = await altered((mesh) => ({
    ...mesh,
    events: { kind: 'external nats', url: `nats://${mesh.endpoints['gateway']!.admin}` },
  }));
  expect(failing((await examine({ TELEGATE_HOME: mistaken })).lines)).toEqual(['NATS']);
});

test('a database that nobody migrated', async () => {
  const url = new URL(whole.mesh.postgres.url);
  url.pathname = '/template1';
  const home = await altered((mesh) => ({ ...mesh, postgres: { ...mesh.postgres, url: url.href } }));
  const { lines } = await examine({ TELEGATE_HOME: home });
  expect(lines.find(({ what }) => what === 'migrations')).toMatchObject({
    level: 'fail',
    remedy: 'npm run migrate',
  });
});

test('a wrong key is said once, with where it came from', async () => {
  const { code, lines } = await examine({
    TELEGATE_ENDPOINT: whole.mesh.endpoints['gateway']!.grpc,
    TELEGATE_API_KEY: 'tgop_canary',
  });
  expect(code).toBe(1);
  expect(failing(lines)).toEqual(['key']);
  expect(JSON.stringify(lines)).not.toContain('canary');
  expect(lines.find(({ what }) => what === 'database')?.level).toBe('skipped');
});

test('by the gateway alone: what can not be seen is skipped, the clocks are compared by its answer', async () => {
  const { code, lines } = await examine({
    TELEGATE_ENDPOINT: whole.mesh.endpoints['gateway']!.grpc,
    TELEGATE_API_KEY: whole.mesh.apiKey,
  });
  expect({ code, failing: failing(lines) }).toEqual({ code: 0, failing: [] });
  expect(lines.find(({ what }) => what === 'clocks')?.level).toBe('ok');
});

test('a service that is gone, and its readiness that can not be asked', async () => {
  const port = await freePort();
  const gone = `127.0.0.1:${port}`;
  const home = await altered((mesh) => ({
    ...mesh,
    endpoints: { ...mesh.endpoints, messaging: { grpc: gone, admin: gone } },
  }));
  const { code, lines } = await examine({ TELEGATE_HOME: home });
  expect({ code, failing: failing(lines) }).toEqual({ code: 1, failing: ['messaging', 'connections'] });
}, 60_000);

test('no mesh, files that others may read, a variable that is wrong', async () => {
  const empty = await mkdtemp(join(tmpdir(), 'telegate-doctor-'));
  onTestFinished(() => rm(empty, { recursive: true, force: true }));
  const none = await examine({ START_TIMEOUT: 'soon' }, empty);
  expect(none.code).toBe(1);
  expect(failing(none.lines)).toEqual(['environment', 'mesh']);
  const home = await altered((mesh) => ({ ...mesh, pid: 2 ** 30 }));
  await chmod(join(home, 'mesh.json'), 0o644);
  await writeFile(join(home, 'keys'), '', { mode: 0o640 });
  await chmod(home, 0o755);
  expect(failing((await examine({ TELEGATE_HOME: home })).lines)).toEqual([
    'folder',
    'keys',
    'mesh.json',
    'launcher',
  ]);
});

test('a proxy that is down is a line, and when it is the only one a failure', async () => {
  const env = { TELEGATE_HOME: whole.folder };
  const call = (args: string) => callCli(args.split(' '), { env, cwd: whole.folder });
  const address = `127.0.0.1:${await freePort()}`;
  expect(await call(`proxies add ${address}`)).toMatchObject({ code: 0 });
  expect(await call(`proxies check ${address}`)).toMatchObject({ code: 1 });
  const { code, lines } = await examine(env);
  expect({ code, failing: failing(lines) }).toEqual({ code: 1, failing: ['proxies'] });
  expect(lines.find(({ what }) => what === 'proxies')?.text).toContain(address);
  expect(await call(`proxies remove ${address}`)).toMatchObject({ code: 0 });
});
