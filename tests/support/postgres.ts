import { createHash, randomBytes } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { pino } from 'pino';
import { expect, inject, vi } from 'vitest';
import type { Database } from '#lib/postgres/database.ts';
import { migrate } from '#lib/postgres/migrate.ts';

export interface SchemaMigrations {
  schema: string;
  /** Absolute path of the folder with 0001_….sql. */
  folder: string;
}

export interface TestDatabase {
  readonly url: string;
  /** Ends every connection that is left and removes the database. */
  drop(): Promise<void>;
}

declare module 'vitest' {
  interface ProvidedContext {
    postgresUrl: string;
  }
}

/** The server of this run; its databases are made by createTestDatabase. */
export function testServerUrl(): string {
  return inject('postgresUrl');
}

/** A database of the test's own, cloned from one that has these migrations applied. */
export async function createTestDatabase(
  options: { migrations?: readonly SchemaMigrations[] } = {},
): Promise<TestDatabase> {
  const migrations = options.migrations ?? [];
  const template = migrations.length > 0 ? await templateFor(migrations) : 'template0';
  const name = `test_${randomBytes(8).toString('hex')}`;
  await onServer(async (client) => {
    await cloneOf(client, template, name);
  });
  return {
    url: urlOf(name),
    drop: () =>
      onServer(async (client) => void (await client.query(`drop database if exists ${name} with (force)`))),
  };
}

/**
 * Fails when a connection of the pool is still checked out or waited for: somebody did not release it. Call it
 * at the end of a test file, before close().
 */
export async function expectNoLeaks(database: Pick<Database<unknown>, 'pool'>): Promise<void> {
  const { pool } = database;
  await vi.waitFor(
    () => {
      const checkedOut = pool.totalCount - pool.idleCount;
      expect(
        { checkedOut, waiting: pool.waitingCount },
        'connections of the pool that were not released',
      ).toEqual({
        checkedOut: 0,
        waiting: 0,
      });
    },
    { timeout: 2_000 },
  );
}

const TEMPLATE_LOCK = 7_345_002;

async function templateFor(migrations: readonly SchemaMigrations[]): Promise<string> {
  const name = `template_${(await fingerprint(migrations)).slice(0, 24)}`;
  await onServer(async (client) => {
    // One test file makes it, the others wait.
    await client.query('select pg_advisory_lock($1)', [TEMPLATE_LOCK]);
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [name]);
    if (rowCount !== 0) return;
    const draft = `${name}_draft`;
    await client.query(`drop database if exists ${draft} with (force)`);
    await cloneOf(client, 'template0', draft);
    for (const { schema, folder } of migrations) {
      await migrate({ url: urlOf(draft), schema, folder, log: pino({ level: 'silent' }) });
    }
    await client.query(`alter database ${draft} rename to ${name}`);
  });
  return name;
}

async function fingerprint(migrations: readonly SchemaMigrations[]): Promise<string> {
  const hash = createHash('sha256');
  for (const { schema, folder } of migrations) {
    hash.update(`${schema}\0`);
    for (const file of (await readdir(folder)).filter((entry) => entry.endsWith('.sql')).toSorted()) {
      hash.update(`${file}\0`).update(await readFile(join(folder, file)));
    }
  }
  return hash.digest('hex');
}

async function cloneOf(client: Client, template: string, name: string): Promise<void> {
  // Copying files is several times quicker for small databases than writing each page to the log.
  await client.query(`create database ${name} template ${template} strategy file_copy`);
}

function urlOf(database: string): string {
  const url = new URL(testServerUrl());
  url.pathname = `/${database}`;
  return url.href;
}

async function onServer<T>(work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: testServerUrl(), connectionTimeoutMillis: 30_000 });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
