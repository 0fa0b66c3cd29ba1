import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { SessionSource, SessionState } from '#gen/telegate/session_pool/v1/session_pb.ts';
import { acquireLeases } from '../leases/acquire.ts';
import type { GrantedLease } from '../leases/model.ts';
import { anySession, leaseRequest } from '../../../tests/support/pool.ts';
import { readMaterials } from './credentials.ts';
import { fieldsOf, reasonOf, sessionCalls } from './test-calls.ts';
import {
  callOf,
  collide,
  eventNames,
  lease,
  meshCallOf,
  newTenant,
  openTestPool,
  randomMaterial,
  rowsOf,
  telethonString,
  type TestPool,
} from './test-pool.ts';

let pool: TestPool;
let calls: ReturnType<typeof sessionCalls>;

beforeAll(async () => {
  pool = await openTestPool();
  calls = sessionCalls(pool);
});
afterAll(() => pool.close());

const login = { source: SessionSource.LOGIN, environment: 'local' };

async function keyOf(tenantId: string, sessionId: bigint): Promise<Buffer> {
  const [material] = await readMaterials(pool.database.kysely, pool.masterKeys, [
    { session_id: sessionId, tenant_id: tenantId },
  ]);
  return material!.authKey;
}

async function acquire(tenantId: string, accountId: string): Promise<GrantedLease | undefined> {
  const request = leaseRequest(tenantId, { selector: { ...anySession, accountId } });
  const [outcome] = await acquireLeases(pool, [request]);
  return outcome?.kind === 'granted' ? outcome.lease : undefined;
}

test('an account that logs in anew keeps its session, which gets the new key and is usable again', async () => {
  const tenant = newTenant();
  const ctx = meshCallOf(tenant);
  const accountId = randomUUID();
  const first = await calls.bringIn(ctx, { ...login, accountId, name: 'desk', labels: { team: 'a' } });
  await calls.invalidate(ctx, first.sessionId, {
    condition: SessionState.NEEDS_LOGIN,
    reason: 'AUTH_KEY_UNREGISTERED',
  });
  const material = randomMaterial({ dataCenter: 4 });
  const second = await calls.bringIn(ctx, { ...login, accountId, material: telethonString(material) });
  expect(second).toMatchObject({
    sessionId: first.sessionId,
    name: 'desk',
    labels: { team: 'a' },
    state: SessionState.FREE,
    stateReason: '',
    source: SessionSource.LOGIN,
    dataCenter: 4,
  });
  expect(second.etag).not.toBe(first.etag);
  expect(await keyOf(tenant, first.sessionId)).toEqual(material.authKey);
  expect(await eventNames(pool, first.sessionId)).toEqual([
    'sessionAdded',
    'sessionInvalidated',
    'sessionRestored',
  ]);
  expect(await rowsOf(pool, 'audit', first.sessionId)).toHaveLength(2);
});

test('a lease on it ends, and what its holder still reports of the old key changes nothing', async () => {
  const tenant = newTenant();
  const ctx = meshCallOf(tenant);
  const accountId = randomUUID();
  const { sessionId } = await calls.bringIn(ctx, { ...login, accountId });
  const held = (await acquire(tenant, accountId))!;
  const proof = { leaseId: held.lease_id, fencingToken: held.fencing_token };
  await calls.bringIn(ctx, { ...login, accountId });
  expect(await eventNames(pool, sessionId)).toEqual(['sessionAdded', 'leaseAcquired', 'leaseRevoked']);
  const dead = { condition: SessionState.NEEDS_LOGIN, reason: 'AUTH_KEY_UNREGISTERED', lease: proof };
  expect(await reasonOf(calls.invalidate(ctx, sessionId, dead))).toBe(ErrorReason.LEASE_LOST);
  const next = (await acquire(tenant, accountId))!;
  expect(next.fencing_token).toBeGreaterThan(held.fencing_token);
  const current = { ...dead, lease: { leaseId: next.lease_id, fencingToken: next.fencing_token } };
  const ends = [
    await calls.invalidate(ctx, sessionId, current),
    await calls.invalidate(ctx, sessionId, current),
  ];
  expect(ends.map(({ state }) => state)).toEqual([SessionState.NEEDS_LOGIN, SessionState.NEEDS_LOGIN]);
});

test('a report under a lease that another follows is refused', async () => {
  const tenant = newTenant();
  const ctx = meshCallOf(tenant);
  const { sessionId } = await calls.bringIn(ctx);
  const leaseId = await lease(pool, sessionId);
  await lease(pool, sessionId);
  const stale = { lease: { leaseId, fencingToken: 1n } };
  expect(await reasonOf(calls.invalidate(ctx, sessionId, stale))).toBe(ErrorReason.LEASE_LOST);
  expect((await calls.get(ctx, sessionId)).state).toBe(SessionState.LEASED);
});

test('refused: another environment, a key that is there, an account that has a session already', async () => {
  const tenant = newTenant();
  const ctx = meshCallOf(tenant);
  const accountId = randomUUID();
  await calls.bringIn(ctx, { ...login, accountId });
  expect(await fieldsOf(calls.bringIn(ctx, { ...login, accountId, environment: 'telegram' }))).toEqual([
    'environment',
  ]);
  const material = telethonString();
  await calls.bringIn(ctx, { material });
  expect(await reasonOf(calls.bringIn(ctx, { ...login, accountId, material }))).toBe(
    ErrorReason.SESSION_DUPLICATE,
  );
  expect(await reasonOf(calls.bringIn(callOf(tenant), { accountId }))).toBe(ErrorReason.ALREADY_EXISTS);
  expect(await acquire(newTenant(), accountId)).toBeUndefined();
});

test('two logins of an account at once make one session', async () => {
  const tenant = newTenant();
  const ctx = meshCallOf(tenant);
  const accountId = randomUUID();
  const sessions = await collide(pool, 'sessions', 2, () =>
    Promise.all([1, 2].map(() => calls.bringIn(ctx, { ...login, accountId }))),
  );
  expect(sessions[0]!.sessionId).toBe(sessions[1]!.sessionId);
});
