import { randomUUIDv7 } from 'node:crypto';
import { Client as Channel, credentials, Metadata } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { AssignmentState, ProxyState } from '#gen/telegate/proxy_registry/v1/proxy_pb.ts';
import { ProxyRegistryService } from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { DEFAULT_OPERATOR_TENANT } from '#lib/auth/authenticate.ts';
import { servicePrincipal } from '#lib/auth/principal.ts';
import { connect } from '#lib/rpc/client.ts';
import { startServiceProcess } from '../support/service-process.ts';
import { faultless } from '../support/any-input.ts';
import { startRegistryMesh, type RegistryClient, type RegistryMesh } from '../support/proxy-registry.ts';
import { telethonString } from '../support/session-pool.ts';
import { startSocks5 } from '../support/socks5.ts';

let mesh: RegistryMesh;
let theirs: { tenantId: string; client: RegistryClient; proxyId: string; accountId: string };

beforeAll(async () => {
  mesh = await startRegistryMesh();
  const tenantId = randomUUIDv7();
  const accountId = randomUUIDv7();
  const client = mesh.client(tenantId);
  const { proxy } = await client.createProxy({
    proxy: { host: '127.0.0.1', port: 9, username: 'user', password: 'canary-4711', name: 'theirs' },
  });
  await client.assignProxy({ accountId, proxyId: proxy!.proxyId });
  theirs = { tenantId, client, proxyId: proxy!.proxyId, accountId };
});
afterAll(() => mesh.stop());

/** One row a method: how a stranger would reach for what is not theirs, and what they may see of it. */
const reaches: Record<
  keyof typeof ProxyRegistryService.method,
  (stranger: RegistryClient, strangersMesh: RegistryClient) => Promise<unknown>
> = {
  getProxy: (stranger) => stranger.getProxy({ proxyId: theirs.proxyId }),
  updateProxy: (stranger) =>
    stranger.updateProxy({
      proxy: { proxyId: theirs.proxyId, name: 'mine' },
      updateMask: { paths: ['name'] },
    }),
  deleteProxy: (stranger) => stranger.deleteProxy({ proxyId: theirs.proxyId, force: true }),
  checkProxy: (stranger) => stranger.checkProxy({ proxyId: theirs.proxyId }),
  assignProxy: (stranger) => stranger.assignProxy({ accountId: theirs.accountId, proxyId: theirs.proxyId }),
  resolveEgress: (_, strangersMesh) =>
    strangersMesh.resolveEgress({ processId: 'p', accountId: theirs.accountId, proxyId: theirs.proxyId }),
  // The same place may be added by anybody, and is another proxy.
  createProxy: async (stranger) => {
    const { proxy } = await stranger.createProxy({
      proxy: { host: '127.0.0.1', port: 9, username: 'user', name: 'own' },
    });
    expect(proxy!.proxyId).not.toBe(theirs.proxyId);
    return 'nothing';
  },
  importProxies: async (stranger) => {
    const { proxyIds, duplicateCount } = await stranger.importProxies({ list: '127.0.0.1:9:user:x' });
    expect({ count: proxyIds.length, duplicateCount }).toEqual({ count: 1, duplicateCount: 0 });
    return 'nothing';
  },
  // These name nothing of theirs, or an account, which this service knows together with its tenant alone.
  listProxies: async (stranger) => sees((await stranger.listProxies({})).proxies),
  listAssignments: async (stranger) =>
    sees((await stranger.listAssignments({ accountId: theirs.accountId })).assignments),
  releaseAssignment: (stranger) =>
    stranger.releaseAssignment({ accountId: theirs.accountId }).then(() => 'nothing'),
  allowDirect: (_, strangersMesh) =>
    strangersMesh.allowDirect({ accountId: theirs.accountId, allowed: true }).then(() => 'nothing'),
  // For the mesh, whose processes hold sockets for every tenant.
  holdEgress: () => Promise.resolve('nothing'),
};

