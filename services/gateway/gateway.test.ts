import { createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  SessionPoolService,
  type HoldLeaseRequestSchema,
} from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { startGatewayMesh, type GatewayMesh, type TestTenant } from '../../tests/support/gateway.ts';

let mesh: GatewayMesh;
let tenant: TestTenant;
let key: string;

beforeAll(async () => {
  mesh = await startGatewayMesh();
  tenant = await mesh.tenant(2);
  ({ key } = tenant.key());
});
afterAll(() => mesh?.stop());

const POOL = '/telegate.session_pool.v1.SessionPoolService';

async function call(method: string, body: object, headers: Record<string, string> = {}) {
  const response = await fetch(`${mesh.url}${POOL}/${method}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': key, ...headers },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

function poolOver(transport: typeof createGrpcTransport | typeof createConnectTransport) {
  return createClient(
    SessionPoolService,
    transport({
      baseUrl: mesh.url,
      httpVersion: '2',
      interceptors: [
        (next) => (request) => {
          request.header.set('x-api-key', key);
          return next(request);
        },
      ],
    }),
  );
}

test('the pool over JSON, for the tenant of the key', async () => {
  expect(await call('GetPoolStatus', {})).toMatchObject({
    status: 200,
    body: { status: { total: 2, free: 2 } },
  });
  const taken = await call('AcquireLease', { holder: 'curl' });
  const { lease } = taken.body as { lease: { leaseId: string; fencingToken: string } };
  const { leaseId, fencingToken } = lease;
  expect(await call('ReleaseLease', { lease: { leaseId, fencingToken } })).toEqual({
    status: 200,
    body: { endedNow: true },
  });
  const stale = await call('ReleaseLease', { lease: { leaseId, fencingToken: '7' } });
  expect(stale).toMatchObject({
    status: 409,
    body: {
      code: 'aborted',
      details: [{ debug: { reason: 'LEASE_LOST', metadata: { lease_id: leaseId } } }],
    },
  });
});

test.each([
  ['gRPC', createGrpcTransport],
  ['Connect', createConnectTransport],
])('a lease held over %s: granted, renewed, released', async (_, transport) => {
  const steps = Promise.withResolvers<void>();
  async function* requests(): AsyncGenerator<MessageInitShape<typeof HoldLeaseRequestSchema>> {
    yield { action: { case: 'open' as const, value: { holder: 'worker' } } };
    yield { action: { case: 'heartbeat' as const, value: {} } };
    await steps.promise;
    yield { action: { case: 'release' as const, value: {} } };
  }
  const seen: (string | undefined)[] = [];
  for await (const { event } of poolOver(transport).holdLease(requests())) {
    seen.push(event.case);
    if (event.case === 'renewed') steps.resolve();
  }
  expect(seen).toEqual(['granted', 'renewed', 'released']);
});

test('the counts as they change', async () => {
  const watching = poolOver(createConnectTransport).watchPool({})[Symbol.asyncIterator]();
  expect(await watching.next()).toMatchObject({ value: { status: { free: 2 } } });
  await watching.return?.();
});

test('what is between services is not there, and who comes through the edge is no service', async () => {
  for (const method of ['ClaimEgress', 'ReleaseEgress'])
    expect(await call(method, {})).toMatchObject({ status: 404, body: { detail: 'Not Found' } });
  const login = { name: 'x', material: 'AA==', source: 'SESSION_SOURCE_LOGIN' };
  expect(await call('ImportSession', login)).toMatchObject({
    status: 403,
    body: { details: [{ debug: { reason: 'SCOPE_MISSING', metadata: { scope: 'mesh' } } }] },
  });
});

test('only an operator acts for another tenant', async () => {
  const crossing = { 'x-tenant-id': tenant.tenantId };
  const other = await mesh.tenant(0);
  expect(await call('GetPoolStatus', {}, { ...crossing, 'x-api-key': other.key().key })).toMatchObject({
    status: 403,
  });
  const asOperator = await call('GetPoolStatus', {}, { ...crossing, 'x-api-key': mesh.pool.operatorKey });
  expect(asOperator).toMatchObject({ status: 200, body: { status: { total: 2 } } });
});
