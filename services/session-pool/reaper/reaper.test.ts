import { randomUUIDv7 } from 'node:crypto';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  addSessions,
  createTestPool,
  leaseRequest,
  readOutbox,
  type TestPool,
} from '../../../tests/support/pool.ts';
import { acquireLeases } from '../leases/acquire.ts';
import type { GrantedLease } from '../leases/model.ts';
import { renewLeases } from '../leases/renew.ts';
import { revokeLease } from '../leases/revoke.ts';
import { reportFloodWait, sweepFloodWaits } from '../waits/store.ts';
import { createQueue } from '../queue/queue.ts';
import { startReaper } from './reaper.ts';
import { forgetDeadReplicas, stampAndReap } from './store.ts';

let pool: TestPool;
const tenant = randomUUIDv7();

// A pool a test: the reaper looks at everybody's leases.
beforeEach(async () => {
  pool = await createTestPool();
});
afterEach(() => pool.close());

async function grant(changes = {}): Promise<GrantedLease> {
  const [outcome] = await acquireLeases(pool, [leaseRequest(tenant, changes)]);
  if (outcome?.kind !== 'granted') throw new Error(`not granted: ${outcome?.kind}`);
  return outcome.lease;
}

const held = ({ lease_id, fencing_token }: GrantedLease) => ({
  tenantId: tenant,
  leaseId: lease_id,
  fencingToken: fencing_token,
});

/** Moves a lease's end, as if its last renewal had been so long ago. */
async function endsIn(lease: GrantedLease, seconds: number): Promise<void> {
  await sql`
    update slots set expire_time = clock_timestamp() + ${seconds} * interval '1 s'
    where session_id = ${lease.session_id}`.execute(pool.database.kysely);
}

async function lastStamp(options: { stampedAgo: number; resumedAgo: number }): Promise<void> {
  await sql`
    update availability set
      stamp_time = clock_timestamp() - ${options.stampedAgo} * interval '1 s',
      resume_time = clock_timestamp() - ${options.resumedAgo} * interval '1 s'`.execute(pool.database.kysely);
}

async function reap(): Promise<bigint[]> {
  const reaped = await stampAndReap(pool, 0);
  return [...reaped!.expired, ...reaped!.revoked].map((lease) => lease.session_id);
}

describe('while the service was up', () => {
  beforeEach(() => lastStamp({ stampedAgo: 0.5, resumedAgo: 3_600 }));

  test('a lease whose time is over is reclaimed, one with time left is not', async () => {
    await addSessions(pool, tenant, 2);
    const over = await grant();
    const living = await grant();
    await endsIn(over, -0.01);
    expect(await reap()).toEqual([over.session_id]);
    expect(await renewLeases(pool, [held(over), held(living)])).toMatchObject([undefined, {}]);
    expect((await readOutbox(pool)).map(({ payload }) => payload.case)).toEqual([
      'leaseAcquired',
      'leaseAcquired',
      'leaseExpired',
    ]);
    expect(pool.woken).toEqual([tenant]);
  });

  test('a renewal that came first counts, also when the lease was past its end', async () => {
    await addSessions(pool, tenant, 1);
    const lease = await grant();
    await endsIn(lease, -5);
    expect((await renewLeases(pool, [held(lease)]))[0]).toBeDefined();
    expect(await reap()).toEqual([]);
  });

  test('passes over a slot that somebody is at work on', async () => {
    await addSessions(pool, tenant, 1);
    const lease = await grant();
    await endsIn(lease, -5);
    const other = await pool.database.kysely.startTransaction().execute();
    await sql`select from slots for update`.execute(other);
    expect(await reap()).toEqual([]);
    await other.commit().execute();
    expect(await reap()).toEqual([lease.session_id]);
  });

  test('a session whose key was handed out goes to quarantine', async () => {
    await addSessions(pool, tenant, 1);
    const lease = await grant({ credentials: 2 });
    await endsIn(lease, -0.01);
    await reap();
    expect(await acquireLeases(pool, [leaseRequest(tenant)])).toEqual([{ kind: 'none_free' }]);
    expect((await readOutbox(pool)).at(-1)!.payload).toMatchObject({
      case: 'sessionQuarantined',
      value: { cause: 'lease_expired' },
    });
  });

  test('a lease that was asked back is revoked when the grace is over', async () => {
    await addSessions(pool, tenant, 1);
    const lease = await grant();
    const end = await revokeLease(pool, {
      tenantId: tenant,
      leaseId: lease.lease_id,
      graceMs: 60_000,
      reason: '',
      subject: 'key:operator',
    });
    expect(end.getTime()).toBeGreaterThan(Date.now() + 50_000);
    expect(await reap()).toEqual([]);
    await sql`update slots set drain_time = clock_timestamp()`.execute(pool.database.kysely);
    expect(await reap()).toEqual([lease.session_id]);
    expect((await readOutbox(pool)).at(-1)!.payload.case).toBe('leaseRevoked');
  });

  test('another replica that did it a moment ago, or is doing it, is enough', async () => {
    expect(await stampAndReap(pool, 400)).toBeDefined();
    expect(await stampAndReap(pool, 400)).toBeUndefined();
    await lastStamp({ stampedAgo: 0.5, resumedAgo: 3_600 });
    const other = await pool.database.kysely.startTransaction().execute();
    await sql`select from availability for update`.execute(other);
    expect(await stampAndReap(pool, 400)).toBeUndefined();
    await other.rollback().execute();
  });
});

