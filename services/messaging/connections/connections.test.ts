import { randomUUIDv7 } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import type { PoolClient } from '../../../tests/support/session-pool.ts';
import { startMessagingMesh, type MessagingMesh } from '../../../tests/support/messaging.ts';

interface LeaseProofInit {
  readonly leaseId: string;
  readonly fencingToken: bigint;
}

let mesh: MessagingMesh;
beforeAll(async () => {
  mesh = await startMessagingMesh({ replicas: 2 });
});
afterAll(() => mesh.stop());

const refused = (reason: ErrorReason) => expect.objectContaining({ reason });

describe('which account', () => {
  test('by account, by session, and by a lease of the caller', async () => {
    const tenantId = randomUUIDv7();
    const client = mesh.client(tenantId);
    const { account, accountId, sessionId } = await mesh.session(tenantId);
    const byAccount = await client.getMe({ actor: { actor: { case: 'accountId', value: accountId } } });
    expect(byAccount.me).toMatchObject({ peer: `user:${account.id}`, phone: account.phone });
    const bySession = await client.getMe({ actor: { actor: { case: 'sessionId', value: sessionId } } });
    expect(bySession).toEqual(byAccount);

    const other = await mesh.session(tenantId);
    const value = await mesh.lease(tenantId, other.sessionId);
    const byLease = await client.getMe({ actor: { actor: { case: 'lease', value } } });
    expect(byLease.me?.peer).toBe(`user:${other.account.id}`);
    expect(await mesh.doubledKeys()).toEqual([]);
  });

  test('one that somebody else has leased: who, and until when', async () => {
    const tenantId = randomUUIDv7();
    const { accountId, sessionId } = await mesh.session(tenantId);
    await mesh.lease(tenantId, sessionId, { holder: 'the night shift' });
    for (const actor of [
      { case: 'accountId', value: accountId } as const,
      { case: 'sessionId', value: sessionId } as const,
    ]) {
      const error = await mesh
        .client(tenantId)
        .getMe({ actor: { actor } })
        .catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({
        reason: ErrorReason.SESSION_LEASED,
        metadata: { holder: 'the night shift', expire_time: expect.stringMatching(/^20/) as string },
      });
    }
  });

  test("a lease with another token, one that has ended, another tenant's, another caller's", async () => {
    const tenantId = randomUUIDv7();
    const { sessionId } = await mesh.session(tenantId);
    const value = await mesh.lease(tenantId, sessionId);
    const withLease = (proof: typeof value, options = {}, tenant = tenantId) =>
      mesh.client(tenant, options).getMe({ actor: { actor: { case: 'lease', value: proof } } });
    const lost = refused(ErrorReason.LEASE_LOST);
    await expect(withLease({ ...value, fencingToken: value.fencingToken + 1n })).rejects.toEqual(lost);
    await expect(withLease(value, {}, randomUUIDv7())).rejects.toEqual(lost);
    await expect(withLease(value, { subject: 'key:another' })).rejects.toEqual(lost);
    await expect(withLease(value, { subject: 'key:operator', role: 'operator' })).resolves.toBeDefined();
    await expect(withLease(value)).resolves.toBeDefined();
    await expect(withLease({ ...value, fencingToken: value.fencingToken - 1n })).rejects.toEqual(lost);
    await expect(withLease(value, { subject: 'key:another' })).rejects.toEqual(lost);
    await mesh.pool.client(tenantId).releaseLease({ lease: value });
    await expect
      .poll(() => withLease(value).catch((thrown: unknown) => thrown), { timeout: 10_000 })
      .toEqual(lost);
  });

  test.each([
    ['released by its holder', (pool: PoolClient, lease: LeaseProofInit) => pool.releaseLease({ lease })],
    ['revoked', (pool: PoolClient, { leaseId }: LeaseProofInit) => pool.revokeLease({ leaseId })],
  ])(
    "a caller's lease that is %s: its socket is closed at once, and the session is free",
    async (_how, end) => {
      const tenantId = randomUUIDv7();
      const { account, sessionId } = await mesh.session(tenantId);
      const value = await mesh.lease(tenantId, sessionId);
      const sockets = async (): Promise<number> => {
        const accountId = String(account.id);
        return (await mesh.control.control.listConnections({ openOnly: true, accountId })).connections.length;
      };
      const began = performance.now();
      await mesh.client(tenantId).getMe({ actor: { actor: { case: 'lease', value } } });
      expect(await sockets()).toBe(1);
      await end(mesh.pool.client(tenantId), value);
      await expect.poll(sockets, { interval: 20 }).toBe(0);
      // The pool told: the claim, which would have found out, is renewed 5 s after it was made.
      expect(performance.now() - began).toBeLessThan(4_500);
      await expect.poll(() => mesh.lease(tenantId, sessionId).catch(() => undefined)).toBeDefined();
    },
  );

  test('none, a made up one, one of another tenant', async () => {
    const tenantId = randomUUIDv7();
    const { accountId, sessionId } = await mesh.session(randomUUIDv7());
    const client = mesh.client(tenantId);
    await expect(client.getMe({})).rejects.toEqual(refused(ErrorReason.INVALID_FIELD));
    for (const actor of [
      { case: 'accountId', value: accountId } as const,
      { case: 'accountId', value: randomUUIDv7() } as const,
      { case: 'sessionId', value: sessionId } as const,
      { case: 'sessionId', value: 4_000_000_000n } as const,
    ])
      await expect(client.getMe({ actor: { actor } })).rejects.toEqual(refused(ErrorReason.NOT_FOUND));
  });
});

describe('two replicas', () => {
  test('a call that reaches the one that does not hold the session is made by the other', async () => {
    const tenantId = randomUUIDv7();
    const { account, accountId, sessionId } = await mesh.session(tenantId);
    const actor = { actor: { case: 'accountId', value: accountId } as const };
    await mesh.client(tenantId).getMe({ actor });
    const { me } = await mesh.client(tenantId, { replica: 1 }).getMe({ actor });
    expect(me?.peer).toBe(`user:${account.id}`);
    const bySession = { actor: { case: 'sessionId', value: sessionId } as const };
    await mesh.client(tenantId, { replica: 1 }).getMe({ actor: bySession });
    expect(await mesh.doubledKeys()).toEqual([]);
  });

  test('under a lease of the caller as well', async () => {
    const tenantId = randomUUIDv7();
    const { sessionId } = await mesh.session(tenantId);
    const value = await mesh.lease(tenantId, sessionId);
    const actor = { actor: { case: 'lease', value } as const };
    await mesh.client(tenantId).getMe({ actor });
    await mesh.client(tenantId, { replica: 1 }).getMe({ actor });
    expect(await mesh.doubledKeys()).toEqual([]);
  });

  test('both asked at once: one holds it, both answer', async () => {
    const tenantId = randomUUIDv7();
    const { accountId, sessionId } = await mesh.session(tenantId);
    const actors = [
      { case: 'accountId', value: accountId } as const,
      { case: 'sessionId', value: sessionId } as const,
    ];
    const answers = await Promise.all(
      [0, 1, 0, 1].flatMap((replica) =>
        actors.map((actor) => mesh.client(tenantId, { replica }).getMe({ actor: { actor } })),
      ),
    );
    expect(new Set(answers.map(({ me }) => me?.peer)).size).toBe(1);
    expect(await mesh.doubledKeys()).toEqual([]);
  });
});
