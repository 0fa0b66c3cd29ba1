import { randomUUIDv7 } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createFakeClock } from '#lib/lifecycle/clock-fake.ts';
import {
  addSessions,
  anySession,
  createTestPool,
  leaseRequest,
  type TestPool,
} from '../../../tests/support/pool.ts';
import { acquireLeases } from './acquire.ts';
import { createCandidates, type Candidates } from './candidates.ts';

const sessions = (count: number): bigint[] => Array.from({ length: count }, (_, index) => BigInt(index + 1));

describe('what is known of candidates', () => {
  test('each is given once, in order', () => {
    const known = createCandidates(createFakeClock());
    known.keep('any', sessions(300));
    expect(known.take('any', 2)).toEqual([1n, 2n]);
    expect(known.take('any', 3)).toEqual([3n, 4n, 5n]);
    expect(known.take('other', 1)).toBeUndefined();
  });

  test('is trusted for a quarter of a second', async () => {
    const clock = createFakeClock();
    const known = createCandidates(clock);
    known.keep('any', sessions(300));
    await clock.advance(249);
    expect(known.take('any', 1)).toEqual([1n]);
    await clock.advance(1);
    expect(known.take('any', 1)).toBeUndefined();
  });

  test('is nothing where few are left, so that the longest unused goes first there', () => {
    const known = createCandidates(createFakeClock());
    known.keep('few', sessions(127));
    expect(known.take('few', 1)).toBeUndefined();
    known.keep('many', sessions(129));
    expect(known.take('many', 2)).toEqual([1n, 2n]);
    expect(known.take('many', 1)).toBeUndefined();
  });

  test('is bounded, the oldest forgotten first', () => {
    const known = createCandidates(createFakeClock());
    for (let key = 0; key <= 100; key += 1) known.keep(String(key), sessions(200));
    expect(known.take('0', 1)).toBeUndefined();
    expect(known.take('100', 1)).toEqual([1n]);
  });
});

describe('acquiring by what is known', () => {
  let pool: TestPool;
  beforeAll(async () => {
    pool = await createTestPool();
  });
  afterAll(() => pool.close());

  /** A tenant with so many sessions, the first of which has been used the longest ago. */
  async function tenantWith(count: number): Promise<{ tenant: string; ids: bigint[]; known: Candidates }> {
    const tenant = randomUUIDv7();
    const ids = await addSessions(pool, tenant, count);
    return { tenant, ids, known: createCandidates(pool.clock) };
  }

  async function acquire(tenant: string, count: number, known: Candidates): Promise<bigint[]> {
    const requests = Array.from({ length: count }, () => leaseRequest(tenant));
    const outcomes = await acquireLeases(pool, requests, known);
    return outcomes.map((outcome) => {
      if (outcome.kind !== 'granted') throw new Error(`not granted: ${outcome.kind}`);
      return outcome.lease.session_id;
    });
  }

  test('batch after batch takes the sessions in the order of their use', async () => {
    const { tenant, ids, known } = await tenantWith(300);
    const taken = [...(await acquire(tenant, 3, known)), ...(await acquire(tenant, 3, known))];
    expect(taken).toEqual(ids.slice(0, 6));
    // Of the 297 that the first batch saw, the second took its own.
    expect(known.take(`${tenant} ${ANY}`, 1)).toEqual([ids[6]]);
  });

  test('what another replica took meanwhile is passed over, and nobody is refused for it', async () => {
    const { tenant, ids, known } = await tenantWith(300);
    await acquire(tenant, 1, known);
    const elsewhere = await acquire(tenant, 5, createCandidates(pool.clock));
    expect(elsewhere).toEqual(ids.slice(1, 6));
    expect(await acquire(tenant, 4, known)).toEqual(ids.slice(6, 10));
  });

  test('what ceased to be free meanwhile is not granted', async () => {
    const { tenant, ids, known } = await tenantWith(300);
    await acquire(tenant, 1, known);
    await sql`update slots set condition = 1 where session_id = any(${ids.slice(1, 4)}::bigint[])`.execute(
      pool.database.kysely,
    );
    expect(await acquire(tenant, 2, known)).toEqual(ids.slice(4, 6));
  });

  test('the last of many are granted though fewer are known than wanted', async () => {
    const { tenant, ids, known } = await tenantWith(200);
    const taken = new Set<bigint>();
    for (let batch = 0; batch < 4; batch += 1)
      for (const sessionId of await acquire(tenant, 50, known)) taken.add(sessionId);
    expect(taken).toEqual(new Set(ids));
    const [outcome] = await acquireLeases(pool, [leaseRequest(tenant)], known);
    expect(outcome).toEqual({ kind: 'none_free' });
  });
});

const ANY = JSON.stringify([null, null, [], anySession.forMethod]);
