import { randomUUIDv7 } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  addSessions,
  anySession,
  createTestPool,
  leaseRequest,
  readOutbox,
  type TestPool,
} from '../../../tests/support/pool.ts';
import { lockQueue } from '../queue/store.ts';
import { acquireLeases } from './acquire.ts';
import { belongTogether, readLeaseId, type GrantedLease } from './model.ts';
import { releaseLeases } from './release.ts';
import { renewLeases, type HeldLease } from './renew.ts';
import { revokeLease } from './revoke.ts';

let pool: TestPool;
beforeAll(async () => {
  pool = await createTestPool();
});
afterAll(() => pool.close());

async function grantOne(tenantId: string, changes = {}): Promise<GrantedLease> {
  const [outcome] = await acquireLeases(pool, [leaseRequest(tenantId, changes)]);
  if (outcome?.kind !== 'granted') throw new Error(`not granted: ${outcome?.kind}`);
  return outcome.lease;
}

function held({ tenant_id, lease_id, fencing_token }: GrantedLease): HeldLease {
  return { tenantId: tenant_id, leaseId: lease_id, fencingToken: fencing_token };
}

async function databaseTime(): Promise<number> {
  const { rows } = await sql<{ at: Date }>`select clock_timestamp() as at`.execute(pool.database.kysely);
  return rows[0]!.at.getTime();
}

/** Holds the lock of a slot without changing it, as a long transaction would. */
async function lockSlot(sessionId: bigint): Promise<{ unlock(): Promise<void> }> {
  const trx = await pool.database.kysely.startTransaction().execute();
  await sql`select from slots where session_id = ${sessionId} for update`.execute(trx);
  return { unlock: () => trx.commit().execute() };
}

/** Somebody waits for a lock that another holds. */
async function untilSomebodyWaits(): Promise<void> {
  await vi.waitFor(async () => {
    const { rows } = await sql`
      select from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`.execute(pool.database.kysely);
    expect(rows.length).toBeGreaterThan(0);
  });
}

/** Time in the database's own reckoning, so that a clock of the test's plays no part. */
async function passInDatabase(seconds: number): Promise<void> {
  await sql`select pg_sleep(${seconds})`.execute(pool.database.kysely);
}

