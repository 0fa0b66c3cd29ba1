import { randomUUIDv7 } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import pg from 'pg';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { SessionState } from '#gen/telegate/session_pool/v1/session_pb.ts';
import type { WatchMessagesResponse } from '#gen/telegate/messaging/v1/messaging_service_pb.ts';
import { openDatabase } from '#lib/postgres/database.ts';
import { testServerUrl } from '../../../tests/support/postgres.ts';
import type { ServiceProcess } from '../../../tests/support/service-process.ts';
import { quiet } from '../../../tests/support/driver.ts';
import { startMessagingMesh, type MessagingMesh } from '../../../tests/support/messaging.ts';
import { natsMissing, startNats, type NatsServer } from '../../../tests/support/nats.ts';
import type { MessagingTables } from '../tables.ts';
import { pruneByAge, pruneByCount } from './store.ts';
import { casesOf, connected, numbered, say, textsOf, watch, type Watched } from './test-watch.ts';

let mesh: MessagingMesh;
beforeAll(async () => {
  mesh = await startMessagingMesh({ replicas: 1 });
});
afterAll(() => mesh.stop());

const cleanups: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function replica(): Promise<ServiceProcess> {
  const made = await mesh.replica();
  cleanups.push(() => made.stop());
  return made;
}

interface At {
  readonly address?: string;
  readonly accountIds?: string[];
  readonly cursor?: string;
}

function watched(tenantId: string, { address, ...request }: At = {}): Watched {
  const made = watch(mesh.client(tenantId, address === undefined ? {} : { address }), request);
  cleanups.push(made.stop);
  return made;
}

async function pair(tenantId: string) {
  return { ann: await mesh.session(tenantId), bob: { account: mesh.telegram.account() } };
}

function logs() {
  const database = openDatabase<MessagingTables>({
    url: mesh.pool.database.url,
    schema: 'messaging',
    poolSize: 1,
    applicationName: 'test',
    log: quiet,
  });
  cleanups.push(() => database.close());
  return database;
}

test('a watcher on another replica than the owner hears the same, in the same order', async () => {
  const tenantId = randomUUIDv7();
  const { ann, bob } = await pair(tenantId);
  const other = await replica();
  const atOwner = watched(tenantId, { accountIds: [ann.accountId] });
  await connected(atOwner);
  const elsewhere = watched(tenantId, { accountIds: [ann.accountId], address: other.address });
  await connected(elsewhere);
  const texts = numbered('both', 200);
  for (const text of texts) await say(mesh, bob, ann, text);
  await expect.poll(() => elsewhere.texts(), { timeout: 10_000 }).toEqual(texts);
  expect(atOwner.texts()).toEqual(texts);
  // A cursor of one replica is good at the other.
  const cursor = atOwner.events.find(
    ({ event }) => event.case === 'messageAdded' && event.value.text === 'both 150',
  )!.cursor;
  const resumed = watched(tenantId, { cursor, address: other.address });
  await expect.poll(() => resumed.texts()).toEqual(texts.slice(150));
});

test('the owner is killed while messages come: the watch goes on elsewhere, with nothing lost', async () => {
  const tenantId = randomUUIDv7();
  const { ann, bob } = await pair(tenantId);
  const owner = await replica();
  const first = watched(tenantId, { accountIds: [ann.accountId], address: owner.address });
  await connected(first);
  const texts = numbered('kill', 300);
  for (const text of texts.slice(0, 150)) await say(mesh, bob, ann, text);
  await expect.poll(() => first.texts().length).toBeGreaterThan(10);
  const killed = owner.stop('SIGKILL');
  for (const text of texts.slice(150)) await say(mesh, bob, ann, text);
  await killed;
  await first.ended;
  const seen = first.texts();
  expect(seen).toEqual(texts.slice(0, seen.length));
  const resumed = watched(tenantId, { accountIds: [ann.accountId], cursor: first.cursor() });
  await expect.poll(() => resumed.texts().at(-1), { timeout: 40_000 }).toBe('kill 300');
  expect([...seen, ...resumed.texts()]).toEqual(texts);
  expect(await mesh.doubledKeys()).toEqual([]);
}, 90_000);

test('a reader that stops is told what it missed, and goes on', async () => {
  const tenantId = randomUUIDv7();
  const { ann, bob } = await pair(tenantId);
  const witness = watched(tenantId, { accountIds: [ann.accountId] });
  await connected(witness);
  const slow = mesh.client(tenantId).watchMessages({ accountIds: [ann.accountId] });
  const stream = slow[Symbol.asyncIterator]();
  cleanups.push(() => stream.return?.());
  const events: WatchMessagesResponse[] = [(await stream.next()).value as WatchMessagesResponse];
  const body = 'x'.repeat(1_500);
  for (let sent = 0; sent < 3_000; sent += 50)
    await Promise.all(numbered(body, 50).map((text) => say(mesh, bob, ann, text)));
  await expect.poll(() => witness.texts().length, { timeout: 30_000 }).toBe(3_000);
  const database = logs();
  await pruneByCount(database.kysely, ann.sessionId, { most: 100, limit: 10_000 });
  await say(mesh, bob, ann, 'the last');
  while (textsOf(events.slice(-1))[0] !== 'the last')
    events.push((await stream.next()).value as WatchMessagesResponse);
  expect(casesOf(events)).toContain('gap');
  const gap = events.findIndex(({ event }) => event.case === 'gap' && event.value.reason.includes('slow'));
  // Before it what it had been sent, behind it what the log still had, and both whole.
  expect(textsOf(events.slice(gap))).toHaveLength(101);
  expect(textsOf(events).length).toBeLessThan(3_000);
  const positions = events.map(({ cursor }) => Number(cursor.slice(3)));
  expect(positions).toEqual(positions.toSorted((a, b) => a - b));
}, 90_000);

