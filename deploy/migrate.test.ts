import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTestDatabase } from '../tests/support/postgres.ts';
import type { TestDatabase } from '../tests/support/postgres.ts';
import { JOBS_SCHEMA } from '../services/engagement/actions/job-version.ts';
import { neededSchemas } from './schemas.ts';

const root = fileURLToPath(new URL('../', import.meta.url));

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.drop());

function migrate(env: NodeJS.ProcessEnv, ...args: string[]): { code: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['deploy/migrate.ts', ...args], {
    cwd: root,
    env: { PATH: process.env['PATH'], ...env },
    encoding: 'utf8',
  });
  return { code: status, output: stdout + stderr };
}

async function schemasThere(): Promise<string[]> {
  const client = new Client({ connectionString: database.url });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>(
      "select nspname as name from pg_namespace where nspname !~ '^pg_|^information|^public$' order by 1",
    );
    return rows.map(({ name }) => name);
  } finally {
    await client.end();
  }
}

function names(natsUrl: string | undefined): string[] {
  const ours = neededSchemas({ natsUrl }).map(({ schema }) => schema);
  // Which the job engine makes itself.
  return [...ours, JOBS_SCHEMA].toSorted();
}

test('makes the schema of every service, and that of the events when there is no NATS; twice is once', async () => {
  expect(migrate({ DATABASE_URL: database.url, NATS_URL: 'nats://127.0.0.1:1' }).code).toBe(0);
  expect(await schemasThere()).toEqual(names('nats'));
  const without = migrate({ DATABASE_URL: database.url });
  expect(without.code).toBe(0);
  expect(without.output).toMatch(/session_pool is at version \d+ already/);
  expect(await schemasThere()).toEqual(names(undefined));
});

test('a database that does not answer: a sentence, after the time that was given', () => {
  const { code, output } = migrate({
    DATABASE_URL: 'postgres://me:hunter2@127.0.0.1:1/db',
    START_TIMEOUT: '1s',
  });
  expect(code).toBe(1);
  expect(output).toContain('migrate: No PostgreSQL answers at 127.0.0.1:1/db (DATABASE_URL)');
  expect(output).toContain('START_TIMEOUT changes how long is waited');
  expect(output).not.toContain('hunter2');
});

test('--help lists its variables; a missing one is named', () => {
  const { code, output } = migrate({}, '--help');
  expect(code).toBe(0);
  for (const name of ['DATABASE_URL', 'NATS_URL', 'START_TIMEOUT']) expect(output).toContain(name);
  expect(migrate({})).toMatchObject({
    code: 2,
    output: expect.stringContaining('DATABASE_URL: must be set'),
  });
});
