import { randomUUIDv7 } from 'node:crypto';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { LeaseAccess } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import { SessionState } from '#gen/telegate/session_pool/v1/session_pb.ts';
import { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { servicePrincipal } from '#lib/auth/principal.ts';
import { systemClock, type Clock } from '#lib/lifecycle/clock.ts';
import { connect } from '#lib/rpc/client.ts';
import { silent } from '../../../../tests/support/pool.ts';
import {
  startPoolMesh,
  telethonString,
  tenantWithSessions,
  type PoolMesh,
} from '../../../../tests/support/session-pool.ts';
import { startServiceProcess } from '../../../../tests/support/service-process.ts';
import type { HoldEnd, SessionOwner } from './entry.ts';
import { HeldSessions } from './held-sessions.ts';

let mesh: PoolMesh;
let database: pg.Client;
beforeAll(async () => {
  mesh = await startPoolMesh({ replicas: 2 });
  database = new pg.Client({ connectionString: mesh.database.url });
  await database.connect();
});
afterAll(async () => {
  await database.end();
  await mesh.stop();
});

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** The machine's clock, which goes on while this process stands still: timers learn of that only later. */
function pausableClock(): Clock & { standStill(ms: number): void } {
  let stood = 0;
  return {
    ...systemClock,
    monotonic: () => systemClock.monotonic() + stood,
    standStill: (ms) => void (stood += ms),
  };
}

function holding(options: { addresses?: string[]; clock?: Clock; mostSessions?: number } = {}) {
  const { addresses = [mesh.replicas[0]!.address], clock = systemClock } = options;
  const principal = servicePrincipal('messaging', randomUUIDv7());
  const clients = addresses.map((address) =>
    connect(SessionPoolService, { address, token: (caller) => mesh.tokenOf(caller ?? principal) }),
  );
  const held = new HeldSessions({
    clients,
    processId: randomUUIDv7(),
    principal,
    clock,
    log: silent,
    random: () => 0.5,
    ...(options.mostSessions === undefined ? {} : { mostSessions: options.mostSessions }),
  });
  cleanups.push(async () => {
    await held.close();
    for (const client of clients) client.close();
  });
  return held;
}

/** An owner whose socket closes when the test says so, or at once. */
function socketOwner(options: { closesAtOnce?: boolean } = {}) {
  const closed = Promise.withResolvers<void>();
  // A test that fails half-way must not keep its process from stopping.
  cleanups.push(() => closed.resolve());
  if (options.closesAtOnce ?? true) closed.resolve();
  const ends: HoldEnd[] = [];
  const drains: Date[] = [];
  const waits: string[] = [];
  const owner: SessionOwner = {
    closeSocket(why) {
      ends.push(why);
      return closed.promise;
    },
    drainRequested: (deadline) => void drains.push(deadline),
    floodWait: ({ method }) => void waits.push(method),
  };
  return { owner, ends, drains, waits, close: () => closed.resolve() };
}

interface SlotRow {
  lease_id: string | null;
  claim_process: string | null;
  claim_expire_time: Date | null;
  expire_time: Date | null;
}

async function slotOf(sessionId: bigint): Promise<SlotRow> {
  const { rows } = await database.query<SlotRow>(
    `select lease_id, claim_process, claim_expire_time, expire_time
     from session_pool.slots where session_id = $1`,
    [String(sessionId)],
  );
  return rows[0]!;
}

const isFree = { lease_id: null, claim_process: null };
const lost = expect.objectContaining({ reason: ErrorReason.LEASE_LOST });

describe('under leases of its own', () => {
  test('sessions of any tenants, by id or account: leased, claimed, and the key at hand', async () => {
    const held = holding();
    const [one, two] = [await tenantWithSessions(mesh, 1), await tenantWithSessions(mesh, 1)];
    const accountId = randomUUIDv7();
    const { session } = await one.client.importSession({
      name: 'desk',
      material: telethonString(),
      environment: 'local-7',
      accountId,
      labels: { team: 'a' },
    });
    const [first, second] = await Promise.all([
      held.acquire({ tenantId: two.tenantId, sessionId: two.sessionIds[0]! }, socketOwner().owner),
      held.acquire({ tenantId: one.tenantId, accountId }, socketOwner().owner),
    ]);
    expect(first.session).toMatchObject({ sessionId: two.sessionIds[0], tenantId: two.tenantId });
    expect(second.session).toMatchObject({
      sessionId: session!.sessionId,
      tenantId: one.tenantId,
      accountId,
      environment: 'local-7',
      labels: { team: 'a' },
      dataCenter: 2,
    });
    expect(second.session.authKey).toHaveLength(256);
    expect(second.guard.remainingMs()).toBeGreaterThan(8_000);
    expect(() => second.guard.check()).not.toThrow();
    expect(await second.release()).toBe('released');
    expect(await slotOf(session!.sessionId)).toMatchObject(isFree);
    expect(held.size).toBe(1);
  });

  test('are refused with what the pool says, and leave nothing behind', async () => {
    const held = holding();
    const { tenantId, client, sessionIds } = await tenantWithSessions(mesh, 1);
    const sessionId = sessionIds[0]!;
    await client.acquireLease({ selector: { sessionId }, holder: 'somebody' });
    await expect(held.acquire({ tenantId, sessionId }, socketOwner().owner)).rejects.toMatchObject({
      reason: ErrorReason.NO_FREE_SESSION,
      metadata: { holder: 'somebody' },
    });
    expect(held.size).toBe(0);
  });

  test('leases and claims are renewed in time', async () => {
    const clock = pausableClock();
    const held = holding({ clock });
    const { tenantId, sessionIds } = await tenantWithSessions(mesh, 1);
    const { owner, ends } = socketOwner();
    const session = await held.acquire({ tenantId, sessionId: sessionIds[0]! }, owner);
    const before = await slotOf(sessionIds[0]!);
    for (let round = 0; round < 3; round += 1) {
      clock.standStill(4_500);
      await vi.waitFor(() => expect(session.guard.remainingMs()).toBeGreaterThan(9_000), { timeout: 5_000 });
    }
    const after = await slotOf(sessionIds[0]!);
    expect(after.claim_expire_time!.getTime()).toBeGreaterThan(before.claim_expire_time!.getTime());
    expect(after.expire_time!.getTime()).toBeGreaterThan(before.expire_time!.getTime());
    expect(ends).toEqual([]);
  });

  test('a process that stood still past its time makes no late call: the check itself finds out', async () => {
    const clock = pausableClock();
    const held = holding({ clock });
    const { tenantId, sessionIds } = await tenantWithSessions(mesh, 1);
    const { owner, ends } = socketOwner();
    const session = await held.acquire({ tenantId, sessionId: sessionIds[0]! }, owner);
    session.guard.check();
    clock.standStill(10_000);
    expect(() => session.guard.check()).toThrow(lost);
    expect(session.guard.lost.reason).toEqual(lost);
    expect(ends).toEqual(['overdue']);
    expect(session.guard.remainingMs()).toBe(0);
    expect(await session.ended).toBe('overdue');
    expect(await slotOf(sessionIds[0]!)).toMatchObject(isFree);
  });

  test('one that makes no call is told by the sweep', async () => {
    const clock = pausableClock();
    const held = holding({ clock });
    const { tenantId, sessionIds } = await tenantWithSessions(mesh, 1);
    const { owner, ends } = socketOwner();
    const session = await held.acquire({ tenantId, sessionId: sessionIds[0]! }, owner);
    clock.standStill(10_000);
    expect(await session.ended).toBe('overdue');
    expect(ends).toEqual(['overdue']);
  });

  test('the socket is closed before the claim is released, and the claim before the lease', async () => {
    const held = holding();
    const { tenantId, sessionIds } = await tenantWithSessions(mesh, 2);
    const sessionId = sessionIds[0]!;
    const { owner, ends, close } = socketOwner({ closesAtOnce: false });
    const session = await held.acquire({ tenantId, sessionId }, owner);
    const quick = await held.acquire({ tenantId, sessionId: sessionIds[1]! }, socketOwner().owner);
    const released = session.release();
    expect(ends).toEqual(['released']);
    expect(() => session.guard.check()).toThrow(lost);
    // What the pool is told of goes out in turn: with the second session given back, so would be the first.
    expect(await quick.release()).toBe('released');
    const closing = await slotOf(sessionId);
    expect(closing.claim_process).not.toBeNull();
    expect(closing.lease_id).toBe(session.lease.leaseId);
    close();
    expect(await released).toBe('released');
    expect(await slotOf(sessionId)).toMatchObject(isFree);
  });

  test('a socket that fails to close keeps its claim: nobody else is let near', async () => {
    const held = holding();
    const { tenantId, sessionIds } = await tenantWithSessions(mesh, 1);
    const owner = { closeSocket: () => Promise.reject(new Error('stuck')) };
    const session = await held.acquire({ tenantId, sessionId: sessionIds[0]! }, owner);
    await session.release();
    expect((await slotOf(sessionIds[0]!)).claim_process).not.toBeNull();
  });

  test('a lease that is taken away ends at once; a drain is told before', async () => {
    const held = holding();
    const { tenantId, client, sessionIds } = await tenantWithSessions(mesh, 1);
    const { owner, ends, drains, close } = socketOwner({ closesAtOnce: false });
    const session = await held.acquire({ tenantId, sessionId: sessionIds[0]! }, owner);
    const { leaseId } = session.lease;
    await client.revokeLease({ leaseId, grace: durationFromMs(60_000) });
    await vi.waitFor(() => expect(drains).toHaveLength(1));
    session.guard.check();
    await client.revokeLease({ leaseId });
    await vi.waitFor(() => expect(ends).toEqual(['lease_lost']));
    expect(() => session.guard.check()).toThrow(lost);
    // Nobody gets the session while the socket is open.
    await expect(client.acquireLease({})).rejects.toMatchObject({ metadata: { closing: '1' } });
    close();
    expect(await session.ended).toBe('lease_lost');
    const { lease } = await client.acquireLease({});
    expect(lease!.fencingToken).toBeGreaterThan(session.lease.fencingToken);
  });

  test('a replica that stops is left for another; what happens there is heard', async () => {
    const stopping = await startServiceProcess('session-pool', mesh.environment);
    cleanups.push(async () => void (await stopping.stop('SIGKILL')));
    const held = holding({ addresses: [stopping.address, mesh.replicas[1]!.address] });
    const { tenantId, client, sessionIds } = await tenantWithSessions(mesh, 1);
    const { owner, ends } = socketOwner();
    const session = await held.acquire({ tenantId, sessionId: sessionIds[0]! }, owner);
    await stopping.stop();
    const before = (await slotOf(sessionIds[0]!)).expire_time!;
    await vi.waitFor(async () => expect((await slotOf(sessionIds[0]!)).expire_time! > before).toBe(true), {
      timeout: 15_000,
    });
    session.guard.check();
    expect(ends).toEqual([]);
    await client.revokeLease({ leaseId: session.lease.leaseId });
    await vi.waitFor(() => expect(ends).toEqual(['lease_lost']));
  });

  test('whoever gives up waiting leaves nothing leased', async () => {
    const held = holding();
    const { tenantId, client, sessionIds } = await tenantWithSessions(mesh, 1);
    const sessionId = sessionIds[0]!;
    const { lease } = await client.acquireLease({});
    const giveUp = new AbortController();
    const waiting = held.acquire(
      { tenantId, sessionId, waitMs: 60_000, signal: giveUp.signal },
      socketOwner().owner,
    );
    await vi.waitFor(async () => expect((await client.getPoolStatus({})).status!.waiting).toBe(1));
    giveUp.abort();
    await expect(waiting).rejects.toMatchObject({ reason: ErrorReason.CANCELLED });
    const { leaseId, fencingToken } = lease!;
    await client.releaseLease({ lease: { leaseId, fencingToken } });
    await vi.waitFor(async () => {
      const { waiting: left, free } = (await client.getPoolStatus({})).status!;
      expect({ left, free }).toEqual({ left: 0, free: 1 });
    });
  });

  test('one that was queued for longer than its lease lives is renewed before it counts', async () => {
    const clock = pausableClock();
    const held = holding({ clock });
    const { tenantId, client, sessionIds } = await tenantWithSessions(mesh, 1);
    const { lease } = await client.acquireLease({});
    const { owner, ends } = socketOwner();
    const waiting = held.acquire(
      { tenantId, sessionId: sessionIds[0]!, waitMs: 60_000, ttlMs: 5_000 },
      owner,
    );
    await vi.waitFor(async () => expect((await client.getPoolStatus({})).status!.waiting).toBe(1));
    clock.standStill(10_000);
    const { leaseId, fencingToken } = lease!;
    await client.releaseLease({ lease: { leaseId, fencingToken } });
    const session = await waiting;
    expect(session.guard.remainingMs()).toBeGreaterThan(3_000);
    expect(ends).toEqual([]);
  });

  test('300 at once, and all given back when the process stops', async () => {
    const held = holding();
    const { tenantId, client, sessionIds } = await tenantWithSessions(mesh, 300);
    const sessions = await Promise.all(
      sessionIds.map((sessionId) => held.acquire({ tenantId, sessionId }, socketOwner().owner)),
    );
    for (const { guard } of sessions) guard.check();
    await held.close();
    expect(await Promise.all(sessions.map(({ ended }) => ended))).toEqual(sessions.map(() => 'stopping'));
    expect((await client.getPoolStatus({})).status).toMatchObject({ free: 300, leased: 0, closing: 0 });
    const { sessionIds: more } = await tenantWithSessions(mesh, 1);
    await expect(held.acquire({ tenantId, sessionId: more[0]! }, socketOwner().owner)).rejects.toMatchObject({
      reason: ErrorReason.CANCELLED,
    });
  });

  test('more than it may hold are refused', async () => {
    const held = holding({ mostSessions: 1 });
    const { tenantId, sessionIds } = await tenantWithSessions(mesh, 2);
    await held.acquire({ tenantId, sessionId: sessionIds[0]! }, socketOwner().owner);
    await expect(
      held.acquire({ tenantId, sessionId: sessionIds[1]! }, socketOwner().owner),
    ).rejects.toMatchObject({ reason: ErrorReason.QUOTA_EXCEEDED });
  });
});

describe('under a lease of its caller', () => {
  async function leased() {
    const { tenantId, client, sessionIds } = await tenantWithSessions(mesh, 1);
    const { lease } = await client.acquireLease({});
    const { leaseId, fencingToken } = lease!;
    return { tenantId, client, sessionId: sessionIds[0]!, proof: { leaseId, fencingToken } };
  }

  test('the claim is renewed and the lease is not; its end is found by the next renewal', async () => {
    const clock = pausableClock();
    const held = holding({ clock });
    const { tenantId, client, sessionId, proof } = await leased();
    const { owner, ends } = socketOwner();
    const session = await held.adopt({ tenantId, ...proof }, owner);
    expect(session.guard.fencingToken).toBe(proof.fencingToken);
    const before = await slotOf(sessionId);
    clock.standStill(4_900);
    await vi.waitFor(() => expect(session.guard.remainingMs()).toBeGreaterThan(9_000), { timeout: 5_000 });
    expect((await slotOf(sessionId)).expire_time).toEqual(before.expire_time);
    await client.releaseLease({ lease: proof });
    clock.standStill(4_900);
    expect(await session.ended).toBe('lease_lost');
    expect(ends).toEqual(['lease_lost']);
    expect(await slotOf(sessionId)).toMatchObject(isFree);
  });

  test('given back without ending the lease, and taken up again under the same token', async () => {
    const held = holding();
    const { tenantId, sessionId, proof } = await leased();
    const first = await held.adopt({ tenantId, ...proof }, socketOwner().owner);
    await expect(held.adopt({ tenantId, ...proof }, socketOwner().owner)).rejects.toMatchObject({
      reason: ErrorReason.ALREADY_EXISTS,
    });
    await first.release();
    expect(await slotOf(sessionId)).toMatchObject({ lease_id: proof.leaseId, claim_process: null });
    const again = await held.adopt({ tenantId, ...proof }, socketOwner().owner);
    again.guard.check();
  });

  test('refused: a token of old, the lease of another tenant, one whose holder has the key', async () => {
    const held = holding();
    const { tenantId, proof } = await leased();
    const adopt = (lease: { tenantId: string; leaseId: string; fencingToken: bigint }) =>
      held.adopt(lease, socketOwner().owner);
    await expect(adopt({ tenantId, ...proof, fencingToken: 77n })).rejects.toEqual(lost);
    await expect(adopt({ tenantId: randomUUIDv7(), ...proof })).rejects.toMatchObject({
      reason: ErrorReason.NOT_FOUND,
    });
    const other = await tenantWithSessions(mesh, 1);
    const { lease } = await other.client.acquireLease({ access: LeaseAccess.CREDENTIALS });
    const { leaseId, fencingToken } = lease!;
    await expect(adopt({ tenantId: other.tenantId, leaseId, fencingToken })).rejects.toEqual(lost);
    expect(held.size).toBe(0);
  });

  test('two processes: the second is told who has it, and gets it when the first has let go', async () => {
    const [first, second] = [holding(), holding()];
    const { tenantId, proof } = await leased();
    const session = await first.adopt({ tenantId, ...proof }, socketOwner().owner);
    await expect(second.adopt({ tenantId, ...proof }, socketOwner().owner)).rejects.toMatchObject({
      reason: ErrorReason.EGRESS_CLAIMED,
      metadata: { process_id: expect.any(String) },
    });
    await session.release();
    await second.adopt({ tenantId, ...proof }, socketOwner().owner);
  });
});

describe('reports', () => {
  test('a flood wait reaches the pool under the lease', async () => {
    const held = holding();
    const { tenantId, client, sessionIds } = await tenantWithSessions(mesh, 1);
    const { owner, waits } = socketOwner();
    const session = await held.acquire({ tenantId, sessionId: sessionIds[0]! }, owner);
    for (const seconds of [60, 90])
      session.reports.floodWait({ kind: 'flood', method: 'messages.sendMessage', seconds });
    await vi.waitFor(async () => {
      const { floodWaits } = (await client.getSession({ sessionId: sessionIds[0]! })).session!;
      expect(floodWaits).toMatchObject([{ method: 'messages.sendMessage' }]);
      const left = Number(floodWaits[0]!.endTime!.seconds) * 1_000 - Date.now();
      expect(left).toBeGreaterThan(80_000);
    });
    expect(waits).toContain('messages.sendMessage');
  });

  test.each([
    ['dead_key', 'AUTH_KEY_DUPLICATED', SessionState.NEEDS_LOGIN],
    ['needs_login', 'SESSION_REVOKED', SessionState.NEEDS_LOGIN],
    ['frozen', 'FROZEN_METHOD_INVALID', SessionState.FROZEN],
    ['banned', 'USER_DEACTIVATED_BAN', SessionState.BANNED],
  ] as const)(
    '%s takes the session out of the pool, once, and the socket is closed',
    async (condition, error, state) => {
      const held = holding();
      const { tenantId, client, sessionIds } = await tenantWithSessions(mesh, 1);
      const { owner, ends } = socketOwner();
      const session = await held.acquire({ tenantId, sessionId: sessionIds[0]! }, owner);
      session.reports.condition(condition, error);
      session.reports.condition(condition, error);
      expect(await session.ended).toBe('lease_lost');
      expect(ends).toEqual(['lease_lost']);
      expect((await client.getSession({ sessionId: sessionIds[0]! })).session).toMatchObject({
        state,
        stateReason: error,
      });
    },
  );

  test('what the pool did not hear is told again when it is back', async () => {
    const away = await startServiceProcess('session-pool', mesh.environment);
    cleanups.push(async () => void (await away.stop('SIGKILL')));
    const held = holding({ addresses: [away.address] });
    const { tenantId, client, sessionIds } = await tenantWithSessions(mesh, 1);
    const session = await held.acquire({ tenantId, sessionId: sessionIds[0]! }, socketOwner().owner);
    await away.stop('SIGKILL');
    session.reports.condition('needs_login', 'SESSION_REVOKED');
    const port = away.address.split(':')[1]!;
    const back = await startServiceProcess('session-pool', { ...mesh.environment, GRPC_PORT: port });
    cleanups.push(async () => void (await back.stop('SIGKILL')));
    await vi.waitFor(
      async () =>
        expect((await client.getSession({ sessionId: sessionIds[0]! })).session!.state).toBe(
          SessionState.NEEDS_LOGIN,
        ),
      { timeout: 15_000 },
    );
  });
});
