import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createFakeClock } from '#lib/lifecycle/clock-fake.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { createTestDatabase, type TestDatabase } from '../../../tests/support/postgres.ts';
import { migrate, waitForMigrations } from './migrate.ts';

const log = pino({ level: 'silent' });
const schema = 'thing';

let database: TestDatabase;
let folder: string;
let client: Client;

beforeEach(async () => {
  database = await createTestDatabase();
  folder = await mkdtemp(join(tmpdir(), 'telegate-migrations-'));
  client = new Client({ connectionString: database.url });
  await client.connect();
  await file('0001_things.sql', 'create table things (id bigint primary key);');
});

afterEach(async () => {
  await client.end();
  await database.drop();
  await rm(folder, { recursive: true });
});

const file = (name: string, sql: string) => writeFile(join(folder, name), sql);
const run = () => migrate({ url: database.url, schema, folder, log });

test('applies what is missing, once, in the schema it is for', async () => {
  await file(
    '0002_more.sql',
    'alter table things add column name text; insert into things values (1, $$a$$);',
  );
  expect(await run()).toEqual({ applied: ['0001_things.sql', '0002_more.sql'], version: 2 });
  expect(await run()).toEqual({ applied: [], version: 2 });
  await file('0003_index.sql', 'create index on things (name);');
  expect(await run()).toEqual({ applied: ['0003_index.sql'], version: 3 });
  const { rows } = await client.query('select name from thing.things');
  expect(rows).toEqual([{ name: 'a' }]);
});

test('eight at once apply each file once', async () => {
  await file('0002_row.sql', 'insert into things values (1);');
  const results = await Promise.all(Array.from({ length: 8 }, run));
  expect(results.flatMap((result) => result.applied)).toHaveLength(2);
});

test('a file that fails leaves nothing behind and is told with its line', async () => {
  await file('0002_bad.sql', 'create table more (id int);\nselect * from nowhere;');
  await expect(run()).rejects.toThrow(/0002_bad\.sql failed: .*nowhere.* \(line 2\)/);
  const { rows } = await client.query(
    `select to_regclass('thing.more') as more, to_regclass('thing.things') as things`,
  );
  expect(rows).toEqual([{ more: null, things: 'thing.things' }]);
});

test('an applied file that was changed, renamed or moved is refused; other line ends are no change', async () => {
  await file('0001_things.sql', 'create table things (\n  id bigint\n);');
  await run();
  await file('0001_things.sql', 'create table things (\r\n  id bigint\r\n);');
  expect(await run()).toMatchObject({ applied: [] });
  await file('0001_things.sql', 'create table things (id int);');
  await expect(run()).rejects.toThrow(/0001_things\.sql was changed after it was applied/);
  await rm(join(folder, '0001_things.sql'));
  await file('0001_other.sql', 'select 1');
  await expect(run()).rejects.toThrow(/keep the names of applied ones/);
});

test('gaps and unclear names are refused', async () => {
  await file('0003_gap.sql', 'select 1');
  await expect(run()).rejects.toThrow(/should be 0002_name\.sql/);
});

test('a database that a newer release migrated satisfies the older one', async () => {
  await file('0002_newer.sql', 'select 1');
  await run();
  await rm(join(folder, '0002_newer.sql'));
  expect(await run()).toEqual({ applied: [], version: 1 });
  await waitForMigrations({ url: database.url, schema, folder, timeoutMs: 0, log, clock: systemClock });
});

test('a migration does not hold up the services that use the table: it waits in short turns', async () => {
  await run();
  await client.query('begin');
  await client.query('select * from thing.things');
  await file('0002_column.sql', 'alter table things add column name text;');
  const migrated = run();
  const other = new Client({ connectionString: database.url });
  await other.connect();
  await expect
    .poll(async () => {
      const { rows } = await other.query(
        `select count(*)::int as n from pg_locks where not granted and relation = 'thing.things'::regclass`,
      );
      return rows[0]?.n;
    })
    .toBe(1);
  // Queued behind the waiting ALTER TABLE, so it ends only when that gives way.
  await other.query('select * from thing.things');
  await client.query('commit');
  expect(await migrated).toMatchObject({ applied: ['0002_column.sql'] });
  await other.end();
});

test('waiting says what for, and ends when another process has migrated', async () => {
  const lines: string[] = [];
  const spoken = pino(
    { level: 'info' },
    { write: (line: string) => void lines.push(JSON.parse(line).msg as string) },
  );
  const waiting = waitForMigrations({
    url: database.url,
    schema,
    folder,
    timeoutMs: 20_000,
    log: spoken,
    clock: systemClock,
  });
  await expect
    .poll(() => lines)
    .toEqual(['waiting for the migration 0001_things.sql of schema thing (npm run migrate)']);
  await run();
  await waiting;
});

test('waiting gives up at its limit, naming what is missing; a wrong password ends it at once', async () => {
  const clock = createFakeClock();
  const gone = new URL(database.url);
  gone.port = '1';
  const waiting = waitForMigrations({ url: gone.href, schema, folder, timeoutMs: 30_000, log, clock });
  let failure: Error | undefined;
  waiting.catch((error: Error) => (failure = error));
  await expect
    .poll(async () => {
      await clock.advance(10_000);
      return failure?.message;
    })
    .toBe('Gave up after 30 s of waiting for the database at 127.0.0.1:1 (ECONNREFUSED).');

  const wrong = new URL(database.url);
  wrong.password = 'wrong-password';
  const refused = waitForMigrations({ url: wrong.href, schema, folder, timeoutMs: 30_000, log, clock });
  await expect(refused).rejects.toThrow(/refused us: password authentication failed/);
  await expect(refused).rejects.not.toThrow(/wrong-password/);
});
