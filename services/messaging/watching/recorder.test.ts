import { randomBytes, randomUUIDv7 } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ConnectionState } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import { systemClock } from '#lib/lifecycle/clock.ts';
import { openDatabase } from '#lib/postgres/database.ts';
import { Api, wireLong } from '#lib/telegram/client.ts';
import type { Mark, OrderedUpdate } from '#lib/telegram/updates/notice.ts';
import { quiet } from '../../../tests/support/driver.ts';
import { createTestDatabase, expectNoLeaks, type TestDatabase } from '../../../tests/support/postgres.ts';
import type { LiveSession } from '../connections/live-session.ts';
import type { MessagingDatabase, MessagingTables } from '../tables.ts';
import { createTenantKeys } from './keys.ts';
import { createRecorder, type Recorder } from './recorder.ts';

let server: TestDatabase;
let database: MessagingDatabase;
beforeAll(async () => {
  const folder = fileURLToPath(new URL('../migrations', import.meta.url));
  server = await createTestDatabase({ migrations: [{ schema: 'messaging', folder }] });
  database = openDatabase<MessagingTables>({
    url: server.url,
    schema: 'messaging',
    poolSize: 4,
    applicationName: 'test',
    log: quiet,
  });
});
afterAll(async () => {
  await expectNoLeaks(database);
  await database.close();
  await server.drop();
});

const masterKeys = { current: 1, keys: new Map([[1, randomBytes(32)]]) };
const tenantId = randomUUIDv7();

function process(): Recorder {
  return createRecorder({
    database,
    keys: createTenantKeys(database, masterKeys),
    clock: systemClock,
    log: quiet,
    written: () => undefined,
    wakeRelay: () => undefined,
  });
}

let sessions = 0n;

function reader(at: Recorder, sessionId: bigint) {
  return at.source({ sessionId, tenantId, accountId: randomUUIDv7(), userId: 5n })!;
}

function message(id: number, source: OrderedUpdate['source'] = 'push'): OrderedUpdate {
  const peerId = new Api.PeerUser({ userId: wireLong(7n) });
  const written = new Api.Message({ id, peerId, date: 1, message: `message ${id}` });
  const update = new Api.UpdateNewMessage({ message: written, pts: id, ptsCount: 1 });
  return { kind: 'update', update, entities: { users: [], chats: [] }, source };
}

function standing(pts: number): Mark {
  return { scope: 'account', pts, qts: 0, seq: 0, date: 1 };
}

async function keysOf(sessionId: bigint): Promise<(string | null)[]> {
  const { rows } = await sql<{ message_key: string | null }>`
    select message_key from watch_events where session_id = ${sessionId} order by position`.execute(
    database.kysely,
  );
  return rows.map((row) => row.message_key);
}

async function published(sessionId: bigint): Promise<number> {
  const { rows } = await sql<{ count: bigint }>`
    select count(*) as count from outbox where entity_id = ${String(sessionId)}`.execute(database.kysely);
  return Number(rows[0]!.count);
}

test('events and where the session stands are there together; the next reader goes on from it', async () => {
  const sessionId = (sessions += 1n);
  const first = reader(process(), sessionId);
  expect(await first.store.load()).toBeUndefined();
  await first.handler([message(1), message(2)], [standing(1), standing(2)]);
  const next = reader(process(), sessionId);
  expect(await next.store.load()).toMatchObject({ pts: 2 });
  expect(await keysOf(sessionId)).toEqual(['user:7/1', 'user:7/2']);
  expect(await published(sessionId)).toBe(2);
});

test('who was succeeded writes no more: no event, and no step back', async () => {
  const sessionId = (sessions += 1n);
  const old = reader(process(), sessionId);
  await old.store.load();
  await old.handler([message(1)], [standing(1)]);
  const next = reader(process(), sessionId);
  await next.store.load();
  await next.handler([message(5)], [standing(5)]);
  await old.handler([message(3)], [standing(3)]);
  await old.store.save({ pts: 3, qts: 0, date: 1, seq: 0, channels: new Map(), gone: new Set() });
  expect(await keysOf(sessionId)).toEqual(['user:7/1', 'user:7/5']);
  expect(await reader(process(), sessionId).store.load()).toMatchObject({ pts: 5 });
});

test('a message that a difference brings again is in the log and on the bus once', async () => {
  const sessionId = (sessions += 1n);
  const own = reader(process(), sessionId);
  await own.store.load();
  await own.handler([message(1)], [standing(1)]);
  await own.handler([message(1, 'difference'), message(2, 'difference'), message(2, 'difference')], []);
  expect(await keysOf(sessionId)).toEqual(['user:7/1', 'user:7/2']);
  expect(await published(sessionId)).toBe(2);
});

test('a message that is pushed, and in a difference before it is written, is in the log once', async () => {
  const sessionId = (sessions += 1n);
  const own = reader(process(), sessionId);
  await own.store.load();
  await own.handler([message(1), message(1, 'difference'), message(2, 'difference'), message(2)], []);
  expect(await keysOf(sessionId)).toEqual(['user:7/1', 'user:7/2']);
  expect(await published(sessionId)).toBe(2);
});

test('whoever reads on from nowhere tells of a gap, and a first reader of none', async () => {
  const sessionId = (sessions += 1n);
  const told = async (): Promise<number> => {
    const { rows } = await sql<{ count: number }>`
      select count(*)::integer as count from watch_events where session_id = ${sessionId}`.execute(
      database.kysely,
    );
    return rows[0]!.count;
  };
  expect(await reader(process(), sessionId).store.load()).toBeUndefined();
  expect(await told()).toBe(0);
  // The first one died before it had written where the account stands.
  const next = reader(process(), sessionId);
  expect(await next.store.load()).toBeUndefined();
  expect(await told()).toBe(1);
  await next.handler([message(1)], [standing(1)]);
  expect(await reader(process(), sessionId).store.load()).toMatchObject({ pts: 1 });
  expect(await told()).toBe(2);
});

test('how a connection stands is told later when it can not be written now', async () => {
  const sessionId = (sessions += 1n);
  const own = process();
  const { store } = reader(own, sessionId);
  await store.load();
  const told = async (): Promise<number> => {
    const { rows } = await sql<{ count: number }>`
      select count(*)::integer as count from watch_events where session_id = ${sessionId}`.execute(
      database.kysely,
    );
    return rows[0]!.count;
  };
  await sql`alter table watch_events rename to watch_events_away`.execute(database.kysely);
  own.stateChanged({ sessionId, state: 'connecting' } as LiveSession);
  own.stateChanged({ sessionId, state: 'connected' } as LiveSession);
  const other = reader(own, (sessions += 1n));
  await other.store.load();
  await expect(other.handler([message(1)], [])).rejects.toThrow('watch_events');
  await sql`alter table watch_events_away rename to watch_events`.execute(database.kysely);
  // The last word; what it replaced needs not be told any more.
  await expect.poll(told).toBe(1);
  const { rows } = await sql<{ connection_state: number }>`
    select connection_state from update_states where session_id = ${sessionId}`.execute(database.kysely);
  expect(rows).toEqual([{ connection_state: ConnectionState.CONNECTED }]);
});