describe('acquire', () => {
  test('two at once never get the same session, and the rest get none', async () => {
    const tenant = randomUUIDv7();
    await addSessions(pool, tenant, 10);
    const batches = await Promise.all(
      Array.from({ length: 8 }, () => acquireLeases(pool, [leaseRequest(tenant), leaseRequest(tenant)])),
    );
    const outcomes = batches.flat();
    const granted = outcomes.flatMap((outcome) => (outcome.kind === 'granted' ? [outcome.lease] : []));
    expect(granted).toHaveLength(10);
    expect(new Set(granted.map((lease) => lease.session_id)).size).toBe(10);
    // Who comes while another batch takes the last of them is told to ask again.
    expect(outcomes.filter(({ kind }) => kind === 'none_free' || kind === 'busy')).toHaveLength(6);
  });

  test('a grant that waited behind the queue is worth a whole TTL', async () => {
    const tenant = randomUUIDv7();
    await addSessions(pool, tenant, 1);
    await sql`
      insert into waiters (tenant_id, replica_id, selector_key, request)
      values (${tenant}::uuid, ${pool.replicaId}::uuid, '[null,"nobody",[],""]',
        '{"subject":"key:test","holder":"","ttlMs":30000}')`.execute(pool.database.kysely);
    const other = await pool.database.kysely.startTransaction().execute();
    await lockQueue(other, tenant);
    const acquire = acquireLeases(pool, [leaseRequest(tenant, { ttlMs: 5_000 })]);
    await untilSomebodyWaits();
    await passInDatabase(0.6);
    const unlocked = await databaseTime();
    await other.commit().execute();
    const [outcome] = await acquire;
    expect(outcome).toMatchObject({ kind: 'granted' });
    if (outcome?.kind !== 'granted') return;
    expect(outcome.lease.acquire_time.getTime()).toBeGreaterThanOrEqual(unlocked);
    expect(outcome.lease.expire_time.getTime()).toBeGreaterThanOrEqual(unlocked + 5_000);
  });

  test('the least recently used comes first', async () => {
    const tenant = randomUUIDv7();
    const sessions = await addSessions(pool, tenant, 3);
    const order: bigint[] = [];
    for (let round = 0; round < 6; round += 1) {
      const lease = await grantOne(tenant);
      order.push(lease.session_id);
      await releaseLeases(pool, [held(lease)]);
    }
    expect(order).toEqual([...sessions, ...sessions]);
  });

  test('the token rises with every lease of a session, and an epoch raises it for good', async () => {
    const tenant = randomUUIDv7();
    await addSessions(pool, tenant, 1);
    const first = await grantOne(tenant);
    await releaseLeases(pool, [held(first)]);
    const second = await grantOne(tenant);
    expect(second.fencing_token).toBe(first.fencing_token + 1n);
    await releaseLeases(pool, [held(second)]);
    await sql`update installation set epoch = epoch + 1`.execute(pool.database.kysely);
    // A restore from a backup brings old tokens back.
    await sql`update slots set fencing_token = 0 where session_id = ${first.session_id}`.execute(
      pool.database.kysely,
    );
    const third = await grantOne(tenant);
    expect(third.fencing_token).toBeGreaterThan(second.fencing_token);
    expect(third.fencing_token & 0xffn).toBe(0n);
  });

  test('the id says which session and token it belongs to', async () => {
    const tenant = randomUUIDv7();
    await addSessions(pool, tenant, 1);
    const lease = await grantOne(tenant);
    const parts = readLeaseId(lease.lease_id)!;
    expect(parts.sessionId).toBe(lease.session_id);
    expect(belongTogether(parts, lease.fencing_token)).toBe(true);
    expect(belongTogether(parts, lease.fencing_token + 1n)).toBe(false);
  });

  test('selectors: id, name, labels, a method that waits', async () => {
    const tenant = randomUUIDv7();
    const [plain] = await addSessions(pool, tenant, 1, { prefix: 'plain-' });
    const [red] = await addSessions(pool, tenant, 1, {
      prefix: 'red-',
      labels: { colour: 'red', size: 'l' },
    });
    const select = (selector: Partial<typeof anySession>) =>
      acquireLeases(pool, [leaseRequest(tenant, { selector: { ...anySession, ...selector } })]);
    const sessionOf = async (selector: Partial<typeof anySession>): Promise<bigint | string> => {
      const [outcome] = await select(selector);
      if (outcome?.kind !== 'granted') return outcome!.kind;
      await releaseLeases(pool, [held(outcome.lease)]);
      return outcome.lease.session_id;
    };
    expect(await sessionOf({ sessionId: plain! })).toBe(plain);
    expect(await sessionOf({ name: 'red-1' })).toBe(red);
    expect(await sessionOf({ labels: { colour: 'red' } })).toBe(red);
    expect(await sessionOf({ labels: { colour: 'red', size: 's' } })).toBe('none_free');
    expect(await sessionOf({ name: 'plain-1', labels: { colour: 'red' } })).toBe('none_free');
    await sql`
      insert into flood_waits values (${red}, 'messages.sendMessage', '', clock_timestamp() + interval '1 min')
    `.execute(pool.database.kysely);
    expect(await sessionOf({ sessionId: red!, forMethod: 'messages.sendMessage' })).toBe('none_free');
    expect(await sessionOf({ sessionId: red!, forMethod: 'messages.getHistory' })).toBe(red);
    expect(await sessionOf({ sessionId: red! })).toBe(red);
  });

  test('what is not grantable is never granted', async () => {
    const tenant = randomUUIDv7();
    const ids = await addSessions(pool, tenant, 6);
    const soon = sql`clock_timestamp() + interval '1 min'`;
    const blocks = [
      sql`condition = 1`,
      sql`quarantine_end_time = ${soon}`,
      sql`wait_end_time = ${soon}`,
      sql`claim_process = 'p', claim_token = 1, claim_expire_time = ${soon}`,
      sql`condition = 5`,
    ];
    for (const [index, block] of blocks.entries())
      await sql`update slots set ${block} where session_id = ${ids[index]}`.execute(pool.database.kysely);
    const outcomes = await acquireLeases(
      pool,
      ids.map(() => leaseRequest(tenant)),
    );
    expect(outcomes.flatMap((one) => (one.kind === 'granted' ? [one.lease.session_id] : []))).toEqual([
      ids[5],
    ]);
  });

  test("another tenant's sessions are not there", async () => {
    const tenant = randomUUIDv7();
    const [session] = await addSessions(pool, tenant, 1);
    const [outcome] = await acquireLeases(pool, [
      leaseRequest(randomUUIDv7(), { selector: { ...anySession, sessionId: session! } }),
    ]);
    expect(outcome).toEqual({ kind: 'none_free' });
  });
});