describe('after an outage', () => {
  test('nothing expires before its end + TTL, however long it lasted', async () => {
    await addSessions(pool, tenant, 2);
    const short = await grant({ ttlMs: 5_000 });
    const long = await grant({ ttlMs: 30_000 });
    await endsIn(short, -600);
    await endsIn(long, -600);
    await lastStamp({ stampedAgo: 630, resumedAgo: 3_600 });
    expect(await reap()).toEqual([]);
    await lastStamp({ stampedAgo: 0.4, resumedAgo: 4.5 });
    expect(await reap()).toEqual([]);
    // 5 s after the end: the one with a TTL of 5 s has had its whole time.
    await lastStamp({ stampedAgo: 0.4, resumedAgo: 5.1 });
    expect(await reap()).toEqual([short.session_id]);
    await lastStamp({ stampedAgo: 0.4, resumedAgo: 30.1 });
    expect(await reap()).toEqual([long.session_id]);
  });

  test('a clock that was set back is no reason to reclaim nothing until it has caught up', async () => {
    await addSessions(pool, tenant, 1);
    const lease = await grant({ ttlMs: 5_000 });
    await endsIn(lease, -1);
    await lastStamp({ stampedAgo: -3_600, resumedAgo: -7_200 });
    expect(await reap()).toEqual([]);
    const { rows } = await sql<{ gap: number }>`
      select extract(epoch from clock_timestamp() - resume_time)::float8 as gap from availability`.execute(
      pool.database.kysely,
    );
    expect(rows[0]!.gap).toBeGreaterThanOrEqual(0);
    await lastStamp({ stampedAgo: 0.4, resumedAgo: 5.1 });
    expect(await reap()).toEqual([lease.session_id]);
  });

  test('a pause that every process has is none', async () => {
    await addSessions(pool, tenant, 1);
    const lease = await grant();
    await endsIn(lease, -1);
    await lastStamp({ stampedAgo: 2.9, resumedAgo: 3_600 });
    expect(await reap()).toEqual([lease.session_id]);
  });
});