test('a cursor that is too old begins with a gap', async () => {
  const tenantId = randomUUIDv7();
  const { ann, bob } = await pair(tenantId);
  const first = watched(tenantId, { accountIds: [ann.accountId] });
  await connected(first);
  for (const text of numbered('old', 5)) await say(mesh, bob, ann, text);
  await expect.poll(() => first.texts()).toHaveLength(5);
  const { cursor } = first.events.find(({ event }) => event.case === 'messageAdded')!;
  const database = logs();
  first.stop();
  await first.ended;
  expect(await pruneByAge(database.kysely, 3_600_000, 1_000)).toBe(0);
  expect(await pruneByAge(database.kysely, 0, 10_000)).toBeGreaterThan(5);
  const late = watched(tenantId, { accountIds: [ann.accountId], cursor });
  await expect.poll(() => casesOf(late.events)).toContain('gap');
  await say(mesh, bob, ann, 'new');
  await expect.poll(() => late.texts()).toEqual(['new']);
});

test('an account that is banned ends a stream that watches nothing else', async () => {
  const tenantId = randomUUIDv7();
  const { ann, bob } = await pair(tenantId);
  const other = await mesh.session(tenantId);
  const alone = watched(tenantId, { accountIds: [ann.accountId] });
  const both = watched(tenantId, { accountIds: [ann.accountId, other.accountId] });
  await connected(alone);
  await connected(both, 2);
  await mesh.pool.client(tenantId).invalidateSession({
    sessionId: ann.sessionId,
    condition: SessionState.BANNED,
    reason: 'USER_DEACTIVATED_BAN',
  });
  expect(await alone.ended).toMatchObject({
    reason: expect.toBeOneOf([ErrorReason.ACCOUNT_BANNED, ErrorReason.SESSION_UNUSABLE]) as ErrorReason,
  });
  await say(mesh, bob, other, 'still here');
  await expect.poll(() => both.texts()).toEqual(['still here']);
});

test('an account that Telegram bans while it is watched: the stream says so and ends', async () => {
  const tenantId = randomUUIDv7();
  const { ann, bob } = await pair(tenantId);
  const alone = watched(tenantId, { accountIds: [ann.accountId] });
  await connected(alone);
  await say(mesh, bob, ann, 'before');
  await expect.poll(() => alone.texts()).toEqual(['before']);
  await mesh.control.control.createFault({
    spec: {
      scope: { accountIds: [String(ann.account.id)] },
      fault: { case: 'rpcError', value: { code: 401, text: 'USER_DEACTIVATED_BAN' } },
    },
  });
  // It comes to light at the next call, here that of a connection made anew.
  await mesh.control.control.closeConnections({ scope: { accountIds: [String(ann.account.id)] } });
  expect(await alone.ended).toMatchObject({
    reason: expect.toBeOneOf([ErrorReason.ACCOUNT_BANNED, ErrorReason.SESSION_UNUSABLE]) as ErrorReason,
  });
  await mesh.control.control.deleteAllFaults({});
}, 60_000);

test('the database is away for a while: the stream stays, and all that came arrives once', async () => {
  const tenantId = randomUUIDv7();
  const { ann, bob } = await pair(tenantId);
  const stream = watched(tenantId, { accountIds: [ann.accountId] });
  await connected(stream);
  await say(mesh, bob, ann, 'before');
  await expect.poll(() => stream.texts()).toEqual(['before']);
  const name = new URL(mesh.pool.database.url).pathname.slice(1);
  const admin = new pg.Client({ connectionString: testServerUrl() });
  await admin.connect();
  cleanups.push(() => admin.end());
  await admin.query(`alter database ${name} allow_connections false`);
  try {
    await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name]);
    for (const text of numbered('during', 50)) await say(mesh, bob, ann, text);
  } finally {
    await admin.query(`alter database ${name} allow_connections true`);
  }
  await say(mesh, bob, ann, 'after');
  const all = ['before', ...numbered('during', 50), 'after'];
  await expect.poll(() => stream.texts(), { timeout: 30_000 }).toEqual(all);
}, 60_000);

describe.skipIf(natsMissing)(`with the broker ${natsMissing ?? ''}`, () => {
  let nats: NatsServer;
  let withNats: MessagingMesh;
  beforeAll(async () => {
    nats = await startNats();
    withNats = await startMessagingMesh({ replicas: 1, natsUrl: nats.url });
  });
  afterAll(async () => {
    await withNats.stop();
    await nats.stop();
  });

  test('away, watchers lose nothing, and what was received is published when it is back', async () => {
    const tenantId = randomUUIDv7();
    const ann = await withNats.session(tenantId);
    const bob = { account: withNats.telegram.account() };
    const stream = watch(withNats.client(tenantId), { accountIds: [ann.accountId] });
    cleanups.push(stream.stop);
    await connected(stream);
    await nats.kill();
    const texts = numbered('dark', 20);
    for (const text of texts) await say(withNats, bob, ann, text);
    await expect.poll(() => stream.texts(), { timeout: 10_000 }).toEqual(texts);
    const client = new pg.Client({ connectionString: withNats.pool.database.url });
    await client.connect();
    cleanups.push(() => client.end());
    const waiting = async (): Promise<number> => {
      const { rows } = await client.query<{ count: string }>(
        `select count(*) from messaging.outbox where subject like '%message_received'`,
      );
      return Number(rows[0]!.count);
    };
    expect(await waiting()).toBe(20);
    await nats.start();
    await vi.waitFor(async () => expect(await waiting()).toBe(0), { timeout: 30_000, interval: 200 });
  }, 90_000);
});
