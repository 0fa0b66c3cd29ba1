import { afterEach, beforeEach, expect, test } from 'vitest';
import { Client } from 'pg';
import { busEvent, createSeen, startHarness, type Harness } from './fixtures/harness.ts';
import { prune, registerConsumer } from './postgres-queries.ts';

let harness: Harness;
let client: Client;

beforeEach(async () => {
  harness = await startHarness('postgres');
  client = new Client({ connectionString: harness.url });
  await client.connect();
  await client.query('set search_path = telegate_events');
});
afterEach(async () => {
  await client.end();
  await harness.stop();
});

test('events older than a week are removed, and consumers go on', async () => {
  const bus = await harness.openBus();
  const old = [busEvent(1, 1), busEvent(1, 2)];
  await bus.publish(old);
  await client.query(`update event set published_time = clock_timestamp() - interval '8 days'`);
  const recent = busEvent(1, 3);
  await bus.publish([recent]);
  expect(await prune(client)).toBe(2);
  expect(await prune(client)).toBe(0);
  const seen = createSeen();
  await bus.consume({ durable: 'd', subjects: ['telegate.v1.>'], handle: seen.handle });
  await seen.waitFor([recent]);
  expect(seen.ids()).toEqual([recent.eventId]);
});

test('a durable that nobody came back for is forgotten, if it was made so', async () => {
  await registerConsumer(client, { durable: 'lasting', startFrom: 'first', forgetAfterMs: undefined });
  await registerConsumer(client, { durable: 'passing', startFrom: 'first', forgetAfterMs: 60_000 });
  await registerConsumer(client, { durable: 'in use', startFrom: 'first', forgetAfterMs: 60_000 });
  await client.query(
    `update consumer set active_time = clock_timestamp() - interval '2 minutes' where durable <> 'in use'`,
  );
  await prune(client);
  const { rows } = await client.query<{ durable: string }>('select durable from consumer order by durable');
  expect(rows.map((row) => row.durable)).toEqual(['in use', 'lasting']);
});

test('one event that the table refuses does not hold up the others, except those of its entity', async () => {
  const bus = await harness.openBus();
  const bad = { ...busEvent(1, 1), tenantId: 'no uuid' };
  const after = { ...busEvent(1, 2), tenantId: 'no uuid' };
  const outcomes = await bus.publish([busEvent(2, 1), bad, after, busEvent(3, 1)]);
  expect(outcomes.map((outcome) => outcome.ok)).toEqual([true, false, false, true]);
});
