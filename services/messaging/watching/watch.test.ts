import { randomUUIDv7 } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import pg from 'pg';
import { ConnectionState } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { startMessagingMesh, type MessagingMesh } from '../../../tests/support/messaging.ts';
import { casesOf, connected, numbered, say, watch, type Watched } from './test-watch.ts';

let mesh: MessagingMesh;
let database: pg.Client;
beforeAll(async () => {
  mesh = await startMessagingMesh({ replicas: 1, env: { WATCH_LOG_EVENTS: '10000' } });
  database = new pg.Client({ connectionString: mesh.pool.database.url });
  await database.connect();
});
afterAll(async () => {
  await database.end();
  await mesh.stop();
});

const cleanups: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

function watched(tenantId: string, request: { accountIds?: string[]; cursor?: string } = {}): Watched {
  const made = watch(mesh.client(tenantId), request);
  cleanups.push(made.stop);
  return made;
}

async function pair(tenantId: string) {
  return { ann: await mesh.session(tenantId), bob: { account: mesh.telegram.account() } };
}

test('what happens to an account arrives in its order, each event with a cursor', async () => {
  const tenantId = randomUUIDv7();
  const { ann, bob } = await pair(tenantId);
  const { control } = mesh.control;
  const stream = watched(tenantId, { accountIds: [ann.accountId] });
  await connected(stream);
  const accountId = String(bob.account.id);
  const peer = { peer: { case: 'accountId' as const, value: String(ann.account.id) } };
  const { message } = await control.sendMessage({ accountId, to: peer, text: 'hello' });
  await expect.poll(() => stream.texts()).toEqual(['hello']);
  await control.editMessage({ accountId, peer, messageId: message!.messageId, text: 'hello!' });
  await control.setReaction({ accountId, peer, messageId: message!.messageId, emoji: '👍' });
  await control.markRead({
    accountId: String(ann.account.id),
    peer: { peer: { case: 'accountId', value: accountId } },
    upToMessageId: 0,
  });
  await control.deleteMessages({ accountId, peer, messageIds: [message!.messageId] });
  await expect.poll(() => casesOf(stream.events)).toContain('messagesDeleted');
  const cases = casesOf(stream.events).filter((kind) => kind !== 'gap');
  expect(cases[0]).toBe('messageAdded');
  expect(cases.slice(1, 2)).toEqual(['messageEdited']);
  expect(cases).toContain('reactionsChanged');
  expect(cases).toContain('chatRead');
  expect(cases.at(-1)).toBe('messagesDeleted');
  const edited = stream.events.find(({ event }) => event.case === 'messageEdited')!;
  expect(edited).toMatchObject({
    accountId: ann.accountId,
    event: { value: { text: 'hello!', outgoing: false, peer: { peer: `user:${accountId}` } } },
  });
  expect(new Set(stream.events.map(({ accountId: of }) => of))).toEqual(new Set([ann.accountId]));
  expect(stream.events.every(({ cursor }) => cursor !== '')).toBe(true);
});

test('a thousand messages arrive each once and in order, and are published as received', async () => {
  const tenantId = randomUUIDv7();
  const { ann, bob } = await pair(tenantId);
  const stream = watched(tenantId, { accountIds: [ann.accountId] });
  await connected(stream);
  const texts = numbered('number', 1_000);
  for (const text of texts) await say(mesh, bob, ann, text);
  await expect.poll(() => stream.texts().length, { timeout: 20_000 }).toBe(texts.length);
  expect(stream.texts()).toEqual(texts);
  await expect
    .poll(async () => {
      const { rows } = await database.query<{ count: string }>(
        `select last_sequence::text as count from messaging.event_sequences where entity_id = $1`,
        [String(ann.sessionId)],
      );
      return rows[0]?.count;
    })
    .toBe('1000');
});

test('a new stream goes on after the cursor, with what came meanwhile and nothing twice', async () => {
  const tenantId = randomUUIDv7();
  const { ann, bob } = await pair(tenantId);
  const first = watched(tenantId, { accountIds: [ann.accountId] });
  await connected(first);
  for (const text of numbered('early', 3)) await say(mesh, bob, ann, text);
  await expect.poll(() => first.texts()).toEqual(numbered('early', 3));
  const second = first.events.find(
    ({ event }) => event.case === 'messageAdded' && event.value.text === 'early 2',
  )!;
  first.stop();
  await first.ended;
  await say(mesh, bob, ann, 'late');
  const resumed = watched(tenantId, { accountIds: [ann.accountId], cursor: second.cursor });
  await expect.poll(() => resumed.texts()).toEqual(['early 3', 'late']);
  const all = watched(tenantId, { cursor: second.cursor });
  await expect.poll(() => all.texts()).toEqual(['early 3', 'late']);
  const now = watched(tenantId);
  await connected(now);
  await say(mesh, bob, ann, 'new');
  await expect.poll(() => now.texts()).toEqual(['new']);
});

test('all of the tenant, later accounts included, and nobody else', async () => {
  const tenantId = randomUUIDv7();
  const { ann, bob } = await pair(tenantId);
  const stream = watched(tenantId);
  await connected(stream, 1);
  const eve = await mesh.session(tenantId);
  const stranger = await mesh.session(randomUUIDv7());
  await connected(stream, 2);
  await say(mesh, bob, eve, 'to eve');
  await say(mesh, bob, stranger, 'to a stranger');
  await say(mesh, bob, ann, 'to ann');
  await expect.poll(() => stream.texts()).toEqual(['to eve', 'to ann']);
});

