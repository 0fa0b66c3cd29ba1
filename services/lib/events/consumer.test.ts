import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { handleOnce, pruneInbox } from './consumer.ts';
import type { BusEvent } from './bus.ts';
import { busEvent, startHarness, type Harness } from './fixtures/harness.ts';

let harness: Harness;

beforeEach(async () => {
  harness = await startHarness('postgres');
});
afterEach(() => harness.stop());

function handle(event: BusEvent, durable = 'd', fail = false): Promise<string> {
  return harness.database.kysely.transaction().execute((trx) =>
    handleOnce(trx, durable, event, async (tx) => {
      const { eventId, entityId, entitySequence } = event;
      await tx
        .insertInto('effect')
        .values({ event_id: eventId, entity: entityId, sequence: entitySequence.toString() })
        .execute();
      if (fail) throw new Error('half done');
    }),
  );
}

async function effects(): Promise<number[]> {
  const rows = await harness.database.kysely.selectFrom('effect').select('sequence').execute();
  return rows.map((row) => Number(row.sequence));
}

describe('handleOnce', () => {
  test('applies an event once', async () => {
    const event = busEvent(1, 1);
    expect(await handle(event)).toBe('applied');
    expect(await handle(event)).toBe('duplicate');
    expect(await effects()).toEqual([1]);
  });

  test('drops a lower sequence of the same entity, and of no other', async () => {
    expect(await handle(busEvent(1, 5))).toBe('applied');
    expect(await handle(busEvent(1, 4))).toBe('outdated');
    expect(await handle(busEvent(2, 1))).toBe('applied');
    expect(await handle({ ...busEvent(1, 1), subject: 'telegate.v1.messaging.1.sent' })).toBe('applied');
    expect(await handle(busEvent(1, 6))).toBe('applied');
    expect(await effects()).toEqual([5, 1, 1, 6]);
  });

  test('an effect that fails takes its mark with it', async () => {
    const event = busEvent(1, 1);
    await expect(handle(event, 'd', true)).rejects.toThrow('half done');
    expect(await effects()).toEqual([]);
    expect(await handle(event)).toBe('applied');
  });

  test('durables do not know of each other', async () => {
    const event = busEvent(1, 1);
    expect(await handle(event, 'one')).toBe('applied');
    expect(await handle(event, 'two')).toBe('applied');
  });

  test('the same event in many transactions at once is applied by one', async () => {
    const event = busEvent(1, 1);
    const outcomes = await Promise.all(Array.from({ length: 5 }, () => handle(event)));
    expect(outcomes.toSorted()).toEqual(['applied', 'duplicate', 'duplicate', 'duplicate', 'duplicate']);
  });
});

test('old marks are removed, and what was applied last of an entity stays known', async () => {
  await handle(busEvent(1, 7));
  await handle(busEvent(2, 1));
  await harness.database.kysely
    .updateTable('inbox')
    .set({ handled_time: new Date(Date.now() - 9 * 24 * 3600 * 1000) })
    .where('event_id', 'in', (query) =>
      query.selectFrom('effect').select('event_id').where('entity', '=', '1'),
    )
    .execute();
  expect(await pruneInbox(harness.database.kysely)).toBe(1);
  expect(await pruneInbox(harness.database.kysely)).toBe(0);
  expect(await handle(busEvent(1, 6))).toBe('outdated');
});