describe('request_id', () => {
  const replay = (tenant: string, requestId: string, body = 'a') => ({
    replay: {
      principal: `${tenant}/key:test`,
      method: 'AcquireLease',
      requestId,
      bodyHash: Buffer.from(body),
    },
  });

  test('a repeat gets the lease of the first, also after it has ended; another body is refused', async () => {
    const tenant = randomUUIDv7();
    await addSessions(pool, tenant, 2);
    const lease = await grantOne(tenant, replay(tenant, 'one'));
    const again = async (body?: string) => {
      const [outcome] = await acquireLeases(pool, [leaseRequest(tenant, replay(tenant, 'one', body))]);
      return outcome!;
    };
    expect(await again()).toMatchObject({ kind: 'replayed', lease: { leaseId: lease.lease_id } });
    await releaseLeases(pool, [held(lease)]);
    expect(await again()).toMatchObject({ kind: 'replayed', lease: { fencingToken: lease.fencing_token } });
    expect(await again('b')).toMatchObject({ kind: 'refused' });
  });

  test('the same request many times at once, in one batch and in several, is one lease', async () => {
    const tenant = randomUUIDv7();
    await addSessions(pool, tenant, 20);
    const repeat = () => leaseRequest(tenant, replay(tenant, 'many'));
    const batches = await Promise.all(
      Array.from({ length: 6 }, () => acquireLeases(pool, [repeat(), repeat(), repeat()])),
    );
    const leases = batches.flat().map((outcome) => {
      if (outcome.kind === 'granted') return outcome.lease.lease_id;
      return outcome.kind === 'replayed' ? outcome.lease.leaseId : outcome.kind;
    });
    expect(new Set(leases).size).toBe(1);
    const { rows } =
      await sql`select from slots where tenant_id = ${tenant}::uuid and lease_id is not null`.execute(
        pool.database.kysely,
      );
    expect(rows).toHaveLength(1);
  });
});

describe('renew', () => {
  test('gives a whole TTL, counted after the wait for the lock', async () => {
    const tenant = randomUUIDv7();
    await addSessions(pool, tenant, 1);
    const lease = await grantOne(tenant, { ttlMs: 5_000 });
    const lock = await lockSlot(lease.session_id);
    const renewal = renewLeases(pool, [held(lease)]);
    await untilSomebodyWaits();
    await passInDatabase(0.6);
    const unlocked = await databaseTime();
    await lock.unlock();
    const [renewed] = await renewal;
    expect(renewed!.expire_time.getTime()).toBeGreaterThanOrEqual(unlocked + 5_000);
  });

  test('gives a whole TTL also to those that waited for the lock of another in the batch', async () => {
    const tenant = randomUUIDv7();
    await addSessions(pool, tenant, 2);
    const leases = [await grantOne(tenant, { ttlMs: 5_000 }), await grantOne(tenant, { ttlMs: 5_000 })];
    const lock = await lockSlot(leases[1]!.session_id);
    const renewals = renewLeases(pool, leases.map(held));
    await untilSomebodyWaits();
    await passInDatabase(0.6);
    const unlocked = await databaseTime();
    await lock.unlock();
    for (const renewed of await renewals)
      expect(renewed!.expire_time.getTime()).toBeGreaterThanOrEqual(unlocked + 5_000);
  });

  test('refuses every token but the living one', async () => {
    const tenant = randomUUIDv7();
    await addSessions(pool, tenant, 1);
    const old = await grantOne(tenant);
    await releaseLeases(pool, [held(old)]);
    const living = await grantOne(tenant);
    const renewed = await renewLeases(pool, [
      held(old),
      held(living),
      { ...held(living), fencingToken: old.fencing_token },
      { ...held(living), fencingToken: living.fencing_token + 1n },
      { ...held(living), tenantId: randomUUIDv7() },
      { ...held(living), leaseId: 'no id at all' },
      held(living),
    ]);
    expect(renewed.map((one) => one !== undefined)).toEqual([false, true, false, false, false, false, true]);
  });

  test('touches no index: updates of many leases stay on their pages', async () => {
    const tenant = randomUUIDv7();
    await addSessions(pool, tenant, 300);
    const updates = async () => {
      await sql`select pg_stat_force_next_flush()`.execute(pool.database.kysely);
      const { rows } = await sql<{ all: number; hot: number }>`
        select n_tup_upd::integer as all, n_tup_hot_upd::integer as hot
        from pg_stat_user_tables where relname = 'slots' and schemaname = 'session_pool'`.execute(
        pool.database.kysely,
      );
      return rows[0]!;
    };
    const fresh = await updates();
    const outcomes = await acquireLeases(
      pool,
      Array.from({ length: 256 }, () => leaseRequest(tenant)),
    );
    const leases = outcomes.flatMap((one) => (one.kind === 'granted' ? [held(one.lease)] : []));
    // The statistics of the grants, which do touch an index, arrive when their connection sends them.
    await vi.waitFor(async () => expect((await updates()).all - fresh.all).toBeGreaterThanOrEqual(256));
    const before = await updates();
    for (let round = 0; round < 10; round += 1) await renewLeases(pool, leases);
    await vi.waitFor(async () => expect((await updates()).all - before.all).toBeGreaterThanOrEqual(2_560));
    const after = await updates();
    expect((after.hot - before.hot) / (after.all - before.all)).toBeGreaterThan(0.95);
  });
});

