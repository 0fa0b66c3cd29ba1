import { once } from 'node:events';
import { connect as dial, createServer, type AddressInfo, type Socket } from 'node:net';
import { status } from '@grpc/grpc-js';
import { AbortedTransactionError, sql, type Transaction } from 'kysely';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createTestDatabase, expectNoLeaks, type TestDatabase } from '../../../tests/support/postgres.ts';
import { openDatabase, type Database } from './database.ts';
import { CommitUnknown, ConnectionLost, DatabaseUnavailable } from './errors.ts';
import { transaction, withRetry } from './transaction.ts';

interface Tables {
  counters: { id: number; value: number };
}

const log = pino({ level: 'silent' });
// Its processes can be suspended only here.
const onThisMachine = process.env['TEST_DATABASE_URL'] === undefined;
let at: TestDatabase;
let db: Database<Tables>;

const open = (url: string) =>
  openDatabase<Tables>({ url, schema: 'public', poolSize: 8, applicationName: 'tests', log });

beforeEach(async () => {
  at = await createTestDatabase();
  db = open(at.url);
  await db.pool.query('create table counters (id int primary key, value int not null)');
  await db.pool.query('insert into counters values (1, 0), (2, 0)');
});

afterEach(async () => {
  await expectNoLeaks(db);
  await db.close();
  await at.drop();
});

const add = (trx: Transaction<Tables>, id: number) =>
  trx
    .updateTable('counters')
    .set(({ eb }) => ({ value: eb('value', '+', 1) }))
    .where('id', '=', id)
    .execute();

const values = async () =>
  (await db.kysely.selectFrom('counters').select('value').orderBy('id').execute()).map(({ value }) => value);

test('gives what the body gives, and keeps what it did', async () => {
  const level = await transaction(db, async (trx) => {
    await add(trx, 1);
    const { rows } = await sql<{
      level: string;
    }>`select current_setting('transaction_isolation') as level`.execute(trx);
    return rows[0]?.level;
  });
  expect(level).toBe('read committed');
  expect(await values()).toEqual([1, 0]);
});

