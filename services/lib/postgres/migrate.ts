import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, DatabaseError } from 'pg';
import { pause, systemClock, type Clock } from '#lib/lifecycle/clock.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import { checkedSchema, connectionConfig } from './database.ts';

export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

interface MigrationFile {
  readonly name: string;
  readonly version: number;
  readonly sql: string;
  readonly checksum: string;
}

interface Applied {
  readonly name: string;
  readonly checksum: string;
}

/** How long a file waits for a table that running services use, before it lets them pass and tries again. */
const LOCK_TIMEOUT_MS = 2_000;
const LOCK_ATTEMPTS = 15;
const LOCK_NOT_AVAILABLE = '55P03';

/**
 * Applies the files 0001_name.sql, 0002_… that the schema lacks, each in one transaction. Any number may run
 * at once. The services of the version before keep running: files expand first and contract a release later.
 */
export async function migrate(options: {
  url: string;
  schema: string;
  folder: string;
  log: Logger;
  clock?: Clock;
}): Promise<{ applied: string[]; version: number }> {
  const { schema, log, clock = systemClock } = options;
  const files = await migrationFiles(options.folder);
  const client = await connect(options, 'telegate migrate', 0);
  try {
    // Freed by the server when this connection ends, however it ends.
    await client.query('select pg_advisory_lock(hashtextextended($1, 0))', [`telegate migrate ${schema}`]);
    await createTable(client, schema);
    const missing = missingFiles(files, await appliedFiles(client), options.folder);
    for (const file of missing) {
      await apply(client, file, schema, clock);
      log.info({ event: 'migration_applied', schema, migration: file.name }, 'a migration was applied');
    }
    return { applied: missing.map((file) => file.name), version: files.at(-1)?.version ?? 0 };
  } finally {
    await client.end();
  }
}

/** Waits for the database to answer and for `migrate` to bring the schema to what the files ask for. */
export async function waitForMigrations(options: {
  url: string;
  schema: string;
  folder: string;
  timeoutMs: number;
  log: Logger;
  clock: Clock;
  signal?: AbortSignal;
}): Promise<void> {
  const { schema, clock, log, signal } = options;
  const files = await migrationFiles(options.folder);
  const end = clock.monotonic() + options.timeoutMs;
  let said = '';
  for (;;) {
    signal?.throwIfAborted();
    const waitingFor = await lacking(options, files);
    if (waitingFor === undefined) return;
    if (clock.monotonic() >= end)
      throw new MigrationError(`Gave up after ${options.timeoutMs / 1_000} s of waiting for ${waitingFor}.`);
    if (waitingFor !== said) log.info({ event: 'waiting', schema, waitingFor }, `waiting for ${waitingFor}`);
    said = waitingFor;
    await pause(clock, WAIT_STEP_MS, signal);
  }
}

const WAIT_STEP_MS = 250;

/** In words, what a schema lacks of the files; undefined when nothing. */
export async function missingMigration(options: {
  url: string;
  schema: string;
  folder: string;
}): Promise<string | undefined> {
  return await lacking(options, await migrationFiles(options.folder));
}

async function lacking(
  options: { url: string; schema: string; folder: string },
  files: readonly MigrationFile[],
): Promise<string | undefined> {
  const { hostname, port } = new URL(options.url);
  try {
    const client = await connect(options, 'telegate waiting', 5_000);
    try {
      const missing = missingFiles(files, await appliedFiles(client), options.folder);
      return missing.length === 0
        ? undefined
        : `the migration ${missing.at(-1)?.name} of schema ${options.schema} (npm run migrate)`;
    } finally {
      await client.end();
    }
  } catch (error) {
    if (error instanceof MigrationError) throw error;
    if (error instanceof DatabaseError && isMisconfigured(error))
      throw new MigrationError(`The database at ${hostname}:${port || 5_432} refused us: ${error.message}.`, {
        cause: error,
      });
    const problem = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
    return `the database at ${hostname}:${port || 5_432} (${problem})`;
  }
}

/** Waiting mends neither a wrong password or user (class 28) nor a database that is not there (3D000). */
function isMisconfigured(error: DatabaseError): boolean {
  return error.code?.startsWith('28') === true || error.code === '3D000';
}

