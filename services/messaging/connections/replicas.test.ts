import { randomUUIDv7 } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { ConnectionState } from '#gen/telegate/messaging/v1/messaging_pb.ts';
import type { ServiceProcess } from '../../../tests/support/service-process.ts';
import { startMessagingMesh, type MessagingMesh } from '../../../tests/support/messaging.ts';

let mesh: MessagingMesh;
beforeAll(async () => {
  mesh = await startMessagingMesh({ replicas: 1 });
});
afterAll(() => mesh.stop());

const cleanups: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function replica(env: Record<string, string> = {}): Promise<ServiceProcess> {
  const made = await mesh.replica(env);
  cleanups.push(() => made.stop());
  return made;
}

const byAccount = (accountId: string) => ({
  actor: { actor: { case: 'accountId' as const, value: accountId } },
});

async function openConnections(accountId: number) {
  const { connections } = await mesh.control.control.listConnections({
    openOnly: true,
    accountId: String(accountId),
  });
  return connections.length;
}

test('the owner is killed while a call is under way: another answers after its claim', async () => {
  const tenantId = randomUUIDv7();
  const { account, accountId } = await mesh.session(tenantId);
  const owner = await replica();
  await mesh.client(tenantId, { address: owner.address }).getMe(byAccount(accountId));
  const { fault } = await mesh.control.control.createFault({
    spec: {
      scope: { accountIds: [String(account.id)], methods: ['users.getUsers'] },
      fault: { case: 'delay', value: { delay: { seconds: 60n } } },
    },
  });
  const other = mesh.client(tenantId);
  const answer = other.getMe(byAccount(accountId), { deadlineMs: 60_000 });
  await expect
    .poll(async () => (await mesh.control.control.listFaults({})).faults[0]?.hits ?? 0n)
    .toBeGreaterThan(0);
  await mesh.control.control.deleteFault({ faultId: fault!.faultId });
  const killedAt = performance.now();
  await owner.stop('SIGKILL');
  const { me } = await answer;
  expect(me?.peer).toBe(`user:${account.id}`);
  const took = performance.now() - killedAt;
  // Not before the claim, renewed at most 5 s ago, had ended.
  expect(took).toBeGreaterThan(8_000);
  expect(took).toBeLessThan(25_000);
  expect(await mesh.doubledKeys()).toEqual([]);
}, 90_000);

test('one that stops gives its sessions back: the next has them at once', async () => {
  const tenantId = randomUUIDv7();
  const { account, accountId } = await mesh.session(tenantId);
  const owner = await replica();
  await mesh.client(tenantId, { address: owner.address }).getMe(byAccount(accountId));
  expect(await owner.stop()).toBe(0);
  expect(await openConnections(account.id)).toBe(0);
  const began = performance.now();
  await mesh.client(tenantId).getMe(byAccount(accountId));
  expect(performance.now() - began).toBeLessThan(3_000);
  expect(await mesh.doubledKeys()).toEqual([]);
});

test('a session that nobody uses is given back', async () => {
  const tenantId = randomUUIDv7();
  const { account, accountId, sessionId } = await mesh.session(tenantId);
  const owner = await replica({ IDLE_LIMIT: '1s' });
  await mesh.client(tenantId, { address: owner.address }).getMe(byAccount(accountId));
  await expect.poll(() => openConnections(account.id), { timeout: 5_000 }).toBe(0);
  await vi.waitFor(() => mesh.lease(tenantId, sessionId));
});

test('a lease that is to be drained is given back before it is revoked', async () => {
  const tenantId = randomUUIDv7();
  const { account, accountId } = await mesh.session(tenantId);
  await mesh.client(tenantId).getMe(byAccount(accountId));
  const pool = mesh.pool.client(tenantId);
  const { leases } = await pool.listLeases({});
  expect(leases).toHaveLength(1);
  expect(leases[0]!.holder).toMatch(/^messaging:/);
  await pool.revokeLease({ leaseId: leases[0]!.leaseId, grace: { seconds: 20n } });
  await expect.poll(() => openConnections(account.id), { timeout: 5_000 }).toBe(0);
  await expect.poll(async () => (await pool.listLeases({})).leases, { timeout: 10_000 }).toEqual([]);
});

test('connections are listed over all replicas, page by page, each tenant its own', async () => {
  const tenantId = randomUUIDv7();
  const owner = await replica();
  const sessions = await Promise.all([1, 2, 3, 4].map(() => mesh.session(tenantId)));
  for (const [index, { accountId }] of sessions.entries())
    await mesh
      .client(tenantId, index % 2 === 0 ? { address: owner.address } : {})
      .getMe(byAccount(accountId));
  const client = mesh.client(tenantId);
  const { connections } = await client.listConnections({});
  expect(connections.map(({ sessionId }) => sessionId)).toEqual(
    sessions.map(({ sessionId }) => sessionId).toSorted((a, b) => Number(a - b)),
  );
  expect(new Set(connections.map(({ processId }) => processId)).size).toBe(2);
  for (const connection of connections)
    expect(connection).toMatchObject({ state: ConnectionState.CONNECTED, dataCenter: 2, proxyId: '' });
  const seen: bigint[] = [];
  let pageToken = '';
  do {
    const page = await client.listConnections({ pageSize: 1, pageToken });
    seen.push(...page.connections.map(({ sessionId }) => sessionId));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  expect(seen).toEqual(connections.map(({ sessionId }) => sessionId));
  const { accountId } = sessions[2]!;
  expect((await client.listConnections({ accountId })).connections).toHaveLength(1);
  expect((await client.listConnections({ state: ConnectionState.DEGRADED })).connections).toEqual([]);
  expect((await mesh.client(randomUUIDv7()).listConnections({})).connections).toEqual([]);
});
