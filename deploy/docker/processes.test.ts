import { findFreePort } from '#lib/lifecycle/free-port.ts';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTestDatabase } from '../../tests/support/postgres.ts';
import type { TestDatabase } from '../../tests/support/postgres.ts';
import { makeKeys } from '../local/make-keys.ts';
import type { ComposeService } from './compose-file.ts';
import { readCompose } from './compose-file.ts';
import { layOutImage } from './image-files.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const natsPassword = 'nats-is-for-this-test-only';
const compose = readCompose(join(root, 'docker-compose.yml'), {
  ...makeKeys(),
  POSTGRES_PASSWORD: 'p',
  CLICKHOUSE_PASSWORD: 'p',
  NATS_PASSWORD: natsPassword,
});
/** Those that run our image and serve. */
const serving = Object.keys(compose.services).filter(
  (name) => name !== 'migrate' && compose.services[name]?.build !== undefined,
);

let folder = '';
let database: TestDatabase;
let children: ChildProcess[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'image-test-'));
  layOutImage(root, join(root, 'deploy/docker/Dockerfile'), join(folder, 'app'));
  mkdirSync(join(folder, 'sessions'));
  database = await createTestDatabase();
});
afterEach(async () => {
  await Promise.all(children.map(ended));
  children = [];
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  child.kill('SIGTERM');
  return new Promise((resolve) => child.once('exit', (code) => resolve(code)));
}

/** The variables that compose gives, with the names and folders of containers changed to this machine's. */
async function environmentHere(
  service: ComposeService,
  natsPort: number | undefined,
): Promise<NodeJS.ProcessEnv> {
  const given = Object.fromEntries(
    Object.entries(service.environment ?? {})
      .map(([name, value]) => [name, String(value)])
      // What is empty is as good as unset.
      .filter(([, value]) => value !== ''),
  );
  const places: Record<string, string> = { DATABASE_URL: 'postgres:5432', NATS_URL: 'nats:4222' };
  const named = Object.keys(places).filter((name) => given[name] !== undefined);
  expect(Object.fromEntries(named.map((name) => [name, new URL(given[name] ?? '').host]))).toEqual(
    Object.fromEntries(named.map((name) => [name, places[name]])),
  );
  const changed: NodeJS.ProcessEnv = {
    ...(given['DATABASE_URL'] === undefined ? {} : { DATABASE_URL: database.url }),
    ...(given['NATS_URL'] === undefined
      ? {}
      : {
          NATS_URL:
            natsPort === undefined ? '' : given['NATS_URL'].replace('nats:4222', `127.0.0.1:${natsPort}`),
        }),
    ...(given['GRPC_PORT'] === undefined ? {} : { GRPC_PORT: String(await findFreePort()) }),
    ...(given['ADMIN_PORT'] === undefined ? {} : { ADMIN_PORT: String(await findFreePort()) }),
    ...(given['SESSIONS_DIR'] === undefined ? {} : { SESSIONS_DIR: join(folder, 'sessions') }),
  };
  // What the image itself sets.
  return { PATH: `${dirname(process.execPath)}:/usr/bin:/bin`, NODE_ENV: 'production', ...given, ...changed };
}

interface Run {
  child: ChildProcess;
  output(): string;
}

function run(command: readonly string[], env: NodeJS.ProcessEnv): Run {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { cwd: join(folder, 'app'), env, stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return { child, output: () => output };
}

function exitCode({ child }: Run): Promise<number | null> {
  return new Promise((resolve) => {
    if (child.exitCode !== null) resolve(child.exitCode);
    else child.once('exit', (code) => resolve(code));
  });
}

async function healthy(env: NodeJS.ProcessEnv): Promise<boolean> {
  return (await exitCode(run(['node', 'deploy/docker/healthcheck.ts'], env))) === 0;
}

async function migrateAsCompose(natsPort: number | undefined): Promise<void> {
  const service = compose.services['migrate'] as ComposeService;
  const started = run(service.command ?? [], await environmentHere(service, natsPort));
  const code = await exitCode(started);
  expect({ code, output: started.output() }).toMatchObject({ code: 0 });
}

const natsServer = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((path) => join(path, 'nats-server'))
  .find((path) => existsSync(path));

describe('every process of docker-compose.yml, with its own command and variables, in the files of the image', () => {
  test.skipIf(natsServer === undefined)(
    `becomes healthy and stops at SIGTERM, on the NATS of deploy/nats${natsServer === undefined ? ' (skipped: no nats-server on PATH)' : ''}`,
    async () => {
      const port = await findFreePort();
      const config = join(folder, 'nats.conf');
      writeFileSync(
        config,
        readFileSync(join(root, 'deploy/nats/nats.conf'), 'utf8')
          .replace('0.0.0.0:4222', `127.0.0.1:${port}`)
          .replace('127.0.0.1:8222', `127.0.0.1:${await findFreePort()}`)
          .replace('"/data"', JSON.stringify(join(folder, 'nats'))),
      );
      const nats = run([natsServer ?? '', '--config', config], { NATS_PASSWORD: natsPassword });
      await expect.poll(nats.output, { timeout: 10_000 }).toContain('Server is ready');
      await migrateAsCompose(port);
      for (const name of serving) {
        const service = compose.services[name] as ComposeService;
        const env = await environmentHere(service, port);
        const started = run(service.command ?? [], env);
        await expect
          .poll(async () => started.child.exitCode !== null || (await healthy(env)), { timeout: 20_000 })
          .toBe(true);
        expect({ code: started.child.exitCode, output: started.output() }).toMatchObject({ code: null });
        expect(await ended(started.child)).toBe(0);
        expect(await healthy(env)).toBe(false);
      }
      expect(nats.output()).not.toContain('authorization violation');
    },
    60_000,
  );

  test('starts before its migrations and waits for them', async () => {
    const service = compose.services['session-pool'] as ComposeService;
    const env = await environmentHere(service, undefined);
    const started = run(service.command ?? [], env);
    await expect.poll(started.output, { timeout: 20_000 }).toContain('waiting for');
    expect(await healthy(env)).toBe(false);
    await migrateAsCompose(undefined);
    await expect.poll(() => healthy(env), { timeout: 20_000 }).toBe(true);
    expect(await ended(started.child)).toBe(0);
  }, 60_000);

  test('the key rotation that the head of docker-compose.yml names runs in the image', async () => {
    await migrateAsCompose(undefined);
    const service = compose.services['session-pool'] as ComposeService;
    const started = run(['node', 'deploy/keys/rotate.ts'], await environmentHere(service, undefined));
    const code = await exitCode(started);
    expect({ code, output: started.output() }).toMatchObject({ code: 0 });
  });

  test('says every fault when the variables are missing, and ends', async () => {
    for (const name of ['migrate', ...serving]) {
      const started = run(compose.services[name]?.command ?? [], {
        PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
      });
      expect(await exitCode(started)).toBe(2);
      const missing = ['DATABASE_URL', 'TELEGATE_MESH_KEY'].filter(
        (variable) => (compose.services[name]?.environment?.[variable] ?? '') !== '',
      );
      for (const variable of missing) expect(started.output()).toContain(`${variable}: must be set`);
    }
  });
});
