import { randomUUIDv7 } from 'node:crypto';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import type { Lease } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { connect } from '#lib/rpc/client.ts';
import {
  startPoolMesh,
  telethonString,
  tenantWithSessions,
  type PoolClient,
  type PoolMesh,
} from '../support/session-pool.ts';

let mesh: PoolMesh;
let theirs: { lease: Lease; sessionId: bigint; client: PoolClient; tenantId: string };

beforeAll(async () => {
  mesh = await startPoolMesh();
  const { client, tenantId, sessionIds } = await tenantWithSessions(mesh, 2);
  const { lease } = await client.acquireLease({ selector: { sessionId: sessionIds[0]! } });
  theirs = { client, tenantId, lease: lease!, sessionId: sessionIds[1]! };
});
afterAll(() => mesh.stop());

/** One row a method: how a stranger would reach for what is not theirs, and what they may see of it. */
const reaches: Record<keyof typeof SessionPoolService.method, (stranger: PoolClient) => Promise<unknown>> = {
  acquireLease: (stranger) => stranger.acquireLease({ selector: { sessionId: theirs.sessionId } }),
  holdLease: (stranger) => first(stranger, { case: 'attach', value: proof() }),
  manageLeases: async (stranger) => {
    const stream = stranger.manageLeases();
    await stream.send({ id: '1', action: { case: 'release', value: proof() } });
    for await (const { result } of stream.responses) {
      expect(result).toMatchObject({ case: 'error', value: { code: 5 } });
      break;
    }
    throw Object.assign(new Error('as expected'), { reason: ErrorReason.NOT_FOUND });
  },
  releaseLease: (stranger) => stranger.releaseLease({ lease: proof() }),
  revokeLease: (stranger) => stranger.revokeLease({ leaseId: theirs.lease.leaseId }),
  getLease: (stranger) => stranger.getLease({ leaseId: theirs.lease.leaseId }),
  getSession: (stranger) => stranger.getSession({ sessionId: theirs.sessionId }),
  updateSession: (stranger) =>
    stranger.updateSession({
      session: { sessionId: theirs.sessionId, labels: { mine: 'now' } },
      updateMask: { paths: ['labels'] },
    }),
  exportSession: (stranger) => stranger.exportSession({ sessionId: theirs.sessionId }),
  deleteSession: (stranger) => stranger.deleteSession({ sessionId: theirs.sessionId, force: true }),
  invalidateSession: (stranger) => stranger.invalidateSession({ sessionId: theirs.sessionId }),
  restoreSession: (stranger) => stranger.restoreSession({ sessionId: theirs.sessionId }),
  reportFloodWait: (stranger) =>
    stranger.reportFloodWait({ lease: proof(), duration: durationFromMs(60_000) }),
  // These name nothing: a stranger sees an empty pool.
  listLeases: async (stranger) => sees((await stranger.listLeases({})).leases),
  listSessions: async (stranger) => sees((await stranger.listSessions({})).sessions),
  getPoolStatus: async (stranger) =>
    sees(Array.from({ length: (await stranger.getPoolStatus({})).status!.total })),
  watchPool: async (stranger) => {
    for await (const { status } of stranger.watchPool({})) return sees(Array.from({ length: status!.total }));
  },
  importSession: async (stranger) => {
    await stranger.importSession({ name: 'session 0', material: telethonString() });
    await stranger.deleteSession({
      sessionId: (await stranger.getSession({ name: 'session 0' })).session!.sessionId,
    });
    return 'nothing';
  },
  syncSessions: (stranger) => stranger.syncSessions({}).catch(() => 'nothing'),
  // For the mesh, which acts for every tenant.
  claimEgress: () => Promise.resolve('nothing'),
  releaseEgress: () => Promise.resolve('nothing'),
};

function proof() {
  const { leaseId, fencingToken } = theirs.lease;
  return { leaseId, fencingToken };
}

function sees(things: readonly unknown[]): string {
  return things.length === 0 ? 'nothing' : `${things.length} things of another tenant`;
}

async function first(stranger: PoolClient, action: { case: 'attach'; value: ReturnType<typeof proof> }) {
  const stream = stranger.holdLease();
  await stream.send({ action });
  for await (const answer of stream.responses) return answer;
}

test.each(Object.keys(SessionPoolService.method) as (keyof typeof reaches)[])(
  '%s: what belongs to another tenant is not there',
  async (method) => {
    const stranger = mesh.client(randomUUIDv7());
    const outcome = await reaches[method](stranger).catch((error: unknown) => error);
    if (outcome === 'nothing') return;
    // A lease that is not one's own, and one that has ended, are the same to an attach.
    const allowed = method === 'holdLease' ? ErrorReason.LEASE_LOST : ErrorReason.NOT_FOUND;
    expect(outcome).toMatchObject({ reason: allowed });
    const { client, lease, sessionId } = theirs;
    expect((await client.getLease({ leaseId: lease.leaseId })).lease!.leaseId).toBe(lease.leaseId);
    expect((await client.getSession({ sessionId })).session!.labels).toEqual({});
  },
);

test('a key of another tenant is known, and its name is not told', async () => {
  const material = telethonString();
  await theirs.client.importSession({ name: 'secret name', material });
  const error = await mesh
    .client(randomUUIDv7())
    .importSession({ name: 'mine', material })
    .catch((refused: unknown) => refused);
  expect(error).toMatchObject({ reason: ErrorReason.SESSION_DUPLICATE, metadata: {} });
  expect(String(error)).not.toContain('secret name');
});

test('an operator may cross, and that is written down; nobody else may', async () => {
  const [replica] = mesh.replicas;
  const operator = connect(SessionPoolService, { address: replica!.address, apiKey: mesh.operatorKey });
  const { session } = await theirs.client.getSession({ sessionId: theirs.sessionId });
  const { lease } = await theirs.client.acquireLease({ selector: { sessionId: session!.sessionId } });
  const crossing = { metadata: { 'x-tenant-id': theirs.tenantId } };
  expect((await operator.getLease({ leaseId: lease!.leaseId }, crossing)).lease!.leaseId).toBe(
    lease!.leaseId,
  );
  expect(replica!.log).toContainEqual(expect.objectContaining({ kind: 'audit' }));
  const user = mesh.client(randomUUIDv7());
  await expect(user.getLease({ leaseId: lease!.leaseId }, crossing)).rejects.toMatchObject({
    reason: ErrorReason.SCOPE_MISSING,
  });
  operator.close();
});