test('an error of the body undoes it, is passed on, and is not tried again', async () => {
  let runs = 0;
  const failing = transaction(db, async (trx) => {
    runs += 1;
    await add(trx, 1);
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  expect([runs, await values()]).toEqual([1, [0, 0]]);
});

test('a failure that the body hides is not committed in silence', async () => {
  const hiding = transaction(db, async (trx) => {
    await add(trx, 1);
    await sql`select 1 / 0`.execute(trx).catch(() => undefined);
  });
  await expect(hiding).rejects.toThrow(AbortedTransactionError);
  expect(await values()).toEqual([0, 0]);
});

test('one that stood still until the server ended it is run again', async () => {
  const impatient = openDatabase<Tables>({
    url: at.url,
    schema: 'public',
    poolSize: 1,
    applicationName: 'tests',
    log,
    idleInTransactionTimeoutMs: 50,
  });
  let runs = 0;
  await transaction(impatient, async (trx) => {
    runs += 1;
    await add(trx, 1);
    const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(trx);
    const isGone = async () => {
      const { rowCount } = await db.pool.query('select from pg_stat_activity where pid = $1', [rows[0]!.pid]);
      expect(rowCount).toBe(0);
    };
    if (runs === 1) await vi.waitFor(isGone);
    await add(trx, 2);
  });
  await impatient.close();
  expect([runs, await values()]).toEqual([2, [1, 1]]);
});

test('those that deadlock are run again', async () => {
  let runs = 0;
  let bothLocked = 0;
  const both = Promise.withResolvers<void>();
  const lockInTurn = (first: number, second: number) =>
    transaction(db, async (trx) => {
      runs += 1;
      await sql`set local deadlock_timeout = '20ms'`.execute(trx);
      await add(trx, first);
      bothLocked += 1;
      if (bothLocked === 2) both.resolve();
      await both.promise;
      await add(trx, second);
    });
  await Promise.all([lockInTurn(1, 2), lockInTurn(2, 1)]);
  expect(runs).toBe(3);
  expect(await values()).toEqual([2, 2]);
});

test('a serialization failure is run again', async () => {
  let runs = 0;
  await transaction(db, async (trx) => {
    runs += 1;
    await add(trx, 1);
    if (runs < 3) await sql`do $$ begin raise exception using errcode = '40001'; end $$`.execute(trx);
  });
  expect([runs, await values()]).toEqual([3, [1, 0]]);
});

test('a transaction that keeps losing gives up with the reason', async () => {
  let runs = 0;
  const losing = transaction(db, async (trx) => {
    runs += 1;
    await sql`do $$ begin raise exception using errcode = '40001'; end $$`.execute(trx);
  });
  await expect(losing).rejects.toMatchObject({ code: '40001' });
  expect(runs).toBe(5);
});

test('a connection killed in the middle costs a second run', async () => {
  let runs = 0;
  await transaction(db, async (trx) => {
    runs += 1;
    await add(trx, 1);
    if (runs === 1) {
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(trx);
      await db.pool.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
    }
    await add(trx, 2);
  });
  expect([runs, await values()]).toEqual([2, [1, 1]]);
});

/** Forwards to the server, and breaks the connection that says COMMIT, before or after passing it on. */
async function breakCommits(moment: 'before' | 'after'): Promise<{ url: string; close(): Promise<void> }> {
  const upstream = new URL(at.url);
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = dial(Number(upstream.port), upstream.hostname);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
    let committing = false;
    near.on('data', (chunk) => {
      committing ||= chunk.includes('commit\0');
      if (committing && moment === 'before') near.destroy();
      else far.write(chunk);
    });
    far.on('data', (chunk) => {
      if (committing) near.destroy();
      else near.write(chunk);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(at.url);
  url.port = `${(server.address() as AddressInfo).port}`;
  return {
    url: url.href,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

test.each([
  ['before', [0, 0]],
  ['after', [1, 0]],
] as const)(
  'a connection lost %s COMMIT arrived: the outcome is unknown, and is said to be',
  async (moment, kept) => {
    const proxy = await breakCommits(moment);
    const through = open(proxy.url);
    let runs = 0;
    const lost = transaction(through, async (trx) => {
      runs += 1;
      await add(trx, 1);
    });
    await expect(lost).rejects.toBeInstanceOf(CommitUnknown);
    await expect(lost).rejects.toMatchObject({ code: status.UNAVAILABLE, retryAfterMs: 1_000 });
    expect([runs, await values()]).toEqual([1, kept]);
    await expectNoLeaks(through);
    await through.close();
    await proxy.close();
  },
);

test('a database that is away is told promptly', async () => {
  const url = new URL(at.url);
  url.port = '1';
  const away = open(url.href);
  const start = performance.now();
  let runs = 0;
  await expect(transaction(away, async () => void (runs += 1))).rejects.toBeInstanceOf(DatabaseUnavailable);
  await expect(withRetry(() => away.pool.query('select 1'))).rejects.toBeInstanceOf(DatabaseUnavailable);
  expect(performance.now() - start).toBeLessThan(1_000);
  expect(runs).toBe(0);
  await away.close();
});

test('a server that hangs does not hold its callers for ever', async () => {
  const silent = createServer((socket) => socket.on('error', () => undefined));
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const url = new URL(at.url);
  url.port = `${(silent.address() as AddressInfo).port}`;
  const stuck = openDatabase<Tables>({
    url: url.href,
    schema: 'public',
    poolSize: 1,
    applicationName: 'tests',
    log,
    connectTimeoutMs: 100,
  });
  await expect(withRetry(() => stuck.pool.query('select 1'))).rejects.toBeInstanceOf(DatabaseUnavailable);
  await stuck.close();
  silent.close();
});

test.runIf(onThisMachine)(
  'a server that falls silent in the middle is given up, and its connection with it',
  async () => {
    const hasty = openDatabase<Tables>({
      url: at.url,
      schema: 'public',
      poolSize: 1,
      applicationName: 'tests',
      log,
      silenceTimeoutMs: 200,
    });
    const client = await hasty.pool.connect();
    const { rows } = await client.query('select pg_backend_pid() as pid');
    client.release();
    const pid = rows[0]?.pid as number;
    process.kill(pid, 'SIGSTOP');
    try {
      await expect(hasty.pool.query('select 1')).rejects.toBeInstanceOf(ConnectionLost);
      expect((await hasty.pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await hasty.close();
  },
);

test.runIf(onThisMachine)('one silence ends all connections that rest and were not heard since', async () => {
  const hasty = openDatabase<Tables>({
    url: at.url,
    schema: 'public',
    poolSize: 3,
    applicationName: 'tests',
    log,
    silenceTimeoutMs: 200,
  });
  const clients = await Promise.all([1, 2, 3].map(() => hasty.pool.connect()));
  const pids = await Promise.all(
    clients.map(
      async (client) => (await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]!.pid,
    ),
  );
  for (const client of clients) client.release();
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  try {
    await expect(hasty.pool.query('select 1')).rejects.toBeInstanceOf(ConnectionLost);
    await expect.poll(() => hasty.pool.totalCount).toBe(0);
    expect((await hasty.pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  } finally {
    for (const pid of pids) process.kill(pid, 'SIGCONT');
  }
  await hasty.close();
});

test('a single statement is run again on a new connection', async () => {
  let runs = 0;
  const { rows } = await withRetry(async () => {
    runs += 1;
    return await db.pool.query(
      runs === 1 ? 'select pg_terminate_backend(pg_backend_pid())' : 'select 1 as one',
    );
  });
  expect([runs, rows]).toEqual([2, [{ one: 1 }]]);
});
