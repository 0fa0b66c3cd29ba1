import { SpanStatusCode, context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { sql } from 'kysely';
import { types } from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, expectNoLeaks, type TestDatabase } from '../../../tests/support/postgres.ts';
import { openDatabase, type Database } from './database.ts';
import { ConnectionLost, DatabaseUnavailable } from './errors.ts';

interface Tables {
  things: { id: bigint; data: unknown; at: Date };
}

const log = pino({ level: 'silent' });
const exporter = new InMemorySpanExporter();
let at: TestDatabase;
let db: Database<Tables>;

const open = (options: Partial<Parameters<typeof openDatabase>[0]> = {}) =>
  openDatabase<Tables>({
    url: at.url,
    schema: 'thing',
    poolSize: 4,
    applicationName: 'tests',
    log,
    ...options,
  });

beforeAll(async () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager());
  trace.setGlobalTracerProvider(
    new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }),
  );
  at = await createTestDatabase();
  db = open();
  await db.pool.query('create schema thing');
  await db.pool.query('create table things (id bigint primary key, data jsonb, at timestamptz)');
});

afterAll(async () => {
  await expectNoLeaks(db);
  await db.close();
  await db.close();
  await at.drop();
});

beforeEach(() => exporter.reset());

test('bigints, times and JSON come back as what they are, for this pool alone', async () => {
  const when = new Date('2026-03-01T12:00:00.123Z');
  const id = 9_007_199_254_740_993n;
  await db.kysely
    .insertInto('things')
    .values({ id, data: JSON.stringify({ a: [1] }), at: when })
    .execute();
  expect(await db.kysely.selectFrom('things').selectAll().execute()).toEqual([
    { id, data: { a: [1] }, at: when },
  ]);
  const { rows } = await db.pool.query(
    `select array[1, null, ${id}]::bigint[] as ids, count(*) as n from things`,
  );
  expect(rows).toEqual([{ ids: [1n, null, id], n: 1n }]);
  expect(types.getTypeParser(types.builtins.INT8)('1')).toBe('1');
});

test.each(['UTC', 'Asia/Kolkata', 'America/St_Johns'])(
  'a time is the same wherever the server is: %s',
  async (zone) => {
    const times = [
      '2026-03-01T12:00:00.123Z',
      '2026-03-01T12:00:00Z',
      '1969-12-31T23:59:59.999Z',
      '1850-01-01T00:00:00Z',
      '9999-12-31T23:59:59.9Z',
      '-000043-03-15T10:00:00Z',
    ].map((text) => new Date(text));
    const { rows } = await db.kysely.connection().execute(async (connection) => {
      await sql`select set_config('timezone', ${zone}, false)`.execute(connection);
      const { rows: read } = await sql<{ at: Date }>`
      select to_timestamp(ms / 1000.0) as at from unnest(${times.map(Number)}::float8[]) with ordinality as t (ms, n)
      order by n`.execute(connection);
      await sql`reset timezone`.execute(connection);
      return { rows: read };
    });
    expect(rows.map(({ at: read }) => read)).toEqual(times);
    const { rows: endless } = await db.pool.query(`select 'infinity'::timestamptz as at`);
    expect(endless).toEqual([{ at: Infinity }]);
  },
);

test('a connection has the schema, the name and the limits it was asked for', async () => {
  const { rows } = await db.pool.query(
    `select current_schema() as schema, current_setting('application_name') as name,
       current_setting('statement_timeout') as statement,
       current_setting('idle_in_transaction_session_timeout') as idle`,
  );
  expect(rows).toEqual([{ schema: 'thing', name: 'tests', statement: '15s', idle: '15s' }]);
});

test('a query is a child span of what asked for it; without a parent there is none', async () => {
  await db.pool.query('select 1');
  expect(exporter.getFinishedSpans()).toEqual([]);
  const tracer = trace.getTracer('test');
  // More at once than connections: those that wait must keep their own parent.
  const parents = await Promise.all(
    Array.from({ length: 8 }, () =>
      tracer.startActiveSpan('parent', async (span) => {
        await db.pool.query('select * from things where id = $1', ['12345']);
        await db.kysely.selectFrom('things').selectAll().where('id', '=', 12_345n).execute();
        span.end();
        return span.spanContext();
      }),
    ),
  );
  const spans = exporter.getFinishedSpans().filter(({ name }) => name !== 'parent');
  expect(spans).toHaveLength(16);
  for (const parent of parents) {
    const own = spans.filter((span) => span.parentSpanContext?.spanId === parent.spanId);
    expect(own.map(({ name }) => name)).toEqual(['SELECT things', 'SELECT things']);
    expect(own[0]?.attributes).toEqual({
      'db.system.name': 'postgresql',
      'db.namespace': `${new URL(at.url).pathname.slice(1)}|thing`,
      'db.query.summary': 'SELECT things',
      'db.response.returned_rows': 0,
      'server.address': '127.0.0.1',
      'server.port': Number(new URL(at.url).port),
    });
  }
  expect(JSON.stringify(spans.map(({ attributes, events }) => [attributes, events]))).not.toContain('12345');
});

