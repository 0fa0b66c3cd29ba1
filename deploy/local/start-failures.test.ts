import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTestDatabase } from '../../tests/support/postgres.ts';
import type { LauncherOptions } from './fixtures/launcher.ts';
import { expectNothingLeft, newHome, startLauncher } from './fixtures/launcher.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

let place: ReturnType<typeof newHome>;
let servers: Server[] = [];

beforeEach(() => {
  place = newHome();
});
afterEach(async () => {
  for (const server of servers) server.close();
  servers = [];
  await expectNothingLeft(place.parent);
  place.remove();
});

/** Runs a launcher that must fail in a few words and leave nothing, and returns what of the texts it did not say. */
async function unsaid(options: Partial<LauncherOptions>, ...texts: (string | RegExp)[]): Promise<unknown> {
  const output = await failure(options);
  const missing = texts.filter(
    (text) => !(typeof text === 'string' ? output.includes(text) : text.test(output)),
  );
  return missing.length === 0 ? 'nothing' : { missing, output };
}

async function failure(options: Partial<LauncherOptions>): Promise<string> {
  const launcher = startLauncher({ home: place.home, ...options });
  const { code, signal } = await launcher.exited;
  expect({ code, signal }).not.toEqual({ code: 0, signal: null });
  expect(signal).toBeNull();
  expect(launcher.output()).toContain('TeleGate cannot start.');
  expect(launcher.output()).not.toMatch(/^ +at .*:\d+:\d+/m);
  await expectNothingLeft(place.parent);
  expect(existsSync(join(place.home, 'mesh.json'))).toBe(false);
  expect(existsSync(join(place.home, 'running.json'))).toBe(false);
  return launcher.output();
}

/** A home in which a mesh has run and stopped. */
async function usedHome(): Promise<string> {
  const launcher = startLauncher({ home: place.home });
  await launcher.says('Ctrl-C stops everything');
  launcher.signal('SIGINT');
  expect((await launcher.exited).code).toBe(0);
  return place.home;
}

/** A port where nothing listens. */
async function closedPort(): Promise<number> {
  const port = await listening();
  await new Promise((resolve) => servers.pop()?.close(resolve));
  return port;
}