function sees(things: readonly unknown[]): string {
  return things.length === 0 ? 'nothing' : `${things.length} things of another tenant`;
}

test.each(Object.keys(ProxyRegistryService.method) as (keyof typeof reaches)[])(
  '%s: what belongs to another tenant is not there',
  async (method) => {
    const tenantId = randomUUIDv7();
    const outcome = await reaches[method](mesh.client(tenantId), mesh.mesh(tenantId)).catch(
      (error: unknown) => error,
    );
    expect(outcome === 'nothing' ? { reason: ErrorReason.NOT_FOUND } : outcome).toMatchObject({
      reason: ErrorReason.NOT_FOUND,
    });
    const { proxy } = await theirs.client.getProxy({ proxyId: theirs.proxyId });
    expect(proxy).toMatchObject({ name: 'theirs', assignedCount: 1 });
    const { assignments } = await theirs.client.listAssignments({});
    expect(assignments).toMatchObject([{ accountId: theirs.accountId, allowDirect: false }]);
  },
);

test('what is for the mesh is not for users, and each scope for its calls', async () => {
  const refused = { reason: ErrorReason.SCOPE_MISSING };
  const { client, accountId, proxyId, tenantId } = theirs;
  for (const call of [
    client.resolveEgress({ processId: 'p', accountId }),
    client.holdEgress({ processId: 'p' }),
    client.allowDirect({ accountId }),
  ])
    await expect(call).rejects.toMatchObject(refused);
  const reader = mesh.client(tenantId, { scopes: ['proxy:read'] });
  await reader.getProxy({ proxyId });
  await expect(reader.checkProxy({ proxyId })).rejects.toMatchObject(refused);
});

test('its admin port tells that it is ready, and what it counts', async () => {
  const { admin } = mesh.registry;
  expect((await fetch(`${admin}/readyz`)).status).toBe(200);
  const metrics = await (await fetch(`${admin}/metrics`)).text();
  expect(metrics).toMatch(/^telegate_proxy_proxies\{[^}]*telegate_state="down"[^}]*\} \d+/m);
  expect(metrics).toMatch(/^telegate_proxy_assignments\{[^}]*telegate_state="assigned"[^}]*\} [1-9]/m);
  expect(metrics).toMatch(/^telegate_proxy_holds/m);
});