test('a failed query marks its span with the SQLSTATE and nothing of its values', async () => {
  await trace.getTracer('test').startActiveSpan('parent', async (span) => {
    await expect(db.pool.query(`select 'canary'::bigint`)).rejects.toThrow(/canary/);
    span.end();
  });
  const [failed] = exporter.getFinishedSpans();
  expect(failed?.status).toEqual({ code: SpanStatusCode.ERROR });
  expect(failed?.attributes).toMatchObject({ 'error.type': '22P02', 'db.response.status_code': '22P02' });
  expect(JSON.stringify([failed?.attributes, failed?.events])).not.toContain('canary');
});

test('statements with parameters are prepared, at most 500 a connection', async () => {
  const single = open({ poolSize: 1 });
  const prepared = async () => {
    const { rows } = await single.pool.query('select count(*)::int as n from pg_prepared_statements');
    return rows[0]?.n as number;
  };
  for (let n = 0; n < 3; n += 1) await single.pool.query('select $1::int as same', [n]);
  await single.pool.query('select 1 as unprepared');
  expect(await prepared()).toBe(1);
  for (let n = 0; n < 510; n += 1) {
    expect((await single.pool.query(`select $1::int as number_${n}`, [n])).rows).toEqual([
      { [`number_${n}`]: n },
    ]);
  }
  expect(await prepared()).toBe(500);
  await single.close();
});

test('a prepared select survives a migration that changes what it returns', async () => {
  const single = open({ poolSize: 1 });
  await single.pool.query('create table wide (a int)');
  const read = () => single.pool.query('select * from wide where a is distinct from $1', [1]);
  await read();
  await single.pool.query('insert into wide values (2)');
  await single.pool.query('alter table wide add column b int');
  await expect(read()).rejects.toThrow(/cached plan/);
  expect((await read()).rows).toEqual([{ a: 2, b: null }]);
  await single.close();
});

test('a parameter that cannot be encoded does not spoil its statement', async () => {
  const single = open({ poolSize: 1 });
  const write = (value: unknown) => single.pool.query('select $1::jsonb as value', [value]);
  await expect(write({ bad: 1n })).rejects.toThrow(/BigInt/);
  expect((await write({ good: 1 })).rows).toEqual([{ value: { good: 1 } }]);
  await single.close();
});

test('a failed statement does not cost the connection', async () => {
  const single = open({ poolSize: 1 });
  const pid = async () => (await single.pool.query('select pg_backend_pid() as pid')).rows[0]?.pid as number;
  const before = await pid();
  await expect(single.pool.query('select * from nowhere')).rejects.toThrow(/nowhere/);
  expect(await pid()).toBe(before);
  await single.close();
});

const kill = async (pid: number) => void (await db.pool.query('select pg_terminate_backend($1)', [pid]));

test('a connection killed while it is idle or checked out is replaced', async () => {
  const single = open({ poolSize: 1 });
  const pid = async () => (await single.pool.query('select pg_backend_pid() as pid')).rows[0]?.pid as number;
  const first = await pid();
  await kill(first);
  await expect.poll(() => single.pool.totalCount).toBe(0);
  expect(await pid()).not.toBe(first);

  const client = await single.pool.connect();
  const ended = new Promise((resolve) => client.once('end', () => resolve(undefined)));
  await kill((await client.query('select pg_backend_pid() as pid')).rows[0]?.pid as number);
  await ended;
  await expect(client.query('select 1')).rejects.toBeInstanceOf(ConnectionLost);
  client.release();
  expect((await single.pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  await single.close();
});

test('a statement that takes too long, and a pool that is used up, are told as unavailability', async () => {
  const hasty = open({ poolSize: 1, statementTimeoutMs: 100, connectTimeoutMs: 150 });
  await expect(hasty.pool.query('select pg_sleep(5)')).rejects.toBeInstanceOf(DatabaseUnavailable);
  const client = await hasty.pool.connect();
  await expect(sql`select 1`.execute(hasty.kysely)).rejects.toBeInstanceOf(DatabaseUnavailable);
  client.release();
  await expectNoLeaks(hasty);
  await hasty.close();
  await expect(hasty.pool.query('select 1')).rejects.toBeInstanceOf(DatabaseUnavailable);
});

test('a schema name is not a way to inject', () => {
  expect(() => open({ schema: 'a; drop table b' })).toThrow(/is not a schema name/);
});
