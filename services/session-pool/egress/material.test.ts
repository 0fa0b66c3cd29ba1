import { create } from '@bufbuild/protobuf';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { SessionSource } from '#gen/telegate/session_pool/v1/session_pb.ts';
import {
  ClaimEgressRequestSchema,
  type ClaimEgressResponse,
} from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import type { CallContext } from '#lib/rpc/implement.ts';
import { fieldsOf, reasonOf, sessionCalls } from '../sessions/test-calls.ts';
import {
  callOf,
  lease,
  meshCallOf,
  newTenant,
  openTestPool,
  randomMaterial,
  rowsOf,
  telethonString,
  type TestPool,
} from '../sessions/test-pool.ts';
import { egressRoutes } from './routes.ts';

let pool: TestPool;
let calls: ReturnType<typeof sessionCalls>;
beforeAll(async () => {
  pool = await openTestPool();
  calls = sessionCalls(pool);
});
afterAll(() => pool.close());

interface Proof {
  leaseId: string;
  fencingToken: bigint;
}

async function claim(
  ctx: CallContext,
  processId: string,
  leases: Proof[],
  withMaterial = true,
): Promise<ClaimEgressResponse> {
  const request = create(ClaimEgressRequestSchema, { processId, leases, withMaterial });
  return (await egressRoutes(pool).claimEgress(request, ctx)) as ClaimEgressResponse;
}

async function leased(ctx: CallContext, more = {}): Promise<{ sessionId: bigint; proof: Proof }> {
  const { sessionId } = await calls.bringIn(ctx, more);
  return { sessionId, proof: { leaseId: await lease(pool, sessionId), fencingToken: 1n } };
}

async function auditOf(sessionId: bigint): Promise<Record<string, unknown>[]> {
  return (await rowsOf(pool, 'audit', sessionId)).filter(({ action }) => action === 'egress_key');
}

test('the key goes to the process that holds the claim, of whatever tenant, and the record says so', async () => {
  const tenant = newTenant();
  const material = randomMaterial({ dataCenter: 4 });
  const accountId = '0193f2c4-1111-7000-8000-000000000002';
  const { sessionId, proof } = await leased(callOf(tenant), {
    name: 'desk',
    material: telethonString(material),
    accountId,
    labels: { team: 'a' },
    environment: 'local',
  });
  const process = meshCallOf(newTenant());
  const { claims } = await claim(process, 'm1', [proof]);
  expect(claims).toMatchObject([
    {
      environment: 'local',
      material: {
        dataCenter: 4,
        authKey: material.authKey,
        userId: '',
        apiId: '',
        tenantId: tenant,
        sessionName: 'desk',
        accountId,
        labels: { team: 'a' },
        source: SessionSource.IMPORT,
        subject: 'key:other',
      },
    },
  ]);
  const renewed = await claim(process, 'm1', [proof], false);
  expect(renewed.claims[0]!.material).toBeUndefined();
  expect(await auditOf(sessionId)).toMatchObject([
    {
      tenant_id: tenant,
      subject: 'service:account-auth',
      lease_id: proof.leaseId,
      detail: { process_id: 'm1' },
    },
  ]);
});

test('not without a granted claim', async () => {
  const ctx = meshCallOf(newTenant());
  const { sessionId, proof } = await leased(ctx);
  const gone = await leased(ctx);
  await lease(pool, gone.sessionId);
  await claim(ctx, 'm1', [proof], false);
  const { claims, refused } = await claim(ctx, 'm2', [proof, gone.proof]);
  expect(claims).toEqual([]);
  expect(refused).toHaveLength(2);
  expect([...(await auditOf(sessionId)), ...(await auditOf(gone.sessionId))]).toEqual([]);
});

test('not for a call that a process carries for somebody', async () => {
  const tenant = newTenant();
  const { sessionId, proof } = await leased(callOf(tenant));
  const carried = callOf(tenant, { via: 'messaging' });
  expect(await reasonOf(claim(carried, 'm1', [proof]))).toBe(ErrorReason.SCOPE_MISSING);
  expect((await claim(carried, 'm1', [proof], false)).claims).toHaveLength(1);
  expect(await auditOf(sessionId)).toEqual([]);
});

test('of 100 sessions at most at once', async () => {
  const proof = { leaseId: '0193f2c4-1111-7000-8000-000000000001', fencingToken: 1n };
  const many = Array.from({ length: 101 }, () => proof);
  expect(await fieldsOf(claim(meshCallOf(newTenant()), 'm1', many))).toEqual(['leases']);
});

test('the key of a login anew is the one that the next claim answers with', async () => {
  const ctx = meshCallOf(newTenant());
  const login = { source: SessionSource.LOGIN, accountId: '0193f2c4-1111-7000-8000-000000000003' };
  const { sessionId, proof } = await leased(ctx, login);
  const before = await claim(ctx, 'm1', [proof]);
  const material = randomMaterial();
  await calls.bringIn(ctx, { ...login, material: telethonString(material) });
  expect((await claim(ctx, 'm1', [proof])).refused).toHaveLength(1);
  await sql`update slots set claim_expire_time = clock_timestamp() where session_id = ${sessionId}`.execute(
    pool.database.kysely,
  );
  const leaseId = await lease(pool, sessionId);
  const [slot] = await rowsOf(pool, 'slots', sessionId);
  const next = { leaseId, fencingToken: slot!['fencing_token'] as bigint };
  const after = await claim(ctx, 'm1', [next]);
  expect(Buffer.from(after.claims[0]!.material!.authKey)).toEqual(material.authKey);
  expect(before.claims[0]!.material!.authKey).not.toEqual(after.claims[0]!.material!.authKey);
});