describe('release', () => {
  test('with its own token OK however late; any other token is refused and changes nothing', async () => {
    const tenant = randomUUIDv7();
    await addSessions(pool, tenant, 1);
    const old = await grantOne(tenant);
    const release = async (lease: HeldLease) => (await releaseLeases(pool, [lease]))[0]!.kind;
    expect(await release(held(old))).toBe('ended');
    expect(await release(held(old))).toBe('ended_before');
    const living = await grantOne(tenant);
    expect(await release(held(old))).toBe('ended_before');
    expect(await release({ ...held(old), fencingToken: living.fencing_token })).toBe('refused');
    expect(await release({ ...held(living), fencingToken: old.fencing_token })).toBe('refused');
    expect(await release({ ...held(living), fencingToken: living.fencing_token + 1n })).toBe('refused');
    expect(await release({ ...held(living), tenantId: randomUUIDv7() })).toBe('refused');
    expect((await renewLeases(pool, [held(living)]))[0]).toBeDefined();
    expect(await release(held(living))).toBe('ended');
  });

  test('wakes the queue of its tenant', async () => {
    const tenant = randomUUIDv7();
    await addSessions(pool, tenant, 1);
    await releaseLeases(pool, [held(await grantOne(tenant))]);
    expect(pool.woken).toContain(tenant);
  });
});

describe('revoke', () => {
  test('ends the lease at once, and quarantines a session whose key was handed out', async () => {
    const tenant = randomUUIDv7();
    await addSessions(pool, tenant, 2);
    const mediated = await grantOne(tenant);
    const direct = await grantOne(tenant, { credentials: 2 });
    for (const lease of [mediated, direct]) {
      await revokeLease(pool, {
        tenantId: tenant,
        leaseId: lease.lease_id,
        graceMs: 0,
        reason: 'maintenance',
        subject: 'key:operator',
      });
      expect((await renewLeases(pool, [held(lease)]))[0]).toBeUndefined();
    }
    const again = await grantOne(tenant);
    expect(again.session_id).toBe(mediated.session_id);
    const outcomes = await acquireLeases(pool, [leaseRequest(tenant)]);
    expect(outcomes).toEqual([{ kind: 'none_free' }]);
  });
});

describe('events', () => {
  test('each change has one, in the order of its session, with its own caller trace', async () => {
    const tenant = randomUUIDv7();
    const [session] = await addSessions(pool, tenant, 1);
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const first = await grantOne(tenant, { traceparent });
    await releaseLeases(pool, [held(first)]);
    const second = await grantOne(tenant, { credentials: 2 });
    await revokeLease(pool, {
      tenantId: tenant,
      leaseId: second.lease_id,
      graceMs: 0,
      reason: 'why',
      subject: 'key:operator',
    });
    const events = (await readOutbox(pool)).filter(({ tenantId }) => tenantId === tenant);
    expect(events.map(({ payload }) => payload.case)).toEqual([
      'leaseAcquired',
      'leaseReleased',
      'leaseAcquired',
      'leaseRevoked',
      'sessionQuarantined',
    ]);
    expect(events.map(({ sequence }) => sequence)).toEqual([1n, 2n, 3n, 4n, 5n]);
    expect(new Set(events.map(({ entityId }) => entityId))).toEqual(new Set([String(session)]));
    const { rows } = await sql<{ traceparent: string }>`
      select traceparent from outbox where tenant_id = ${tenant}::uuid order by position limit 1`.execute(
      pool.database.kysely,
    );
    expect(rows[0]!.traceparent).toBe(traceparent);
  });

  test('what is rolled back has none', async () => {
    const tenant = randomUUIDv7();
    const [session] = await addSessions(pool, tenant, 1);
    await sql`
      create or replace function refuse() returns trigger language plpgsql as $$
        begin if new.entity_id = ${sql.lit(String(session))} then raise exception 'no'; end if; return new; end $$;
      create trigger refuse before insert on outbox for each row execute function refuse()`.execute(
      pool.database.kysely,
    );
    await expect(acquireLeases(pool, [leaseRequest(tenant)])).rejects.toThrow('no');
    await sql`drop trigger refuse on outbox`.execute(pool.database.kysely);
    expect((await grantOne(tenant)).event_sequence).toBe(1n);
  });
});
