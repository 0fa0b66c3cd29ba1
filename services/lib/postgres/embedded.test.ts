import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { Client } from 'pg';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isAlive } from './embedded/process.ts';
import { canEnter } from './embedded/user.ts';
import { startEmbeddedPostgres, type EmbeddedOptions, type EmbeddedPostgres } from './embedded.ts';

const log = pino({ level: 'silent' });
let dataDir: string;
let running: EmbeddedPostgres[] = [];

// A folder that nobody else can enter: as root, the server runs as another user all the same.
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'telegate embedded-'));
});

afterEach(async () => {
  for (const server of running) await server.stop();
  running = [];
  await rm(dataDir, { recursive: true, force: true });
});

async function start(options: Partial<EmbeddedOptions> = {}): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir, log, ...options });
  running.push(server);
  return server;
}

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(text)).rows as Record<string, unknown>[];
  } finally {
    await client.end();
  }
}

test('starts, keeps its data, password and port, and leaves no process behind', async () => {
  const progress: string[] = [];
  const first = await start({ onProgress: (text) => progress.push(text) });
  await query(first.url, 'create table kept (id int); insert into kept values (7)');
  await first.stop();
  await first.stop();
  expect(isAlive(first.pid)).toBe(false);
  await expect(query(first.url, 'select 1')).rejects.toThrow(/ECONNREFUSED/);

  const second = await start({ onProgress: (text) => progress.push(text) });
  expect(second.url).toBe(first.url);
  expect(await query(second.url, 'select id from kept')).toEqual([{ id: 7 }]);
  expect(progress).toEqual(['PostgreSQL: making a new database cluster']);
});

test('is durable, asks for the password, listens on this machine alone, and hides the password', async () => {
  const server = await start();
  const settings = 'fsync synchronous_commit full_page_writes password_encryption listen_addresses'.split(
    ' ',
  );
  expect(
    await query(
      server.url,
      `select name, setting from pg_settings where name in ('${settings.join("','")}') order by name`,
    ),
  ).toEqual([
    { name: 'fsync', setting: 'on' },
    { name: 'full_page_writes', setting: 'on' },
    { name: 'listen_addresses', setting: '127.0.0.1' },
    { name: 'password_encryption', setting: 'scram-sha-256' },
    { name: 'synchronous_commit', setting: 'on' },
  ]);
  const url = new URL(server.url);
  const password = url.password;
  url.password = 'wrong';
  await expect(query(url.href, 'select 1')).rejects.toThrow(/password authentication failed/);
  url.password = password;
  for (const address of Object.values(networkInterfaces()).flat()) {
    if (!address || address.internal || address.family !== 'IPv4') continue;
    url.hostname = address.address;
    await expect(query(url.href, 'select 1')).rejects.toThrow(/ECONNREFUSED/);
  }
  expect((await stat(join(dataDir, 'password'))).mode & 0o777).toBe(0o600);
  expect((await stat(join(dataDir, 'cluster'))).mode & 0o777).toBe(0o700);
  expect(await readFile(join(dataDir, 'server.log'), 'utf8')).not.toContain(password);
  expect(await readdir(dataDir)).not.toContainEqual(expect.stringMatching(/^cluster\.new/));
});

test('the log of the server holds no values', async () => {
  const server = await start();
  await query(server.url, 'create table one (id text primary key)');
  await query(server.url, `insert into one values ('canary')`);
  await expect(query(server.url, `insert into one values ('canary')`)).rejects.toThrow(/duplicate/);
  const logged = await readFile(join(dataDir, 'server.log'), 'utf8');
  expect(logged).toContain('duplicate key');
  expect(logged).not.toContain('canary');
});

test('a folder in use is refused, and its user is not disturbed', async () => {
  const first = await start();
  await expect(start()).rejects.toThrow(/is in use: another TeleGate runs on this folder/);
  expect(await query(first.url, 'select 1 as one')).toEqual([{ one: 1 }]);
});

/** A launcher in a process of its own, which can be killed. */
async function launchElsewhere(uid?: number): Promise<{ launcher: ChildProcess; url: string; pid: number }> {
  const program = `
    import { startEmbeddedPostgres } from ${JSON.stringify(join(import.meta.dirname, 'embedded.ts'))};
    const log = { info() {}, warn() {}, error() {} };
    const { url, pid } = await startEmbeddedPostgres({ dataDir: process.argv[1], log });
    console.log(JSON.stringify({ url, pid }));
    setInterval(() => {}, 1000);`;
  const launcher = spawn(process.execPath, ['--input-type=module', '-e', program, dataDir], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: import.meta.dirname,
    uid,
    gid: uid,
  });
  let complaint = '';
  launcher.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  const lines = createInterface(launcher.stdout);
  const [line] = (await Promise.race([once(lines, 'line'), once(launcher, 'close')])) as unknown[];
  if (typeof line !== 'string') throw new Error(complaint);
  return { launcher, ...(JSON.parse(line) as { url: string; pid: number }) };
}

