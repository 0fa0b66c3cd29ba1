import { randomUUIDv7 } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { LeaseAccess } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import {
  AcquireLeaseRequestSchema,
  ReleaseLeaseRequestSchema,
} from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { operatorScopes, type Principal } from '#lib/auth/principal.ts';
import { InvalidFields } from '#lib/rpc/errors.ts';
import { addSessions, createTestPool, leaseRequest, type TestPool } from '../../../tests/support/pool.ts';
import { claimEgress } from '../egress/store.ts';
import { acquireLeases } from './acquire.ts';
import { endLeases } from './end.ts';
import { leaseMessage, selectorFromKey, selectorKey, type GrantedLease } from './model.ts';
import { readLease } from './read.ts';
import { createRefusals } from './refusal.ts';
import { releaseLeases } from './release.ts';
import { readAcquire, readReleasable } from './requests.ts';

let pool: TestPool;
beforeAll(async () => {
  pool = await createTestPool();
});
afterAll(() => pool.close());

const QUARANTINE_MS = 120_000;

function principalOf(tenantId: string, subject = 'key:one'): Principal {
  return { tenantId, homeTenantId: tenantId, subject, role: 'user', scopes: operatorScopes };
}

async function withFiles(tenantId: string, count: number): Promise<bigint[]> {
  const ids = await addSessions(pool, tenantId, count);
  await sql`update sessions set has_file = true where session_id = any(${ids}::bigint[])`.execute(
    pool.database.kysely,
  );
  return ids;
}

async function acquire(
  caller: Principal,
  changes: MessageInitShape<typeof AcquireLeaseRequestSchema> = {},
): Promise<GrantedLease | undefined> {
  const message = create(AcquireLeaseRequestSchema, { access: LeaseAccess.FILE, ...changes });
  const [outcome] = await acquireLeases(pool, [readAcquire(message, caller).request]);
  return outcome?.kind === 'granted' ? outcome.lease : undefined;
}

async function release(caller: Principal, sessionId: bigint, leaseId = ''): Promise<string> {
  const message = create(ReleaseLeaseRequestSchema, { fileLease: { sessionId, leaseId } });
  const [outcome] = await releaseLeases(pool, [readReleasable(message, caller)]);
  return outcome!.kind;
}

async function quarantineEnd(sessionId: bigint): Promise<Date | null> {
  const { rows } = await sql<{ quarantine_end_time: Date | null }>`
    select quarantine_end_time from slots where session_id = ${sessionId}`.execute(pool.database.kysely);
  return rows[0]!.quarantine_end_time;
}

const expire = (sessionId: bigint) =>
  pool.database.kysely
    .transaction()
    .execute((trx) => endLeases(trx, [sessionId], { kind: 'expired' }, QUARANTINE_MS));

