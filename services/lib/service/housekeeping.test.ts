import { randomUUIDv7 } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createFakeClock } from '#lib/lifecycle/clock-fake.ts';
import { createLogger } from '#lib/telemetry/log.ts';
import { openDatabase, type Database } from '#lib/postgres/database.ts';
import { createTestDatabase, type TestDatabase } from '../../../tests/support/postgres.ts';
import { keepHouse } from './housekeeping.ts';

const log = createLogger({ service: 'test', level: 'silent' });
// A schema that has both tables which every house has.
const migrations = [
  {
    schema: 'proxy_registry',
    folder: fileURLToPath(new URL('../../proxy-registry/migrations', import.meta.url)),
  },
];

let made: TestDatabase;
let database: Database<unknown>;
beforeAll(async () => {
  made = await createTestDatabase({ migrations });
  database = openDatabase({
    url: made.url,
    schema: 'proxy_registry',
    poolSize: 4,
    applicationName: 'test',
    log,
  });
});
afterAll(async () => {
  await database.close();
  await made.drop();
});

const HALF_A_MINUTE = 30_000;

test('old answers go and young ones stay; a piece is repeated while it is full', async () => {
  const [old, young] = [randomUUIDv7(), randomUUIDv7()];
  for (const [requestId, age] of [
    [old, '25 hours'],
    [young, '23 hours'],
  ])
    await sql`
      insert into replays (principal, method, request_id, body_hash, answer, create_time)
      values ('key:test', 'Call', ${requestId}, '', '', clock_timestamp() - ${age}::interval)`.execute(
      database.kysely,
    );
  let left = 3;
  const stop = keepHouse({ database, clock: createFakeClock(), log, random: () => 0 }, [
    (rows) => Promise.resolve((left -= 1) > 0 ? rows : rows - 1),
  ]);
  await expect.poll(() => left).toBe(0);
  await stop();
  const { rows } = await sql<{ request_id: string }>`
    select request_id from replays where request_id in (${old}, ${young})`.execute(database.kysely);
  expect(rows).toEqual([{ request_id: young }]);
});

test('a failure is tried again after the pause, and its stop ends the pause', async () => {
  const clock = createFakeClock();
  let tries = 0;
  const stop = keepHouse({ database, clock, log, random: () => 0.5 }, [
    () => {
      tries += 1;
      return tries === 1 ? Promise.reject(new Error('away')) : Promise.resolve(0);
    },
  ]);
  await expect.poll(() => clock.pendingTimers).toBe(1);
  await clock.advance(HALF_A_MINUTE);
  expect(tries).toBe(1);
  await clock.advance(0.1 * HALF_A_MINUTE);
  await expect.poll(() => tries).toBe(2);
  await expect.poll(() => clock.pendingTimers).toBe(1);
  await stop();
  expect(clock.pendingTimers).toBe(0);
});