async function connect(
  options: { url: string; schema: string },
  applicationName: string,
  statementTimeoutMs: number,
): Promise<Client> {
  const client = new Client(
    connectionConfig({ ...options, applicationName, statementTimeoutMs, idleInTransactionTimeoutMs: 0 }),
  );
  // What breaks the connection fails the statement that runs as well.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function createTable(client: Client, schema: string): Promise<void> {
  // Asked first: `if not exists` needs the right to create even when there is nothing to do.
  const { rows } = await client.query<{ there: boolean }>('select to_regnamespace($1) is not null as there', [
    checkedSchema(schema),
  ]);
  if (!rows[0]?.there) await client.query(`create schema if not exists ${schema}`);
  if (await hasTable(client)) return;
  await client.query(
    `create table migrations (
       name text primary key,
       checksum text not null,
       applied_time timestamptz not null default clock_timestamp()
     )`,
  );
}

async function hasTable(client: Client): Promise<boolean> {
  // current_schemas names what is there of search_path, which is this schema alone.
  const { rows } = await client.query<{ there: boolean }>(
    `select exists (
       select from pg_tables where schemaname = current_schema() and tablename = 'migrations'
     ) as there`,
  );
  return rows[0]?.there === true;
}

async function appliedFiles(client: Client): Promise<Applied[]> {
  if (!(await hasTable(client))) return [];
  const { rows } = await client.query<Applied>('select name, checksum from migrations order by name');
  return rows;
}

/** What is applied must be the beginning of what is here; or more of it, when a newer release migrated. */
function missingFiles(
  files: readonly MigrationFile[],
  applied: readonly Applied[],
  folder: string,
): readonly MigrationFile[] {
  for (const [index, there] of applied.entries()) {
    const file = files[index];
    if (!file) break;
    if (file.name !== there.name)
      throw new MigrationError(
        `${folder} has ${file.name} where the database has applied ${there.name}: ` +
          'number new files after the last applied one, and keep the names of applied ones.',
      );
    if (file.checksum !== there.checksum)
      throw new MigrationError(
        `${join(folder, file.name)} was changed after it was applied to the database: ` +
          'restore it, and put the change into a new file.',
      );
  }
  return files.slice(applied.length);
}

async function apply(client: Client, file: MigrationFile, schema: string, clock: Clock): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await client.query('begin');
      await client.query(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`);
      await client.query(file.sql);
      // The file may have changed search_path.
      await client.query(`insert into ${schema}.migrations (name, checksum) values ($1, $2)`, [
        file.name,
        file.checksum,
      ]);
      await client.query('commit');
      return;
    } catch (error) {
      await client.query('rollback').catch(() => undefined);
      const busy = error instanceof DatabaseError && error.code === LOCK_NOT_AVAILABLE;
      if (!busy || attempt === LOCK_ATTEMPTS)
        throw new MigrationError(`${file.name} failed: ${described(error, file.sql)}`, { cause: error });
    }
    await pause(clock, LOCK_TIMEOUT_MS / 4);
  }
}

function described(error: unknown, sql: string): string {
  const { message, position } = error as DatabaseError;
  if (position === undefined) return message;
  return `${message} (line ${sql.slice(0, Number(position)).split('\n').length})`;
}

async function migrationFiles(folder: string): Promise<MigrationFile[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).toSorted();
  if (names.length === 0) throw new MigrationError(`${folder} has no migrations (0001_name.sql).`);
  return await Promise.all(
    names.map(async (name, index) => {
      const number = /^(\d{4})_[a-z0-9_]+\.sql$/.exec(name)?.[1];
      if (Number(number) !== index + 1)
        throw new MigrationError(
          `${join(folder, name)} should be ${String(index + 1).padStart(4, '0')}_name.sql: ` +
            'files are numbered from 0001 without gaps.',
        );
      // A checkout may turn line ends into those of Windows.
      const sql = (await readFile(join(folder, name), 'utf8')).replaceAll('\r\n', '\n');
      return { name, version: index + 1, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}