describe('a lease of a file', () => {
  test('is granted on sessions that have one, and says so', async () => {
    const caller = principalOf(randomUUIDv7());
    await addSessions(pool, caller.tenantId, 3);
    const [session] = await withFiles(caller.tenantId, 1);
    const lease = await acquire(caller);
    expect(lease?.session_id).toBe(session);
    expect(leaseMessage(lease!).access).toBe(LeaseAccess.FILE);
    const listed = await readLease(pool, caller.tenantId, lease!.lease_id);
    expect(leaseMessage(listed!)).toMatchObject({ access: LeaseAccess.FILE, fencingToken: 0n });
    expect(await acquire(caller)).toBeUndefined();
    const { request } = readAcquire(create(AcquireLeaseRequestSchema, { access: LeaseAccess.FILE }), caller);
    const refusal = await createRefusals(pool)(request);
    expect(refusal.metadata).toMatchObject({ total: '1', leased: '1', free: '0' });
    // The others are free for everybody else.
    const [other] = await acquireLeases(pool, [leaseRequest(caller.tenantId)]);
    expect(other?.kind).toBe('granted');
  });

  test('a waiter for a file stays one in its row', () => {
    const selector = { sessionId: null, name: null, labels: {}, forMethod: '' };
    const key = selectorKey({ ...selector, hasFile: true });
    expect(selectorFromKey(key)).toEqual({ ...selector, hasFile: true });
    expect(selectorFromKey(selectorKey(selector))).toEqual(selector);
    expect(key).not.toBe(selectorKey(selector));
  });

  test('at its end the session is free; where a quarantine was asked for, kept back', async () => {
    const caller = principalOf(randomUUIDv7());
    await withFiles(caller.tenantId, 1);
    const first = await acquire(caller);
    await expire(first!.session_id);
    expect(await quarantineEnd(first!.session_id)).toBeNull();

    const second = await acquire(caller, { fileQuarantine: durationFromMs(60_000) });
    const [ended] = await expire(second!.session_id);
    expect(ended!.quarantine_end_time!.getTime() - ended!.occur_time.getTime()).toBeCloseTo(60_000, -1);
    expect(await acquire(caller)).toBeUndefined();
  });

  test('a quarantine is for leases of files alone', () => {
    const message = create(AcquireLeaseRequestSchema, { fileQuarantine: durationFromMs(1_000) });
    expect(() => readAcquire(message, principalOf(randomUUIDv7()))).toThrow(InvalidFields);
  });

  test('no process of the mesh gets its socket', async () => {
    const caller = principalOf(randomUUIDv7());
    await withFiles(caller.tenantId, 1);
    const lease = await acquire(caller, { holder: 'somebody' });
    const proof = { leaseId: lease!.lease_id, fencingToken: lease!.fencing_token };
    const [outcome] = await claimEgress(pool, 'messaging-1', [proof]);
    expect(outcome).toMatchObject({ kind: 'refused', error: { metadata: { process_id: 'somebody' } } });
  });
});

describe('its release without a token', () => {
  test('by the caller that took it, once; the rest changes nothing', async () => {
    const caller = principalOf(randomUUIDv7());
    const [session] = await withFiles(caller.tenantId, 1);
    const lease = await acquire(caller);
    expect(await release(principalOf(caller.tenantId, 'key:two'), session!)).toBe('ended_before');
    expect(await release(principalOf(randomUUIDv7()), session!)).toBe('ended_before');
    expect(await release(caller, session! + 1_000_000n)).toBe('ended_before');
    expect(await release(caller, session!, randomUUIDv7())).toBe('ended_before');
    expect(await readLease(pool, caller.tenantId, lease!.lease_id)).toBeDefined();
    expect(await release(caller, session!)).toBe('ended');
    expect(await release(caller, session!)).toBe('ended_before');
  });

  test('with the id of a lease before, it leaves the present one alone', async () => {
    const caller = principalOf(randomUUIDv7());
    const [session] = await withFiles(caller.tenantId, 1);
    const first = await acquire(caller);
    expect(await release(caller, session!, first!.lease_id)).toBe('ended');
    const second = await acquire(caller);
    expect(await release(caller, session!, first!.lease_id)).toBe('ended_before');
    expect(await release(caller, session!, second!.lease_id)).toBe('ended');
  });

  test('a lease of another kind keeps its token', async () => {
    const caller = principalOf(randomUUIDv7());
    await withFiles(caller.tenantId, 1);
    const lease = await acquire(caller, { access: LeaseAccess.MEDIATED });
    expect(await release(caller, lease!.session_id)).toBe('ended_before');
    expect(await readLease(pool, caller.tenantId, lease!.lease_id)).toBeDefined();
  });

  test('two names for what to release are refused', () => {
    const message = create(ReleaseLeaseRequestSchema, {
      lease: { leaseId: randomUUIDv7(), fencingToken: 1n },
      fileLease: { sessionId: 1n },
    });
    expect(() => readReleasable(message, principalOf(randomUUIDv7()))).toThrow(InvalidFields);
  });
});