test('200 watchers of one account cost one connection and one reading of the log', async () => {
  const tenantId = randomUUIDv7();
  const { ann, bob } = await pair(tenantId);
  const client = mesh.client(tenantId);
  const streams = Array.from({ length: 200 }, () => watch(client, { accountIds: [ann.accountId] }));
  cleanups.push(() => streams.forEach((stream) => stream.stop()));
  await Promise.all(streams.map((stream) => connected(stream)));
  for (const text of numbered('to all', 20)) await say(mesh, bob, ann, text);
  const isTold = (): boolean => streams.every((stream) => stream.texts().length === 20);
  await expect.poll(isTold, { timeout: 10_000 }).toBe(true);
  for (const stream of streams) expect(stream.texts()).toEqual(numbered('to all', 20));
  const { connections } = await mesh.control.control.listConnections({
    openOnly: true,
    accountId: String(ann.account.id),
  });
  expect(connections).toHaveLength(1);
});

test('an account that was refused and that a call has taken since is connected: that is the last word', async () => {
  const tenantId = randomUUIDv7();
  const { ann } = await pair(tenantId);
  const lease = await mesh.lease(tenantId, ann.sessionId);
  const stream = watched(tenantId, { accountIds: [ann.accountId] });
  const states = (): ConnectionState[] =>
    stream.events.flatMap(({ event }) => (event.case === 'connectionState' ? [event.value] : []));
  await expect.poll(states).toContain(ConnectionState.DEGRADED);
  const degraded = stream.events.find(({ event }) => event.value === ConnectionState.DEGRADED);
  expect(degraded!.stateReason).toContain('a desk');
  await mesh.pool.client(tenantId).releaseLease({ lease });
  const actor = { actor: { case: 'accountId', value: ann.accountId } } as const;
  await mesh.client(tenantId).getMe({ actor });
  // Whoever keeps it for the watch finds it a moment later, and connected.
  const since = (): ConnectionState[] => states().slice(states().lastIndexOf(ConnectionState.DEGRADED) + 1);
  await expect.poll(() => since().length).toBeGreaterThanOrEqual(3);
  await expect.poll(() => since().at(-1)).toBe(ConnectionState.CONNECTED);
});

test('what another tenant has is not there', async () => {
  const { accountId } = await mesh.session(randomUUIDv7());
  const tenantId = randomUUIDv7();
  const own = await mesh.session(tenantId);
  for (const wanted of [[accountId], [own.accountId, accountId], [randomUUIDv7()]])
    expect(await watched(tenantId, { accountIds: wanted }).ended).toMatchObject({
      reason: ErrorReason.NOT_FOUND,
    });
});

test.each([
  ['a cursor that is none', { cursor: 'yesterday' }],
  ['a cursor of no event', { cursor: 'w1.999999' }],
  ['an id that is none', { accountIds: ['ann'] }],
  ['too many accounts', { accountIds: Array.from({ length: 1_001 }, () => randomUUIDv7()) }],
])('%s is refused', async (_name, request) => {
  expect(await watched(randomUUIDv7(), request).ended).toMatchObject({ reason: ErrorReason.INVALID_FIELD });
});

test('without the scope nothing is watched', async () => {
  const client = mesh.client(randomUUIDv7(), { scopes: ['message:send'] });
  expect(await watch(client).ended).toMatchObject({ reason: ErrorReason.SCOPE_MISSING });
});

test('texts do not lie in the log in the clear', async () => {
  const tenantId = randomUUIDv7();
  const { ann, bob } = await pair(tenantId);
  const stream = watched(tenantId, { accountIds: [ann.accountId] });
  await connected(stream);
  await say(mesh, bob, ann, 'a secret that is easy to find');
  await expect.poll(() => stream.texts()).toHaveLength(1);
  const { rows } = await database.query<{ body: Buffer }>(
    'select body from messaging.watch_events where session_id = $1',
    [String(ann.sessionId)],
  );
  expect(rows.length).toBeGreaterThan(1);
  for (const { body } of rows) expect(body.includes('easy to find')).toBe(false);
});

test('an account that is deleted is told of, and a stream of nothing else ends', async () => {
  const tenantId = randomUUIDv7();
  const { ann, bob } = await pair(tenantId);
  const other = await mesh.session(tenantId);
  const alone = watched(tenantId, { accountIds: [ann.accountId] });
  const both = watched(tenantId, { accountIds: [ann.accountId, other.accountId] });
  await connected(alone);
  await connected(both, 2);
  const pool = mesh.pool.client(tenantId);
  const { sessionId } = ann;
  await pool.invalidateSession({ sessionId, reason: 'is to be deleted' });
  // A forced deletion that finds the socket still open is refused, and the session then leaves by itself.
  await vi.waitFor(
    async () => {
      const isGone = await pool.deleteSession({ sessionId, force: true }).then(
        () => true,
        (error: { reason?: ErrorReason }) => error.reason === ErrorReason.NOT_FOUND,
      );
      expect(isGone).toBe(true);
    },
    { timeout: 20_000 },
  );
  // Which of the two steps is heard first, nobody says.
  expect(await alone.ended).toMatchObject({
    reason: expect.toBeOneOf([ErrorReason.NOT_FOUND, ErrorReason.SESSION_UNUSABLE]) as ErrorReason,
  });
  await say(mesh, bob, other, 'still here');
  await expect.poll(() => both.texts()).toEqual(['still here']);
});

test('no key was ever on two connections', async () => {
  expect(await mesh.doubledKeys()).toEqual([]);
});
