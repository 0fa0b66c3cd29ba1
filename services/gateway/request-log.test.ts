import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startGatewayMesh, type GatewayMesh, type TestTenant } from '../../tests/support/gateway.ts';

let mesh: GatewayMesh;
let tenant: TestTenant;
let key = '';

beforeAll(async () => {
  mesh = await startGatewayMesh();
  tenant = await mesh.tenant(1);
  ({ key } = tenant.key());
}, 60_000);
afterAll(() => mesh.stop());

const requests = () => mesh.logLines.filter(({ kind }) => kind === 'request');

test('a call over Connect is a line with the trace id that its caller got', async () => {
  const response = await fetch(`${mesh.url}/telegate.session_pool.v1.SessionPoolService/GetPoolStatus`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': key },
    body: '{}',
  });
  await response.text();
  expect(response.status).toBe(200);
  await vi.waitFor(() =>
    expect(requests()).toContainEqual(
      expect.objectContaining({
        event: 'call',
        method: 'telegate.session_pool.v1.SessionPoolService/GetPoolStatus',
        rpc_code: 'OK',
        tenant_id: tenant.tenantId,
        trace_id: response.headers.get('trace-id'),
        duration_ms: expect.any(Number),
      }),
    ),
  );
});

test('a plain request is a line by its route, and a refusal says to whom', async () => {
  const canary = 'canary-of-a-parameter';
  const response = await fetch(`${mesh.url}/session?session_name=${canary}`);
  await response.text();
  await vi.waitFor(() =>
    expect(requests()).toContainEqual(
      expect.objectContaining({
        event: 'http_request',
        method: 'GET',
        route: '/session',
        http_status: response.status,
        trace_id: response.headers.get('trace-id'),
        peer: expect.stringMatching(/127\.0\.0\.1/),
      }),
    ),
  );
  expect(JSON.stringify(mesh.logLines)).not.toContain(canary);
});