async function listening(onConnection: (server: Server) => void = () => {}): Promise<number> {
  const server = createServer();
  servers.push(server);
  onConnection(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

test('a port in use: which, by whom, and the variable that changes it', async () => {
  const port = await listening();
  expect(
    await unsaid(
      { env: { FAKE_POOL_GRPC_PORT: String(port) } },
      `Port ${port} (fake-pool, gRPC) is taken by process ${process.pid}`,
      'set FAKE_POOL_GRPC_PORT to another port',
    ),
  ).toBe('nothing');
});

test('two uses of one port', async () => {
  expect(
    await unsaid(
      { env: { FAKE_POOL_GRPC_PORT: '18999', FAKE_POOL_ADMIN_PORT: '18999' } },
      'FAKE_POOL_GRPC_PORT and FAKE_POOL_ADMIN_PORT are both 18999',
    ),
  ).toBe('nothing');
});

test('an address that is not this machine’s', async () => {
  expect(
    await unsaid(
      { env: { LISTEN_HOST: '192.0.2.7' } },
      'This machine has no address 192.0.2.7. Set LISTEN_HOST',
    ),
  ).toBe('nothing');
});

test('one of the two Telegram variables', async () => {
  expect(
    await unsaid({ env: { TELEGRAM_API_ID: '1' } }, 'TELEGRAM_API_HASH is not set', 'my.telegram.org'),
  ).toBe('nothing');
  expect(
    await unsaid({ env: { TELEGRAM_API_HASH: 'x' } }, 'TELEGRAM_API_ID is not set', 'my.telegram.org'),
  ).toBe('nothing');
});

test('every fault of the environment at once', async () => {
  expect(
    await unsaid(
      { env: { FAKE_POOL_GRPC_PORT: 'many', DATABASE_URL: 'mysql://x', TELEGATE_MASTER_KEY: 'short' } },
      /FAKE_POOL_GRPC_PORT: /,
      /DATABASE_URL: /,
      /TELEGATE_MASTER_KEY: /,
    ),
  ).toBe('nothing');
});

test('an option that does not exist, options that exclude each other', async () => {
  expect(await unsaid({ args: ['--frehs'] }, "Unknown option '--frehs'", 'npm start -- --help')).toBe(
    'nothing',
  );
  expect(await unsaid({ args: ['--fresh', '--ephemeral'] }, 'leave --fresh out')).toBe('nothing');
  expect(
    await unsaid(
      { args: ['--fresh'], env: { DATABASE_URL: 'postgres://localhost/x' } },
      'DATABASE_URL is set: empty that database yourself',
    ),
  ).toBe('nothing');
  expect(
    await unsaid({ args: ['--mesh-file', join(place.parent, 'no/where.json')] }, 'there is no folder'),
  ).toBe('nothing');
});

test('a folder that cannot be made: a file in its place', async () => {
  writeFileSync(join(place.parent, 'file'), '');
  expect(await unsaid({ home: join(place.parent, 'file/home') }, 'Move it away, or set TELEGATE_HOME')).toBe(
    'nothing',
  );
});

const isRoot = process.getuid?.() === 0;

test.skipIf(!isRoot)(
  `no right to create files${isRoot ? '' : ' (skipped: needs root, to become another user)'}`,
  async () => {
    chmodSync(place.parent, 0o755);
    expect(
      await unsaid({ uid: 65_534 }, `No right to create or change ${place.home}`, 'set TELEGATE_HOME'),
    ).toBe('nothing');
  },
);

test('a service that ends while it starts: how, and its last lines', async () => {
  expect(
    await unsaid(
      { env: { FAKE_MODE: 'exit' } },
      'fake-pool ended with code 7 while it started',
      'the fake service cannot work',
    ),
  ).toBe('nothing');
});

test('a service that does not become ready: what it waits for', async () => {
  expect(
    await unsaid(
      { env: { FAKE_MODE: 'never-ready', START_TIMEOUT: '2s' } },
      'fake-pool was not ready within 2 s: it waits for a miracle',
      'START_TIMEOUT',
    ),
  ).toBe('nothing');
});

test('a DATABASE_URL where nothing answers: bounded, and it says what it waits for', async () => {
  const port = await closedPort();
  const output = await failure({
    env: { DATABASE_URL: `postgres://me:hunter2@127.0.0.1:${port}/db`, START_TIMEOUT: '1s' },
  });
  expect(output).toContain(`Waiting up to 1 s for PostgreSQL at 127.0.0.1:${port}/db`);
  expect(output).toContain('unset it to use the embedded one');
  expect(output).not.toContain('hunter2');
});

test('a DATABASE_URL that is refused is not waited for', async () => {
  const { url, drop } = await createTestDatabase();
  const wrong = new URL(url);
  wrong.password = 'wrong';
  expect(
    await unsaid({ env: { DATABASE_URL: wrong.href } }, 'The user or the password in DATABASE_URL is wrong.'),
  ).toBe('nothing');
  const absent = new URL(url);
  absent.pathname = '/absent';
  expect(await unsaid({ env: { DATABASE_URL: absent.href } }, 'does not exist. Create it (createdb)')).toBe(
    'nothing',
  );
  await drop();
});

test('a NATS_URL where nothing, or something else, answers', async () => {
  const closed = await closedPort();
  expect(
    await unsaid(
      { env: { NATS_URL: `nats://127.0.0.1:${closed}`, START_TIMEOUT: '1s' } },
      `No NATS server answers at 127.0.0.1:${closed} (NATS_URL)`,
    ),
  ).toBe('nothing');
  const other = await listening((server) => server.on('connection', (socket) => socket.end('220 smtp\r\n')));
  expect(
    await unsaid(
      { env: { NATS_URL: `nats://127.0.0.1:${other}`, START_TIMEOUT: '1s' } },
      'does not speak NATS',
    ),
  ).toBe('nothing');
});

test('a nats-server that does not start: its words', async () => {
  const folder = join(place.parent, 'bin');
  mkdirSync(folder);
  writeFileSync(join(folder, 'nats-server'), '#!/bin/sh\necho "the store is upside down" >&2\nexit 1\n', {
    mode: 0o755,
  });
  expect(
    await unsaid({ env: { PATH: `${folder}:/usr/bin:/bin` } }, 'the store is upside down', '--no-nats'),
  ).toBe('nothing');
});

/** The project as it is installed where no embedded PostgreSQL is made for the platform. */
function projectWithoutPostgres(): string {
  const project = join(place.parent, 'project');
  mkdirSync(join(project, 'node_modules'), { recursive: true });
  for (const name of readdirSync(join(root, 'node_modules')).filter((one) => !one.includes('embedded')))
    symlinkSync(join(root, 'node_modules', name), join(project, 'node_modules', name));
  for (const name of ['package.json', 'services', 'gen/ts', 'deploy'])
    cpSync(join(root, name), join(project, name), { recursive: true });
  return project;
}

test('a platform without embedded PostgreSQL: set DATABASE_URL', async () => {
  const script = join(projectWithoutPostgres(), 'deploy/local/fixtures/start-fake.ts');
  expect(
    await unsaid(
      { script },
      /No PostgreSQL is installed for \w+-\w+/,
      'set DATABASE_URL to a PostgreSQL server',
    ),
  ).toBe('nothing');
});

test('a damaged database: the sentence names --fresh, and --fresh mends it', async () => {
  const home = await usedHome();
  truncateSync(join(home, 'postgres/cluster/global/pg_control'), 0);
  expect(await unsaid({}, 'PostgreSQL did not start', 'npm start -- --fresh')).toBe('nothing');
  const fresh = startLauncher({ home, args: ['--fresh'] });
  await fresh.says('Ctrl-C stops everything');
  fresh.signal('SIGINT');
  expect((await fresh.exited).code).toBe(0);
}, 60_000);

test('keys that are gone or damaged are not replaced in silence', async () => {
  const home = await usedHome();
  writeFileSync(join(home, 'keys'), 'TELEGATE_MASTER_KEY=\n');
  expect(await unsaid({}, `${home}/keys is damaged`, 'TELEGATE_MASTER_KEY')).toBe('nothing');
  rmSync(join(home, 'keys'));
  expect(await unsaid({}, 'that file is gone', 'npm start -- --fresh')).toBe('nothing');
}, 60_000);

/** A file system of its own that is too small; not every machine lets tests mount one. */
function mountTiny(folder: string, size: string): boolean {
  mkdirSync(folder);
  return spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=0755`, 'tmpfs', folder]).status === 0;
}

test.for(['1m', '12m', '36m'])('a disk of %s that is full', async (size, { skip }) => {
  const folder = join(place.parent, 'tiny');
  if (!mountTiny(folder, size)) skip('this machine does not let tests mount a small file system');
  try {
    if (size === '1m') writeFileSync(join(folder, 'fill'), Buffer.alloc(1_048_576 - 4_096));
    expect(await unsaid({ home: join(folder, 'home') }, /The disk that holds .* is full|no space/i)).toBe(
      'nothing',
    );
  } finally {
    spawnSync('umount', [folder]);
  }
  expect(readdirSync(folder)).toEqual([]);
});
