import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  expectNothingLeft,
  fetchText,
  newHome,
  notes,
  processNamed,
  readMesh,
  startLauncher,
} from './fixtures/launcher.ts';
import { readRunning } from './running.ts';

let place: ReturnType<typeof newHome>;

beforeEach(() => {
  place = newHome();
});
afterEach(async () => {
  await expectNothingLeft(place.parent);
  place.remove();
});

async function answers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url });
  client.on('error', () => {});
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end();
  }
}

async function stopsWell(launcher: ReturnType<typeof startLauncher>): Promise<void> {
  launcher.signal('SIGINT');
  expect(await launcher.exited).toEqual({ code: 0, signal: null });
}

test('after kill -9 of the launcher everything drains, and the next start recovers', async () => {
  const { home } = place;
  const launcher = startLauncher({ home });
  await launcher.says('Ctrl-C stops everything');
  const { apiKey } = readMesh(home);
  launcher.signal('SIGKILL');
  const next = startLauncher({ home });
  await next.says('Ctrl-C stops everything');
  expect(notes(home).filter((line) => line.startsWith('drained'))).toHaveLength(1);
  expect(readMesh(home).apiKey).toBe(apiKey);
  await stopsWell(next);
}, 60_000);

test('after kill -9 of the launcher alone nothing stays, and the traces are removed', async () => {
  const { home } = place;
  const launcher = startLauncher({ home });
  await launcher.says('Ctrl-C stops everything');
  launcher.signal('SIGKILL');
  await expectNothingLeft(place.parent);
  expect(existsSync(join(home, 'mesh.json'))).toBe(false);
  expect(existsSync(join(home, 'running.json'))).toBe(false);
}, 60_000);

test('with launcher and guard killed the services drain by themselves, and the next start stops the rest', async () => {
  const { home } = place;
  const launcher = startLauncher({ home });
  await launcher.says('Ctrl-C stops everything');
  process.kill(readRunning(join(home, 'running.json'))?.guard?.pid ?? 0, 'SIGKILL');
  launcher.signal('SIGKILL');
  await expect.poll(() => notes(home).at(-1)).toBe('drained after the end of its standard input');

  const next = startLauncher({ home });
  await next.says('Ctrl-C stops everything');
  expect(next.output()).toContain('Stopping what a killed launcher left running:');
  await stopsWell(next);
}, 60_000);

test('--fresh after a kill of launcher and guard stops what runs on the data before it deletes it', async () => {
  const { home } = place;
  const launcher = startLauncher({ home });
  await launcher.says('Ctrl-C stops everything');
  process.kill(readRunning(join(home, 'running.json'))?.guard?.pid ?? 0, 'SIGKILL');
  const { url } = readMesh(home).postgres;
  launcher.signal('SIGKILL');
  const fresh = startLauncher({ home, args: ['--fresh'] });
  await fresh.says('Ctrl-C stops everything');
  expect(fresh.output()).toContain('is deleted; the keys are kept');
  expect(readMesh(home).postgres.url).not.toBe(url);
  expect(await answers(url)).toBe(false);
  await stopsWell(fresh);
}, 60_000);

test('of two that start at once in one folder exactly one runs', async () => {
  const { home } = place;
  const both = [startLauncher({ home }), startLauncher({ home })];
  const refused = await Promise.any(both.map(async (one) => ({ one, ...(await one.exited) })));
  expect(refused.code).toBe(1);
  expect(refused.one.output()).toContain('A mesh runs in');
  const [running] = both.filter((one) => one !== refused.one);
  await running?.says('Ctrl-C stops everything');
  if (running) await stopsWell(running);
}, 60_000);

test('a service that dies is reported and started again, later after each crash', async () => {
  const { home } = place;
  const launcher = startLauncher({ home });
  await launcher.says('Ctrl-C stops everything');
  const admin = `http://${readMesh(home).endpoints['fake_pool']?.admin}`;
  await expect(fetchText(`${admin}/crash`)).rejects.toThrow(/socket hang up|ECONNRESET/);
  await launcher.says('fake-pool ended with code 9. It is started again in 0.5 s.');
  await launcher.says('fake-pool is ready again.');
  process.kill(processNamed(place.parent, /fake-service/), 'SIGKILL');
  await launcher.says('fake-pool was ended by SIGKILL. It is started again in 1 s (crash 2 in a row).');
  await expect
    .poll(() => launcher.output().split('fake-pool is ready again.').length, { timeout: 10_000 })
    .toBe(3);
  await stopsWell(launcher);
}, 60_000);

test('PostgreSQL that dies is started again at the same place', async () => {
  const { home } = place;
  const launcher = startLauncher({ home });
  await launcher.says('Ctrl-C stops everything');
  const { url } = readMesh(home).postgres;
  const pidFile = readFileSync(join(home, 'postgres/cluster/postmaster.pid'), 'utf8');
  process.kill(Number(pidFile.split('\n')[0]), 'SIGKILL');
  await launcher.says('PostgreSQL ended by itself');
  await launcher.says('PostgreSQL runs again.');
  expect(await answers(url)).toBe(true);
  await stopsWell(launcher);
}, 60_000);

const natsInstalled = (process.env['PATH'] ?? '')
  .split(':')
  .some((folder) => existsSync(join(folder, 'nats-server')));

test.skipIf(!natsInstalled)(
  `nats-server that dies is started again at the same place${natsInstalled ? '' : ' (skipped: no nats-server on PATH)'}`,
  async () => {
    const { home } = place;
    const launcher = startLauncher({ home });
    await launcher.says('Ctrl-C stops everything');
    process.kill(processNamed(place.parent, /nats-server/), 'SIGKILL');
    await launcher.says('nats-server runs again.');
    const { port } = new URL(readMesh(home).events.url);
    expect(readFileSync(join(home, 'nats/nats.conf'), 'utf8')).toContain(`127.0.0.1:${port}`);
    await stopsWell(launcher);
  },
  60_000,
);