describe('flood waits', () => {
  test('end with an event each, and free the session', async () => {
    await addSessions(pool, tenant, 1);
    const lease = await grant();
    const report = (method: string, peer: string, durationMs: number) =>
      reportFloodWait(pool, { lease: held(lease), method, peer, durationMs });
    await report('messages.sendMessage', '', 30_000);
    await report('', '', 30_000);
    const longer = await report('', '', 60_000);
    expect((await report('', '', 10_000)).endTime).toEqual(longer.endTime);
    expect(await sweepFloodWaits(pool, 100)).toEqual([]);
    await sql`update flood_waits set end_time = clock_timestamp()`.execute(pool.database.kysely);
    expect(await sweepFloodWaits(pool, 100)).toEqual([tenant]);
    const events = await readOutbox(pool);
    expect(events.map(({ payload }) => payload.case)).toEqual([
      'leaseAcquired',
      'floodWaitStarted',
      'floodWaitStarted',
      'floodWaitStarted',
      'floodWaitEnded',
      'floodWaitEnded',
    ]);
    expect(events.map(({ sequence }) => sequence)).toEqual([1n, 2n, 3n, 4n, 5n, 6n]);
  });

  test('whose session somebody is at work on hold nothing up, and end later', async () => {
    await addSessions(pool, tenant, 2);
    const [busy, other] = [await grant(), await grant()];
    for (const lease of [busy, other])
      await reportFloodWait(pool, { lease: held(lease), method: '', peer: '', durationMs: 30_000 });
    await sql`update flood_waits set end_time = clock_timestamp()`.execute(pool.database.kysely);
    const left = async () => {
      const { rows } = await sql<{ session_id: bigint }>`select session_id from flood_waits`.execute(
        pool.database.kysely,
      );
      return rows.map((row) => row.session_id);
    };
    const working = await pool.database.kysely.startTransaction().execute();
    await sql`select from slots where session_id = ${busy.session_id} for update`.execute(working);
    expect(await sweepFloodWaits(pool, 100)).toEqual([tenant]);
    expect(await left()).toEqual([busy.session_id]);
    await working.commit().execute();
    await sweepFloodWaits(pool, 100);
    expect(await left()).toEqual([]);
  });

  test('of a method leave the session grantable, unless they last over an hour', async () => {
    await addSessions(pool, tenant, 2);
    const short = await grant();
    const long = await grant();
    await reportFloodWait(pool, { lease: held(short), method: 'm', peer: '', durationMs: 3_600_000 });
    await reportFloodWait(pool, { lease: held(long), method: 'm', peer: '', durationMs: 3_600_001 });
    await sql`update slots set lease_id = null`.execute(pool.database.kysely);
    const outcomes = await acquireLeases(pool, [leaseRequest(tenant), leaseRequest(tenant)]);
    expect(outcomes).toMatchObject([
      { kind: 'granted', lease: { session_id: short.session_id } },
      { kind: 'none_free' },
    ]);
  });

  test('are taken from the holder only', async () => {
    await addSessions(pool, tenant, 1);
    const lease = await grant();
    const stale = { ...held(lease), fencingToken: lease.fencing_token + 1n };
    await expect(
      reportFloodWait(pool, { lease: stale, method: '', peer: '', durationMs: 1_000 }),
    ).rejects.toMatchObject({ name: 'LeaseLostError' });
    await expect(
      reportFloodWait(pool, {
        lease: { ...held(lease), tenantId: randomUUIDv7() },
        method: '',
        peer: '',
        durationMs: 1_000,
      }),
    ).rejects.toMatchObject({ name: 'NotFound' });
  });
});

test('a report and the sweep of the same session never wait for each other', async () => {
  await addSessions(pool, tenant, 1);
  const lease = await grant();
  const report = () =>
    reportFloodWait(pool, { lease: held(lease), method: 'm', peer: '', durationMs: 60_000 });
  await report();
  await sql`update flood_waits set end_time = clock_timestamp()`.execute(pool.database.kysely);
  const reporter = await pool.database.kysely.startTransaction().execute();
  await sql`select from slots for update`.execute(reporter);
  expect(await sweepFloodWaits(pool, 100)).toEqual([]);
  await sql`select from flood_waits for update nowait`.execute(reporter);
  await reporter.commit().execute();
  expect(await sweepFloodWaits(pool, 100)).toEqual([tenant]);
});

test('answers are forgotten as fast as they come, by the thousand', async () => {
  await sql`
    insert into replays (principal, method, request_id, body_hash, answer, create_time)
    select 'p', 'AcquireLease', number::text, '', '', clock_timestamp() - interval '25 hours'
    from generate_series(1, 25000) as number`.execute(pool.database.kysely);
  const reaper = startReaper(pool, createQueue(pool));
  await expect
    .poll(async () => (await sql`select from replays`.execute(pool.database.kysely)).rows.length, {
      timeout: 10_000,
    })
    .toBe(0);
  await reaper.stop();
});

test('replicas that stopped are forgotten with their waiters, but not because of an outage', async () => {
  const dead = randomUUIDv7();
  await sql`
    insert into replicas (replica_id, stamp_time) values (${dead}::uuid, clock_timestamp() - interval '5 min')
  `.execute(pool.database.kysely);
  await sql`
    insert into waiters (tenant_id, replica_id, selector_key, request, create_time)
    values (${tenant}::uuid, ${dead}::uuid, '', '{}', clock_timestamp() - interval '5 min')`.execute(
    pool.database.kysely,
  );
  const waiters = async () => (await sql`select from waiters`.execute(pool.database.kysely)).rows.length;
  await lastStamp({ stampedAgo: 0.1, resumedAgo: 10 });
  expect(await forgetDeadReplicas(pool)).toBe(0);
  expect(await waiters()).toBe(1);
  await lastStamp({ stampedAgo: 0.1, resumedAgo: 40 });
  expect(await forgetDeadReplicas(pool)).toBe(1);
  expect(await waiters()).toBe(0);
});
