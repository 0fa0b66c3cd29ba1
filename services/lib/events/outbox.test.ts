import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { append, manyEvents, newEvent, startHarness, type Harness } from './fixtures/harness.ts';
import { InvalidEvent, MAX_PAYLOAD_BYTES } from './outbox.ts';

let harness: Harness;

beforeAll(async () => {
  harness = await startHarness('postgres');
});
afterAll(() => harness.stop());

test('events are written as they are, in the order given, in one statement', async () => {
  const payload = randomBytes(300);
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  const events = [{ ...newEvent('x-1', 2 ** 40), payload, traceparent }, ...manyEvents(100, 30)];
  await append(harness.database, events);
  const rows = await harness.database.kysely.selectFrom('outbox').selectAll().orderBy('position').execute();
  expect(rows.map((row) => row.event_id)).toEqual(events.map((event) => event.eventId));
  expect(rows[0]).toMatchObject({
    subject: 'telegate.v1.session_pool.x-1.lease_acquired',
    entity_id: 'x-1',
    entity_sequence: BigInt(2 ** 40),
    traceparent,
  });
  expect(Buffer.compare(rows[0]?.payload ?? Buffer.alloc(0), payload)).toBe(0);
  expect(rows[1]?.traceparent).toBeNull();
});

test('no events are no statement', async () => {
  await expect(append(harness.database, [])).resolves.toBeUndefined();
});

test.each([
  'telegate.v1.session_pool.lease_acquired',
  'telegate.v1.session_pool.1.2.lease_acquired',
  'telegate.v2.session_pool.1.lease_acquired',
  'telegate.v1.session_pool.*.lease_acquired',
  'telegate.v1.session_pool.a b.lease_acquired',
  `telegate.v1.session_pool.${'x'.repeat(300)}.lease_acquired`,
])('the subject %s is refused before anything is written', async (subject) => {
  await expect(append(harness.database, [newEvent(1, 1), { ...newEvent(1, 2), subject }])).rejects.toThrow(
    InvalidEvent,
  );
});

test('a payload that no broker takes is refused before anything is written', async () => {
  const payload = new Uint8Array(MAX_PAYLOAD_BYTES + 1);
  await expect(append(harness.database, [{ ...newEvent(1, 1), payload }])).rejects.toThrow(/at most 524288/);
});
