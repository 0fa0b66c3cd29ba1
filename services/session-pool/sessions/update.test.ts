import { randomUUIDv7 } from 'node:crypto';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { SessionState } from '#gen/telegate/session_pool/v1/session_pb.ts';
import { startPoolMesh, tenantWithSessions, type PoolMesh } from '../../../tests/support/session-pool.ts';
import { eventsOf, meshCallOf, callOf, newTenant, openTestPool, type TestPool } from './test-pool.ts';
import { fieldsOf, reasonOf, sessionCalls } from './test-calls.ts';

describe('what account-auth says of a session', () => {
  let pool: TestPool;
  beforeAll(async () => {
    pool = await openTestPool();
  });
  afterAll(() => pool.close());

  test('whose it is and that it is paused: told once, with a rising revision', async () => {
    const calls = sessionCalls(pool);
    const tenantId = newTenant();
    const { sessionId } = await calls.bringIn(callOf(tenantId), { labels: { team: 'a' } });
    const accountId = randomUUIDv7();
    const change = (session: { accountId?: string; paused?: boolean; labels?: Record<string, string> }) =>
      calls.update(meshCallOf(tenantId), {
        session: { sessionId, ...session },
        updateMask: {
          paths: Object.keys(session).map((name) => (name === 'accountId' ? 'account_id' : name)),
        },
      });
    const tied = await change({ accountId: accountId.toUpperCase(), paused: true });
    expect(tied).toMatchObject({
      accountId,
      paused: true,
      labels: { team: 'a' },
      state: SessionState.PAUSED,
      etag: '2',
    });
    expect(await change({ accountId, paused: true })).toMatchObject({ etag: '2' });
    expect(await change({ labels: { team: 'b' } })).toMatchObject({ paused: true, accountId, etag: '3' });
    const told = await eventsOf(pool, sessionId);
    expect(told.map(({ payload }) => payload)).toMatchObject([
      { case: 'sessionAdded', value: { labels: { team: 'a' } } },
      {
        case: 'sessionUpdated',
        value: { sessionId, accountId, paused: true, labels: { team: 'a' }, revision: 2n },
      },
      { case: 'sessionUpdated', value: { paused: true, labels: { team: 'b' }, revision: 3n } },
    ]);
  });

  test('is for the mesh to say, and an account has one session', async () => {
    const calls = sessionCalls(pool);
    const tenantId = newTenant();
    const accountId = randomUUIDv7();
    await calls.bringIn(callOf(tenantId), { accountId });
    const { sessionId } = await calls.bringIn(callOf(tenantId));
    for (const path of ['account_id', 'paused']) {
      const request = { session: { sessionId, accountId, paused: true }, updateMask: { paths: [path] } };
      expect(await fieldsOf(calls.update(callOf(tenantId), request))).toEqual(['update_mask']);
    }
    const request = { session: { sessionId, accountId }, updateMask: { paths: ['account_id'] } };
    expect(await reasonOf(calls.update(meshCallOf(tenantId), request))).toBe(ErrorReason.ALREADY_EXISTS);
  });

  test('outlasts a ban and its end', async () => {
    const calls = sessionCalls(pool);
    const ctx = callOf(newTenant());
    const { sessionId } = await calls.bringIn(ctx);
    const request = { session: { sessionId, paused: true }, updateMask: { paths: ['paused'] } };
    await calls.update(meshCallOf(ctx.principal.tenantId), request);
    expect((await calls.invalidate(ctx, sessionId)).state).toBe(SessionState.INVALID);
    expect((await calls.restore(ctx, sessionId)).state).toBe(SessionState.PAUSED);
  });
});

describe('a paused session', () => {
  let mesh: PoolMesh;
  beforeAll(async () => {
    mesh = await startPoolMesh();
  }, 60_000);
  afterAll(() => mesh.stop());

  async function paused(tenantId: string, sessionId: bigint, value: boolean): Promise<void> {
    await mesh
      .mesh(tenantId)
      .updateSession({ session: { sessionId, paused: value }, updateMask: { paths: ['paused'] } });
  }

  test('is offered to nobody; a lease goes on; whoever waits gets it when it goes on', async () => {
    const { tenantId, client, sessionIds } = await tenantWithSessions(mesh, 1);
    const [sessionId] = sessionIds as [bigint];
    const { lease } = await client.acquireLease({});
    await paused(tenantId, sessionId, true);
    expect((await client.getLease({ leaseId: lease!.leaseId })).lease!.sessionId).toBe(sessionId);
    expect((await client.getSession({ sessionId })).session!.state).toBe(SessionState.LEASED);
    await client.releaseLease({ lease: { leaseId: lease!.leaseId, fencingToken: lease!.fencingToken } });
    await expect(client.acquireLease({})).rejects.toMatchObject({ reason: ErrorReason.NO_FREE_SESSION });
    await expect(client.acquireLease({ selector: { sessionId } })).rejects.toMatchObject({
      reason: ErrorReason.SESSION_UNUSABLE,
      metadata: { state: 'paused' },
    });
    expect((await client.getPoolStatus({})).status).toMatchObject({ total: 1, free: 0, paused: 1 });
    const { sessions } = await client.listSessions({ state: SessionState.PAUSED });
    expect(sessions).toMatchObject([{ sessionId, paused: true }]);

    const waiting = client.acquireLease({ selector: { sessionId }, wait: durationFromMs(20_000) });
    await expect.poll(async () => (await client.getPoolStatus({})).status!.waiting).toBe(1);
    await paused(tenantId, sessionId, false);
    expect((await waiting).lease!.sessionId).toBe(sessionId);
  });

  test('is given to a process of the mesh that asks for paused ones, also from the queue', async () => {
    const { tenantId, client, sessionIds } = await tenantWithSessions(mesh, 1);
    const [sessionId] = sessionIds as [bigint];
    await paused(tenantId, sessionId, true);
    const selector = { sessionId, evenPaused: true };
    await expect(client.acquireLease({ selector })).rejects.toMatchObject({
      fieldViolations: [{ field: 'selector.even_paused' }],
    });
    const own = mesh.mesh(tenantId);
    await expect(own.acquireLease({ selector: { sessionId } })).rejects.toMatchObject({
      reason: ErrorReason.SESSION_UNUSABLE,
    });
    const { lease } = await own.acquireLease({ selector });
    const waiting = own.acquireLease({ selector, wait: durationFromMs(20_000) });
    await expect.poll(async () => (await client.getPoolStatus({})).status!.waiting).toBe(1);
    await own.releaseLease({ lease: { leaseId: lease!.leaseId, fencingToken: lease!.fencingToken } });
    expect((await waiting).lease!.sessionId).toBe(sessionId);
  });
});
