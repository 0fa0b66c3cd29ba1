import { randomUUIDv7 } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { fromBinary } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EventSchema } from '#gen/telegate/events/v1/events_pb.ts';
import { createFakeClock } from '#lib/lifecycle/clock-fake.ts';
import { openDatabase } from '#lib/postgres/database.ts';
import { createLogger } from '#lib/telemetry/log.ts';
import { createTestDatabase, type TestDatabase } from '../../../tests/support/postgres.ts';
import type { MessagingDatabase, MessagingTables } from '../tables.ts';
import { createTeller } from './tell.ts';

const SCHEMA = 'messaging';
const log = createLogger({ service: 'messaging', level: 'silent' });
let made: TestDatabase;
let database: MessagingDatabase;
beforeAll(async () => {
  const folder = fileURLToPath(new URL('../migrations', import.meta.url));
  made = await createTestDatabase({ migrations: [{ schema: SCHEMA, folder }] });
  database = openDatabase<MessagingTables>({
    url: made.url,
    schema: SCHEMA,
    poolSize: 2,
    applicationName: 'test',
    log,
  });
});
afterAll(async () => {
  await database.close();
  await made.drop();
});

test('breakers and sessions are told of in order, each with its own count', async () => {
  const clock = createFakeClock();
  const operatorTenant = randomUUIDv7();
  const tenantId = randomUUIDv7();
  let woken = 0;
  const teller = createTeller({ database, operatorTenant, clock, log, wakeRelay: () => void (woken += 1) });
  const breaker = { name: 'proxy:4f', kind: 'proxy', accounts: 3, failing: 3 } as const;
  teller.breaker({ ...breaker, position: 'open', probeInMs: 5_000.5 });
  teller.breaker({ ...breaker, position: 'half_open' });
  teller.breaker({ ...breaker, position: 'closed' });
  teller.degraded({ sessionId: 7n, tenantId }, 'no connection');
  teller.limited({ sessionId: 7n, tenantId }, 'PEER_FLOOD');
  await teller.settled();
  expect(woken).toBe(4);
  const { rows } = await sql<{ subject: string; payload: Buffer }>`
    select subject, payload from outbox order by position`.execute(database.kysely);
  expect(rows.map(({ subject }) => subject)).toEqual([
    'telegate.v1.messaging.proxy-4f.breaker_opened',
    'telegate.v1.messaging.proxy-4f.breaker_closed',
    'telegate.v1.messaging.7.session_degraded',
    'telegate.v1.messaging.7.session_limited',
  ]);
  const events = rows.map(({ payload }) => fromBinary(EventSchema, payload));
  expect(events.map(({ sequence }) => sequence)).toEqual([1n, 2n, 1n, 2n]);
  expect(events.map((event) => event.tenantId)).toEqual([operatorTenant, operatorTenant, tenantId, tenantId]);
  const opened = events[0]!.payload;
  expect(opened.case === 'breakerOpened' && timestampMs(opened.value.probeTime!) - clock.now()).toBe(5_001);
});
