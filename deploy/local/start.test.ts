import { existsSync, mkdirSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  expectNothingLeft,
  fetchText,
  newHome,
  notes,
  readMesh,
  startLauncher,
} from './fixtures/launcher.ts';

let place: ReturnType<typeof newHome>;

beforeEach(() => {
  place = newHome();
});
afterEach(async () => {
  await expectNothingLeft(place.parent);
  place.remove();
});

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

describe('a start with nothing installed', () => {
  test('says what it chose, writes mesh.json for its owner alone, and Ctrl-C keeps the data', async () => {
    const { home } = place;
    const launcher = startLauncher({ home });
    await launcher.says('Ctrl-C stops everything and keeps the data');
    expect(launcher.output()).toContain('PostgreSQL: embedded (DATABASE_URL is unset)');
    expect(launcher.output()).toMatch(/Events: .*\(NATS_URL is unset/);

    const mesh = readMesh(home);
    expect(statSync(join(home, 'mesh.json')).mode & 0o777).toBe(0o600);
    expect(statSync(join(home, 'keys')).mode & 0o777).toBe(0o600);
    expect(statSync(home).mode & 0o777).toBe(0o700);
    expect(mesh).toMatchObject({ version: 1, pid: launcher.pid, postgres: { kind: 'embedded' } });
    expect(launcher.output()).toContain(mesh.endpoints['fake_pool']?.grpc);
    expect(launcher.output()).not.toContain(mesh.apiKey);
    expect(launcher.output()).not.toContain(new URL(mesh.postgres.url).password);

    const environment = JSON.parse(
      await fetchText(`http://${mesh.endpoints['fake_pool']?.admin}/environment`),
    ) as NodeJS.ProcessEnv;
    expect(environment).toMatchObject({
      DATABASE_URL: mesh.postgres.url,
      TELEGATE_OPERATOR_KEY: mesh.apiKey,
      LISTEN_HOST: '127.0.0.1',
      REFLECTION: 'on',
    });
    expect(environment).not.toHaveProperty('TELEGATE_HOME');
    await query(mesh.postgres.url, 'create table kept (line text)');

    launcher.signal('SIGINT');
    expect(await launcher.exited).toEqual({ code: 0, signal: null });
    expect(notes(home).at(-1)).toBe('drained after SIGTERM');
    expect(existsSync(join(home, 'mesh.json'))).toBe(false);
    await expectNothingLeft(place.parent);

    const again = startLauncher({ home });
    await again.says('Ctrl-C stops everything');
    expect(await query(readMesh(home).postgres.url, 'select * from kept')).toEqual([]);
    expect(readMesh(home).apiKey).toBe(mesh.apiKey);
    again.signal('SIGTERM');
    expect(await again.exited).toEqual({ code: 0, signal: null });

    const fresh = startLauncher({ home, args: ['--fresh'] });
    await fresh.says('Ctrl-C stops everything');
    await expect(query(readMesh(home).postgres.url, 'select * from kept')).rejects.toThrow(/does not exist/);
    expect(readMesh(home).apiKey).toBe(mesh.apiKey);
    fresh.signal('SIGINT');
    expect(await fresh.exited).toEqual({ code: 0, signal: null });
  }, 60_000);

  test('without NATS the events run on PostgreSQL, and the services hear of no NATS', async () => {
    const { home } = place;
    const launcher = startLauncher({ home, args: ['--no-nats'], env: { NATS_URL: '' } });
    await launcher.says('Ctrl-C stops everything');
    const mesh = readMesh(home);
    expect(mesh.events).toEqual({ kind: 'postgres', url: mesh.postgres.url });
    expect(await fetchText(`http://${mesh.endpoints['fake_pool']?.admin}/environment`)).not.toContain(
      'NATS_URL',
    );
    launcher.signal('SIGINT');
    expect((await launcher.exited).code).toBe(0);
  });
});

test('an ephemeral mesh runs beside another, and leaves no folder', async () => {
  const { parent } = place;
  mkdirSync(join(parent, 'tmp'), { mode: 0o755 });
  const start = (name: string) =>
    startLauncher({
      home: join(parent, 'unused'),
      args: ['--ephemeral', '--mesh-file', join(parent, name)],
      env: { TMPDIR: join(parent, 'tmp') },
    });
  const both = [start('one.json'), start('two.json')];
  for (const launcher of both) await launcher.says('Ctrl-C stops everything and deletes the data');
  const keys = ['one.json', 'two.json'].map(
    (name) => (JSON.parse(readFileSync(join(parent, name), 'utf8')) as { apiKey: string }).apiKey,
  );
  expect(new Set(keys).size).toBe(2);
  for (const launcher of both) launcher.signal('SIGINT');
  for (const launcher of both) expect((await launcher.exited).code).toBe(0);
  expect(readdirSync(join(parent, 'tmp'))).toEqual([]);
  expect(readdirSync(parent).filter((name) => name.endsWith('.json'))).toEqual([]);
  expect(existsSync(join(parent, 'unused'))).toBe(false);
}, 60_000);

test('a second start in the same folder is refused and harms nothing', async () => {
  const { home } = place;
  const launcher = startLauncher({ home });
  await launcher.says('Ctrl-C stops everything');
  for (const args of [[], ['--fresh']]) {
    const second = startLauncher({ home, args });
    expect((await second.exited).code).toBe(1);
    expect(second.output()).toContain(`already (process ${launcher.pid};`);
  }
  const mesh = readMesh(home);
  expect(await fetchText(`http://${mesh.endpoints['fake_pool']?.admin}/readyz`)).toContain('"ok":true');
  launcher.signal('SIGINT');
  expect((await launcher.exited).code).toBe(0);
}, 60_000);

test('a Ctrl-C that comes twice at once drains; one more later kills what will not stop', async () => {
  const { home } = place;
  const launcher = startLauncher({ home, env: { FAKE_MODE: 'deaf', SHUTDOWN_GRACE: '10m' } });
  await launcher.says('Ctrl-C stops everything');
  launcher.signal('SIGINT');
  launcher.signal('SIGINT');
  await launcher.says('once more Ctrl-C kills');
  let over = false;
  void launcher.exited.then(() => (over = true));
  await expect
    .poll(
      () => {
        launcher.signal('SIGINT');
        return over;
      },
      { timeout: 10_000, interval: 100 },
    )
    .toBe(true);
  expect(await launcher.exited).toEqual({ code: 130, signal: null });
  expect(existsSync(join(home, 'mesh.json'))).toBe(false);
}, 60_000);

test('a service that does not heed SIGTERM is killed after its time, and it is said', async () => {
  const { home } = place;
  const launcher = startLauncher({ home, env: { FAKE_MODE: 'deaf', SHUTDOWN_GRACE: '0s' } });
  await launcher.says('Ctrl-C stops everything');
  launcher.signal('SIGINT');
  expect((await launcher.exited).code).toBe(0);
  expect(launcher.output()).toContain('fake-pool did not stop within 5 s and is killed.');
}, 60_000);

test('Ctrl-C while it starts stops what has started', async () => {
  const { home } = place;
  const launcher = startLauncher({ home, env: { FAKE_MODE: 'never-ready' } });
  await launcher.says('PostgreSQL is ready');
  launcher.signal('SIGINT');
  expect(await launcher.exited).toEqual({ code: 130, signal: null });
  expect(launcher.output()).toContain('The start was interrupted; everything has stopped.');
  expect(launcher.output()).not.toContain('cannot start');
});

test('--help lists the options and every variable, and starts nothing', async () => {
  const launcher = startLauncher({ home: place.home, args: ['--help'] });
  expect((await launcher.exited).code).toBe(0);
  for (const text of ['--fresh', '--ephemeral', '--mesh-file PATH', 'FAKE_POOL_GRPC_PORT', 'DATABASE_URL'])
    expect(launcher.output()).toContain(text);
  expect(existsSync(place.home)).toBe(false);
});
