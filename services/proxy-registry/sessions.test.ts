import { randomUUID, randomUUIDv7 } from 'node:crypto';
import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EventSchema } from '#gen/telegate/events/v1/events_pb.ts';
import { AssignmentState } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import { openBus, type BusEvent, type EventBus } from '#lib/events/bus.ts';
import { migrate } from '#lib/postgres/migrate.ts';
import { EVENTS_MIGRATIONS, EVENTS_SCHEMA } from '#lib/events/postgres.ts';
import type { Consumer } from '#lib/events/bus.ts';
import { consumeSessions } from './sessions.ts';
import { addProxies, openTestRegistry, wrongCounts, type TestRegistry } from './test-registry.ts';

let registry: TestRegistry;
let bus: EventBus;
let consumer: Consumer;
beforeAll(async () => {
  registry = await openTestRegistry();
  const { url, log } = registry;
  await migrate({ url, schema: EVENTS_SCHEMA, folder: EVENTS_MIGRATIONS, log });
  bus = await openBus({ databaseUrl: url, log });
  consumer = await consumeSessions(registry, bus);
});
afterAll(async () => {
  await consumer.stop();
  await bus.close();
  await registry.close();
});

type Payload = NonNullable<MessageInitShape<typeof EventSchema>['payload']>;

function eventOf(tenantId: string, sessionId: bigint, entitySequence: bigint, payload: Payload): BusEvent {
  const eventId = randomUUIDv7();
  const entityId = String(sessionId);
  const event = create(EventSchema, { eventId, tenantId, entityId, sequence: entitySequence, payload });
  const name = payload.case!.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return {
    eventId,
    subject: `telegate.v1.session_pool.${entityId}.${name}`,
    tenantId,
    entityId,
    entitySequence,
    payload: toBinary(EventSchema, event),
    headers: {},
  };
}

async function places(tenantId: string) {
  const { rows } = await sql<{
    account_id: string | null;
    session_id: bigint | null;
    proxy_id: string | null;
    state: number;
  }>`
    select account_id, session_id, proxy_id, state from assignments
    where tenant_id = ${tenantId}::uuid order by ordinal`.execute(registry.database.kysely);
  return rows;
}

test('a session comes, its account becomes known, it goes, and the account keeps its proxy', async () => {
  const tenantId = randomUUID();
  const [proxyId] = await addProxies(registry, tenantId, 1);
  const added = eventOf(tenantId, 1n, 1n, {
    case: 'sessionAdded',
    value: { sessionId: 1n, name: 'one', environment: 'local', source: 'sync' },
  });
  await bus.publish([added]);
  const place = { account_id: null, session_id: 1n, proxy_id: proxyId, state: AssignmentState.ASSIGNED };
  await expect.poll(() => places(tenantId)).toEqual([place]);
  const accountId = randomUUID();
  await bus.publish([
    eventOf(tenantId, 1n, 2n, { case: 'sessionUpdated', value: { sessionId: 1n, accountId } }),
  ]);
  await expect.poll(() => places(tenantId)).toEqual([{ ...place, account_id: accountId }]);
  await bus.publish([eventOf(tenantId, 1n, 3n, { case: 'sessionRemoved', value: { sessionId: 1n } })]);
  await expect.poll(() => places(tenantId)).toEqual([{ ...place, account_id: accountId, session_id: null }]);
  await bus.publish([
    eventOf(tenantId, 2n, 1n, {
      case: 'sessionAdded',
      value: { sessionId: 2n, name: 'again', environment: 'local', accountId, source: 'login' },
    }),
  ]);
  await expect.poll(() => places(tenantId)).toEqual([{ ...place, account_id: accountId, session_id: 2n }]);
});

test('an account that is deleted leaves its place to the next', async () => {
  const tenantId = randomUUID();
  await addProxies(registry, tenantId, 1, { capacity: 1 });
  const add = (sessionId: bigint, accountId: string) =>
    eventOf(tenantId, sessionId, 1n, {
      case: 'sessionAdded',
      value: { sessionId, name: 's', environment: 'local', accountId, source: 'login' },
    });
  const [first, second] = [randomUUID(), randomUUID()];
  await bus.publish([add(31n, first)]);
  await expect.poll(() => places(tenantId)).toHaveLength(1);
  await bus.publish([eventOf(tenantId, 31n, 2n, { case: 'sessionRemoved', value: { sessionId: 31n } })]);
  await expect.poll(async () => (await places(tenantId))[0]!.session_id).toBeNull();
  const deleted = eventOf(tenantId, 0n, 1n, { case: 'accountDeleted', value: { accountId: first } });
  const subject = `telegate.v1.account_auth.${first}.account_deleted`;
  await bus.publish([{ ...deleted, entityId: first, subject }]);
  await expect.poll(() => places(tenantId)).toEqual([]);
  await bus.publish([add(32n, second)]);
  await expect
    .poll(async () => (await places(tenantId)).map(({ state }) => state))
    .toEqual([AssignmentState.ASSIGNED]);
  expect(await wrongCounts(registry)).toEqual([]);
});

test('a session without an account takes its place with it', async () => {
  const tenantId = randomUUID();
  await addProxies(registry, tenantId, 1, { capacity: 1 });
  const add = (sessionId: bigint) =>
    eventOf(tenantId, sessionId, 1n, {
      case: 'sessionAdded',
      value: { sessionId, name: 's', environment: 'local', source: 'sync' },
    });
  await bus.publish([add(11n)]);
  await expect.poll(() => places(tenantId)).toHaveLength(1);
  await bus.publish([add(12n)]);
  await expect
    .poll(async () => (await places(tenantId)).map(({ state }) => state))
    .toEqual([AssignmentState.ASSIGNED, AssignmentState.WAITING]);
  await bus.publish([eventOf(tenantId, 11n, 2n, { case: 'sessionRemoved', value: { sessionId: 11n } })]);
  await expect.poll(async () => (await places(tenantId)).map(({ session_id }) => session_id)).toEqual([12n]);
  expect(await wrongCounts(registry)).toEqual([]);
});

test('of a tenant without proxies nothing is kept', async () => {
  const [tenantId, other] = [randomUUID(), randomUUID()];
  await addProxies(registry, other, 1);
  for (const owner of [tenantId, other])
    await bus.publish([
      eventOf(owner, 21n, 1n, {
        case: 'sessionAdded',
        value: { sessionId: 21n, name: 's', environment: 'local', source: 'sync' },
      }),
    ]);
  // Events of two tenants with one session id are of two sessions.
  await expect.poll(() => places(other)).toHaveLength(1);
  await expect
    .poll(async () => {
      const { rows } = await sql<{ count: number }>`
        select count(*)::integer as count from inbox_entity where entity like ${`%${tenantId}%`}`.execute(
        registry.database.kysely,
      );
      return rows[0]!.count;
    })
    .toBe(1);
  expect(await places(tenantId)).toEqual([]);
});
