import { randomUUIDv7 } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  addSessions,
  createTestPool,
  leaseRequest,
  readOutbox,
  type TestPool,
} from '../../tests/support/pool.ts';
import { acquireLeases } from './leases/acquire.ts';
import { releaseLeases } from './leases/release.ts';
import { markRestored } from './restored.ts';

let pool: TestPool;
beforeAll(async () => {
  pool = await createTestPool();
});
afterAll(() => pool.close());

test('after a restore nobody gets a session at once, and no token comes twice', async () => {
  const tenant = randomUUIDv7();
  await addSessions(pool, tenant, 2);
  const grant = async () => {
    const [outcome] = await acquireLeases(pool, [leaseRequest(tenant)]);
    return outcome?.kind === 'granted' ? outcome.lease : undefined;
  };
  const known = await grant();
  const forgotten = await grant();
  // The backup was taken between the two.
  await sql`
    update slots set lease_id = null, fencing_token = 0 where session_id = ${forgotten!.session_id}`.execute(
    pool.database.kysely,
  );
  expect(await markRestored(pool.database, 60_000)).toEqual({ epoch: 2, heldBack: 2 });
  expect(await grant()).toBeUndefined();
  const { rows } = await sql`select from slots where lease_id = ${known!.lease_id}::uuid`.execute(
    pool.database.kysely,
  );
  expect(rows).toHaveLength(1);
  // Nor one that the backup knows as leased: since then it may have been leased to somebody else.
  await releaseLeases(pool, [
    { tenantId: tenant, leaseId: known!.lease_id, fencingToken: known!.fencing_token },
  ]);
  expect(await grant()).toBeUndefined();
  await sql`update slots set quarantine_end_time = clock_timestamp()`.execute(pool.database.kysely);
  const again = await grant();
  expect(again!.session_id).toBe(forgotten!.session_id);
  const events = await readOutbox(pool);
  expect(events.at(-1)).toMatchObject({ entityId: String(again!.session_id), sequence: (1n << 40n) + 1n });
  expect(again!.fencing_token).toBeGreaterThan(forgotten!.fencing_token);
});
