import { randomUUIDv7 } from 'node:crypto';
import { fromBinary } from '@bufbuild/protobuf';
import { sql } from 'kysely';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EventSchema } from '#gen/telegate/events/v1/events_pb.ts';
import { openDatabase, type Database } from '#lib/postgres/database.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { serviceSchemas } from '../../../deploy/schemas.ts';
import { createTestDatabase, type TestDatabase } from '../../../tests/support/postgres.ts';
import type { AccountAuthTables } from '../tables.ts';
import type { AccountRow } from './model.ts';
import {
  findAccount,
  insertAccount,
  recordLogin,
  takeTurn,
  type NewAccount,
  type TelegramLogin,
} from './store.ts';

let testDatabase: TestDatabase;
let database: Database<AccountAuthTables>;
beforeAll(async () => {
  testDatabase = await createTestDatabase({ migrations: serviceSchemas() });
  database = openDatabase<AccountAuthTables>({
    url: testDatabase.url,
    schema: 'account_auth',
    poolSize: 6,
    applicationName: 'tests',
    log: pino({ level: 'silent' }),
  });
}, 60_000);
afterAll(async () => {
  await database.close();
  await testDatabase.drop();
});

let count = 0;
function login(tenantId: string, more: Partial<TelegramLogin> = {}): TelegramLogin {
  count += 1;
  return {
    tenantId,
    phone: `+1555000${String(count).padStart(4, '0')}`,
    telegramUserId: String(7_000 + count),
    username: 'ann',
    name: 'Ann',
    labels: { team: 'red' },
    sessionId: BigInt(count),
    environment: 'local',
    loginTime: new Date(),
    ...more,
  };
}

const record = (one: TelegramLogin): Promise<AccountRow> =>
  transaction(database, (trx) => recordLogin(trx, one));

function created(tenantId: string, more: Partial<NewAccount> = {}): Promise<AccountRow> {
  const account = {
    tenantId,
    name: 'n',
    phone: '',
    paused: false,
    labels: {},
    environment: 'local',
    allowDirect: false,
  };
  return transaction(database, async (trx) => {
    await takeTurn(trx, tenantId);
    return insertAccount(trx, { ...account, ...more });
  });
}

const listed = async (tenantId: string): Promise<AccountRow[]> =>
  (await sql<AccountRow>`select * from accounts where tenant_id = ${tenantId}::uuid`.execute(database.kysely))
    .rows;

async function published(tenantId: string): Promise<unknown[]> {
  const { rows } = await sql<{ payload: Buffer }>`
    select payload from outbox where tenant_id = ${tenantId}::uuid order by position`.execute(
    database.kysely,
  );
  return rows.map(({ payload }) => fromBinary(EventSchema, payload).payload);
}

test('a login of nobody known makes an account with the id that the pool was told', async () => {
  const tenantId = randomUUIDv7();
  const accountId = randomUUIDv7();
  const one = login(tenantId, { accountId });
  const row = await record(one);
  expect(row).toMatchObject({
    account_id: accountId,
    phone: one.phone,
    name: 'Ann',
    state: 'authorised',
    session_id: one.sessionId,
    labels: { team: 'red' },
    untied: false,
    login_time: one.loginTime,
  });
  const event = { case: 'accountAuthorised', value: { accountId, sessionId: one.sessionId } };
  expect(await published(tenantId)).toMatchObject([event]);
});

test('recorded twice, or by several at once, it is one account and one event', async () => {
  const tenantId = randomUUIDv7();
  const one = login(tenantId);
  const rows = await Promise.all(Array.from({ length: 5 }, () => record(one)));
  expect(new Set(rows.map(({ account_id }) => account_id)).size).toBe(1);
  expect(await listed(tenantId)).toHaveLength(1);
  expect(await published(tenantId)).toHaveLength(1);
});

test('the account of the phone gets the session, whatever id the pool was told', async () => {
  const tenantId = randomUUIDv7();
  const one = login(tenantId, { accountId: randomUUIDv7() });
  const known = await created(tenantId, { phone: one.phone, name: 'support' });
  const row = await record(one);
  expect(row).toMatchObject({
    account_id: known.account_id,
    name: 'support',
    untied: true,
    state: 'authorised',
  });
  expect(await listed(tenantId)).toHaveLength(1);
});

test('an account that an event made of the session before is the one that logged in', async () => {
  const tenantId = randomUUIDv7();
  const accountId = randomUUIDv7();
  const one = login(tenantId, { accountId });
  await created(tenantId, { accountId });
  await sql`update accounts set session_id = ${one.sessionId} where account_id = ${accountId}::uuid`.execute(
    database.kysely,
  );
  expect(await record(one)).toMatchObject({ account_id: accountId, phone: one.phone });
  // And when a phone's account is there too, that one has it and the other is gone.
  const two = login(tenantId, { accountId: randomUUIDv7() });
  await created(tenantId, { accountId: two.accountId });
  const known = await created(tenantId, { phone: two.phone });
  await sql`update accounts set session_id = ${two.sessionId} where account_id = ${two.accountId}::uuid`.execute(
    database.kysely,
  );
  expect(await record(two)).toMatchObject({ account_id: known.account_id, session_id: two.sessionId });
  expect(await findAccount(database.kysely, tenantId, { accountId: two.accountId! })).toBeUndefined();
});

test('an account that has another session keeps it', async () => {
  const tenantId = randomUUIDv7();
  const first = await record(login(tenantId));
  const second = await record(login(tenantId, { accountId: first.account_id, phone: first.phone }));
  expect(second.account_id).not.toBe(first.account_id);
  expect(second.phone).toBe('');
  const kept = await findAccount(database.kysely, tenantId, { phone: first.phone });
  expect(kept?.session_id).toBe(first.session_id);
});

test('a login anew makes it authorised; one that is recorded late does not hide what happened since', async () => {
  const tenantId = randomUUIDv7();
  const one = login(tenantId, { loginTime: new Date(1_000) });
  const row = await record(one);
  const banned = (at: Date) =>
    sql`update accounts set state = 'banned', state_reason = 'x', state_time = ${at}
      where account_id = ${row.account_id}::uuid`.execute(database.kysely);
  await banned(new Date(2_000));
  expect(await record(one)).toMatchObject({ state: 'banned', state_reason: 'x' });
  const again = await record({ ...one, labels: { other: 'x' }, loginTime: new Date(3_000) });
  expect(again).toMatchObject({ account_id: row.account_id, state: 'authorised', state_reason: '' });
  // The session is the same and has its labels.
  expect(again.labels).toEqual({ team: 'red' });
  expect(await published(tenantId)).toHaveLength(2);
});

test('tenants share nothing', async () => {
  const one = login(randomUUIDv7());
  const first = await record(one);
  const second = await record({ ...one, tenantId: randomUUIDv7(), sessionId: 99_999n });
  expect(second.account_id).not.toBe(first.account_id);
  expect(second.phone).toBe(first.phone);
});