test('the server that a killed launcher left behind is stopped, and what it committed is kept', async () => {
  const { launcher, url, pid } = await launchElsewhere();
  await query(url, 'create table kept (id int); insert into kept values (7)');
  launcher.kill('SIGKILL');
  await once(launcher, 'exit');
  expect(isAlive(pid)).toBe(true);

  const server = await start();
  expect(isAlive(pid)).toBe(false);
  expect(await query(server.url, 'select id from kept')).toEqual([{ id: 7 }]);
});

test('a server that was suspended before its launcher died is stopped too', async () => {
  const { launcher, pid } = await launchElsewhere();
  launcher.kill('SIGKILL');
  await once(launcher, 'exit');
  process.kill(pid, 'SIGSTOP');
  const server = await start();
  expect(isAlive(pid)).toBe(false);
  expect(await query(server.url, 'select 1 as one')).toEqual([{ one: 1 }]);
});

test('a killed server is told, and recovers at the next start', async () => {
  const exits: string[] = [];
  const first = await start({ onExit: (how) => exits.push(how) });
  await query(first.url, 'create table kept (id int); insert into kept values (7)');
  process.kill(first.pid, 'SIGKILL');
  await expect.poll(() => exits).toEqual(['signal SIGKILL']);
  const second = await start();
  expect(await query(second.url, 'select id from kept')).toEqual([{ id: 7 }]);
});

test('a crash of one server process leaves the launcher in charge', async () => {
  const server = await start();
  const holder = `select pid from pg_stat_activity where application_name = 'telegate launcher'`;
  const [before] = await query(server.url, holder);
  process.kill(before?.['pid'] as number, 'SIGKILL');
  await expect
    .poll(() => query(server.url, holder).catch(() => []), { timeout: 10_000 })
    .toEqual([{ pid: expect.not.closeTo(before?.['pid'] as number, 0) }]);
  await expect(start()).rejects.toThrow(/is in use/);
});

test('a process that has the number of a killed server is no obstacle and comes to no harm', async () => {
  const first = await start();
  await first.stop();
  const bystander = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  await once(bystander, 'spawn');
  const lines = [bystander.pid, dataDir, 1, first.port, '', '127.0.0.1', '1 1', 'ready'];
  await writeFile(join(dataDir, 'cluster', 'postmaster.pid'), lines.join('\n'));
  await start();
  expect(isAlive(bystander.pid ?? 0)).toBe(true);
  bystander.kill('SIGKILL');
});

test('what a launcher killed during initdb left is removed', async () => {
  const gone = spawn(process.execPath, ['-e', '']);
  await once(gone, 'exit');
  await mkdir(join(dataDir, `cluster.new.${gone.pid}`, 'base'), { recursive: true });
  await start();
  expect(existsSync(join(dataDir, `cluster.new.${gone.pid}`))).toBe(false);
});

test('a port that is taken: refused when asked for, else another is found', async () => {
  const first = await start();
  await first.stop();
  const other = createServer();
  other.listen(first.port, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  await expect(start({ port })).rejects.toThrow(
    `Port ${port} of 127.0.0.1, where PostgreSQL should listen, is taken`,
  );
  const second = await start();
  expect(second.port).not.toBe(port);
  other.close();
});

test('a cluster of another version, or without its password, is refused with what to do', async () => {
  const server = await start();
  await server.stop();
  await writeFile(join(dataDir, 'cluster', 'PG_VERSION'), '12\n');
  await expect(start()).rejects.toThrow(/is of PostgreSQL 12, but \d+ is installed/);
  await rm(join(dataDir, 'password'));
  await expect(start()).rejects.toThrow(/password.*is missing: put it back, or start with a new folder/);
});

const nobody = { uid: 65_534, gid: 65_534, name: 'nobody' };
const nobodyCanRunUs =
  process.getuid?.() === 0 &&
  [import.meta.dirname, dirname(process.execPath)].every((path) => canEnter(path, nobody));

test.runIf(nobodyCanRunUs)('a folder of another user is refused with what to do', async () => {
  const server = await start();
  await server.stop();
  await chmod(dataDir, 0o755);
  const launched = launchElsewhere(nobody.uid);
  await expect(launched).rejects.toThrow(
    /can not use .*password \(EACCES\): its folder must belong to the user/,
  );
});