test('the gateway carries the calls of owners, over plain JSON too, and hides those of the mesh', async () => {
  const gateway = await startServiceProcess('gateway', {
    ...mesh.environment,
    PROXY_REGISTRY_ADDRESS: mesh.registry.address,
  });
  const post = (method: string, body: unknown) =>
    fetch(`http://${gateway.address}/${ProxyRegistryService.typeName}/${method}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': mesh.operatorKey },
      body: JSON.stringify(body),
    });
  const created = await post('CreateProxy', { proxy: { host: '127.0.0.1', port: 7, name: 'by json' } });
  expect(created.status).toBe(200);
  expect(await (await post('ListProxies', {})).json()).toMatchObject({ proxies: [{ name: 'by json' }] });
  for (const method of ['ResolveEgress', 'HoldEgress', 'AllowDirect'])
    expect((await post(method, { processId: 'p' })).status).toBe(404);
  const { proxy } = (await created.json()) as { proxy: { proxyId: string } };
  expect((await post('DeleteProxy', { proxyId: proxy.proxyId })).status).toBe(200);
  await gateway.stop();
});

test('a session that enters the pool has its proxy, and gives it up when it leaves', async () => {
  const socks5 = await startSocks5();
  const own = await startRegistryMesh({ env: { DEFAULT_PROXY: `socks5://127.0.0.1:${socks5.port}` } });
  const pool = await startServiceProcess('session-pool', own.environment);
  const apiKey = own.operatorKey;
  const sessions = connect(SessionPoolService, { address: pool.address, apiKey });
  const proxies = connect(ProxyRegistryService, { address: own.registry.address, apiKey });
  const [known] = (await proxies.listProxies({})).proxies;
  const { proxyId } = known!;
  expect(known).toMatchObject({ name: 'default', capacity: 100_000 });
  const { session } = await sessions.importSession({ name: 'one', material: telethonString() });
  const { sessionId } = session!;
  await expect
    .poll(async () => (await proxies.listAssignments({ sessionId })).assignments, { timeout: 10_000 })
    .toMatchObject([{ proxyId, state: AssignmentState.ASSIGNED, accountId: '' }]);
  // The sweep has looked meanwhile: the proxy is there, and Telegram is not behind it.
  await expect
    .poll(async () => (await proxies.getProxy({ proxyId })).proxy!.state, { timeout: 10_000 })
    .toBe(ProxyState.DOWN);
  const answer = own.mesh(DEFAULT_OPERATOR_TENANT).resolveEgress({ sessionId, processId: 'p' });
  await expect(answer).rejects.toMatchObject({ reason: ErrorReason.NO_EGRESS });
  await sessions.deleteSession({ sessionId });
  await expect
    .poll(async () => (await proxies.listAssignments({})).assignments, { timeout: 10_000 })
    .toEqual([]);
  // A second start finds what the first has added.
  const again = await startServiceProcess('proxy-registry', {
    ...own.environment,
    DEFAULT_PROXY: `socks5://127.0.0.1:${socks5.port}`,
  });
  expect((await proxies.listProxies({})).proxies).toHaveLength(1);
  sessions.close();
  proxies.close();
  expect(await Promise.all([again.stop(), pool.stop()])).toEqual([0, 0]);
  await own.stop();
  await socks5.close();
}, 60_000);

test.each([
  ['http://user:canary-1@127.0.0.1:1', /not a SOCKS5 proxy/],
  ['socks5://user:canary-1@10.0.0.1:1', /private/],
  [randomUUIDv7(), /does not have/],
])('a start with DEFAULT_PROXY=%s ends, with a reason and without the password', async (value, reason) => {
  const failure = await startServiceProcess('proxy-registry', {
    ...mesh.environment,
    DEFAULT_PROXY: value,
  }).catch((error: unknown) => String(error));
  expect(failure).toMatch(/ended with/);
  expect(failure).toMatch(reason);
  expect(failure).not.toContain('canary');
});

describe('no input makes a call crash or answer INTERNAL', () => {
  let channel: Channel;
  const metadata = new Metadata();
  beforeAll(async () => {
    channel = new Channel(mesh.registry.address, credentials.createInsecure());
    const token = await mesh.tokenOf(servicePrincipal('tests', theirs.tenantId));
    metadata.set('authorization', `Bearer ${token}`);
  });
  afterAll(() => channel.close());

  test.each(ProxyRegistryService.methods.map((method) => [method.name, method] as const))(
    '%s',
    async (_name, method) => {
      const known = {
        proxyId: ['', theirs.proxyId, randomUUIDv7()],
        accountId: ['', theirs.accountId, randomUUIDv7()],
        sessionId: [0n, 1n, 999_999n],
        host: ['127.0.0.1', '198.41.0.4', '::1'],
        port: [1, 9, 65_535],
        username: ['', 'user'],
        password: ['', 'canary-4712'],
        country: ['', 'DE'],
        capacity: [0, 1, 10],
        list: ['127.0.0.1:1\n', '127.0.0.1:1:u:canary-4713\nnonsense\n198.41.0.4:5'],
        requestId: ['', 'one', 'two'],
        pageToken: [''],
        etag: ['', '1'],
        paths: ['name', 'labels', 'port', 'password'],
        processId: ['p', 'q'],
        holdIds: [randomUUIDv7()],
        closedHoldIds: [randomUUIDv7()],
      };
      expect(await faultless(method, { channel, metadata, known, process: mesh.registry })).toBe(true);
      expect(JSON.stringify(mesh.registry.log)).not.toContain('canary');
    },
    120_000,
  );
});
