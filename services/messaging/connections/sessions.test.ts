import { randomUUIDv7 } from 'node:crypto';
import { fromBinary } from '@bufbuild/protobuf';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { EventSchema } from '#gen/telegate/events/v1/events_pb.ts';
import type { FaultSpec } from '#gen/telegate/local_telegram/v1/faults_pb.ts';
import { ProxyRegistryService } from '#gen/telegate/proxy_registry/v1/proxy_registry_service_pb.ts';
import { SessionSource } from '#gen/telegate/session_pool/v1/session_pb.ts';
import { servicePrincipal } from '#lib/auth/principal.ts';
import { connect } from '#lib/rpc/client.ts';
import { Api } from '#lib/telegram/client.ts';
import type { Notice } from '#lib/telegram/updates/notice.ts';
import { startServiceProcess } from '../../../tests/support/service-process.ts';
import { startSocks5 } from '../../../tests/support/socks5.ts';
import { startMessagingMesh, type MessagingMesh } from '../../../tests/support/messaging.ts';
import { withoutRegistry } from './egress.ts';
import type { LiveSession, Standing, UpdatesSource } from './live-session.ts';
import { callOf, openTestConnections, type TestConnections } from './test-connections.ts';

let mesh: MessagingMesh;
beforeAll(async () => {
  mesh = await startMessagingMesh({ replicas: 0 });
});
afterAll(() => mesh.stop());

const cleanups: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  await mesh.control.control.deleteAllFaults({});
});

async function opened(options: Parameters<typeof openTestConnections>[1] = {}): Promise<TestConnections> {
  const made = await openTestConnections(mesh, options);
  cleanups.push(() => made.close());
  return made;
}

const actorOf = (accountId: string) => ({ actor: { case: 'accountId' as const, value: accountId } }) as never;
const self = () => new Api.users.GetUsers({ id: [new Api.InputUserSelf()] });
const whoIs = async (session: LiveSession): Promise<string> => {
  const [me] = await session.call(self());
  return String(me!.id);
};

async function fault(accountId: number, methods: string[], effect: FaultSpec['fault'], count = 0) {
  await mesh.control.control.createFault({
    spec: { scope: { accountIds: [String(accountId)], methods }, count, fault: effect as never },
  });
}

describe('waits', () => {
  test('a flood wait is told at once, learned, and refused before the wire from then on', async () => {
    const { connections } = await opened();
    const tenantId = randomUUIDv7();
    const { account, accountId } = await mesh.session(tenantId);
    const use = () => connections.use(actorOf(accountId), callOf(tenantId), whoIs);
    await use();
    await fault(
      account.id,
      ['users.getUsers'],
      {
        case: 'floodWait',
        value: { wait: { seconds: 10n, nanos: 0 } },
      } as never,
      1,
    );
    for (let call = 0; call < 3; call += 1)
      await expect(use()).rejects.toMatchObject({ reason: ErrorReason.FLOOD_WAIT });
    const { calls } = await mesh.control.control.listCalls({ accountId: String(account.id) });
    expect(calls.filter(({ method }) => method === 'users.getUsers')).toHaveLength(2);
    const [holding] = connections.holdings;
    expect(holding!.refused).toBe(3);
    expect(holding!.waits).toMatchObject([{ method: 'users.getUsers' }]);
  });

  test('whoever asks to has a wait waited out that ends before the deadline', async () => {
    const { connections } = await opened();
    const tenantId = randomUUIDv7();
    const { account, accountId } = await mesh.session(tenantId);
    await fault(
      account.id,
      ['users.getUsers'],
      {
        case: 'floodWait',
        value: { wait: { seconds: 1n, nanos: 0 } },
      } as never,
      1,
    );
    const patient = (ms: number) =>
      connections.use(actorOf(accountId), callOf(tenantId, { ms }), async (session) => {
        const [me] = await session.call(self(), { waitForFlood: true });
        return String(me!.id);
      });
    await expect(patient(900)).rejects.toMatchObject({ reason: ErrorReason.FLOOD_WAIT });
    expect(await patient(20_000)).toBe(String(account.id));
  });
});

describe('turns', () => {
  test('a caller with many calls does not hold up another; more than wait are refused', async () => {
    const { connections } = await opened();
    const tenantId = randomUUIDv7();
    const { account, accountId } = await mesh.session(tenantId);
    const order: string[] = [];
    const use = (subject: string) =>
      connections.use(actorOf(accountId), callOf(tenantId, { subject }), async (session) => {
        await session.call(self());
        order.push(subject);
      });
    await use('key:first');
    await fault(
      account.id,
      ['users.getUsers'],
      {
        case: 'delay',
        value: { delay: { seconds: 0n, nanos: 300_000_000 } },
      } as never,
      32,
    );
    order.length = 0;
    const greedy = Array.from({ length: 1_032 }, () => use('key:greedy'));
    const [holding] = connections.holdings;
    await vi.waitFor(() => expect(holding!.turns.queued).toBe(1_000));
    await expect(use('key:greedy')).rejects.toMatchObject({ reason: ErrorReason.QUOTA_EXCEEDED });
    // One place is free again when one is answered; the other caller is next in turn.
    await vi.waitFor(() => expect(holding!.turns.queued).toBeLessThan(1_000));
    const before = order.length;
    await use('key:modest');
    await Promise.all(greedy);
    // Behind those on the wire, not behind the hundreds that waited.
    expect(order.indexOf('key:modest') - before).toBeLessThan(100);
  });
});

describe('kept sessions', () => {
  test('connected while somebody wants it; the idle limit does not count', async () => {
    const { connections } = await opened({ settings: { idleLimitMs: 500 } });
    const tenantId = randomUUIDv7();
    const { accountId, sessionId } = await mesh.session(tenantId);
    const standings: Standing[] = [];
    const watching = new AbortController();
    connections.keep({ tenantId, accountId }, watching.signal, (standing) => void standings.push(standing));
    await vi.waitFor(() => expect(standings.map(({ kind }) => kind)).toEqual(['here']));
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect([...connections.sessions()].map((session) => session.sessionId)).toEqual([sessionId]);
    expect(standings).toHaveLength(1);
    watching.abort();
    await vi.waitFor(() => expect([...connections.sessions()]).toEqual([]), { timeout: 5_000 });
  });

  test('held elsewhere it is kept there; when that process gives it up it is taken here', async () => {
    const owner = await opened({ settings: { idleLimitMs: 500 } });
    const other = await opened();
    const tenantId = randomUUIDv7();
    const { accountId, sessionId } = await mesh.session(tenantId);
    await owner.connections.use(actorOf(accountId), callOf(tenantId), whoIs);
    await vi.waitFor(async () => {
      const { rows } = await sql`select 1 from held_sessions where session_id = ${sessionId}`.execute(
        owner.database.kysely,
      );
      expect(rows).toHaveLength(1);
    });
    const standings: Standing[] = [];
    const watching = new AbortController();
    other.connections.keep(
      { tenantId, accountId },
      watching.signal,
      (standing) => void standings.push(standing),
    );
    await vi.waitFor(() =>
      expect(standings).toMatchObject([{ kind: 'elsewhere', sessionId, processId: owner.processId }]),
    );
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect([...owner.connections.sessions()]).toHaveLength(1);
    await owner.close();
    await vi.waitFor(() => expect(standings.at(-1)?.kind).toBe('here'), { timeout: 15_000 });
    watching.abort();
    expect(await mesh.doubledKeys()).toEqual([]);
  });

  test('leased to somebody it is refused, and taken when that is over; taken away it comes back', async () => {
    const { connections } = await opened();
    const tenantId = randomUUIDv7();
    const { accountId, sessionId } = await mesh.session(tenantId);
    const lease = await mesh.lease(tenantId, sessionId);
    const standings: Standing[] = [];
    const watching = new AbortController();
    connections.keep({ tenantId, sessionId }, watching.signal, (standing) => void standings.push(standing));
    await vi.waitFor(() => expect(standings).toMatchObject([{ kind: 'refused' }]));
    expect(standings[0]).toMatchObject({ error: { reason: ErrorReason.SESSION_LEASED } });
    await mesh.pool.client(tenantId).releaseLease({ lease });
    await vi.waitFor(() => expect(standings.at(-1)?.kind).toBe('here'), { timeout: 10_000 });
    const downs: string[] = [];
    connections.onSession((session, event) => void (event === 'down' && downs.push(session.accountId)));
    const { leases } = await mesh.pool.client(tenantId).listLeases({});
    await mesh.pool.client(tenantId).revokeLease({ leaseId: leases[0]!.leaseId });
    await vi.waitFor(() => expect(downs).toEqual([accountId]), { timeout: 10_000 });
    await vi.waitFor(() => expect(standings.at(-1)?.kind).toBe('here'), { timeout: 10_000 });
    await connections.use(actorOf(accountId), callOf(tenantId), whoIs);
    watching.abort();
    expect(await mesh.doubledKeys()).toEqual([]);
  });
});

describe('updates', () => {
  const notices: Notice[] = [];
  const source: UpdatesSource = () => ({
    store: { load: () => Promise.resolve(undefined), save: () => Promise.resolve() },
    handler: (batch: readonly Notice[]) => void notices.push(...batch),
  });

  test.each([{ withoutUser: true }, { withoutUser: false }])(
    'are followed, also where nobody knows yet whose session it is: %o',
    async ({ withoutUser }) => {
      notices.length = 0;
      const { connections } = await opened({ updatesSource: source });
      const tenantId = randomUUIDv7();
      const { account, accountId } = await mesh.session(tenantId, { withoutUser });
      const session = await connections.use(actorOf(accountId), callOf(tenantId), async (live) => {
        expect(await whoIs(live)).toBe(String(account.id));
        return live;
      });
      expect(session.userId).toBe(BigInt(account.id));
      await vi.waitFor(() => expect(session.updates?.isSettled).toBe(true));
      const sender = mesh.telegram.account();
      await mesh.control.control.sendMessage({
        accountId: String(sender.id),
        to: { peer: { case: 'accountId', value: String(account.id) } },
        text: 'hello',
      });
      await vi.waitFor(() => expect(notices.some(({ kind }) => kind === 'update')).toBe(true));
    },
  );
});

describe('told', () => {
  test('Telegram that is away: the session is degraded, once', async () => {
    const { connections, database } = await opened();
    const tenantId = randomUUIDv7();
    const { account, accountId, sessionId } = await mesh.session(tenantId);
    await connections.use(actorOf(accountId), callOf(tenantId), whoIs);
    await mesh.control.control.createFault({
      spec: { fault: { case: 'refuseConnections', value: { kind: 1 } } } as never,
    });
    await mesh.control.control.closeConnections({ accountId: String(account.id) } as never);
    const events = async () => {
      const { rows } = await sql<{ payload: Buffer }>`
        select payload from outbox where tenant_id = ${tenantId}::uuid`.execute(database.kysely);
      return rows.map(({ payload }) => fromBinary(EventSchema, payload).payload);
    };
    await vi.waitFor(async () => expect(await events()).toHaveLength(1), { timeout: 40_000 });
    expect(await events()).toMatchObject([{ case: 'sessionDegraded', value: { sessionId } }]);
  }, 60_000);
});

describe('an account that Telegram moves', () => {
  test('the pool gets its new key, and the call that found out is answered under the next lease', async () => {
    const { connections } = await opened();
    const tenantId = randomUUIDv7();
    const { account, accountId, sessionId } = await mesh.session(tenantId);
    await connections.use(actorOf(accountId), callOf(tenantId), whoIs);
    const [before] = connections.holdings;
    account.dataCenter = 4;
    expect(await connections.use(actorOf(accountId), callOf(tenantId), whoIs)).toBe(String(account.id));
    const [after] = connections.holdings;
    expect(after!.sessionId).toBe(sessionId);
    const { session } = await mesh.pool.client(tenantId).getSession({ sessionId });
    // It was not logged in here, and is not taken for it.
    expect(session!.source).toBe(SessionSource.IMPORT);
    expect(after!.dataCenter).toBe(4);
    expect(after!.held.guard.fencingToken).toBeGreaterThan(before!.held.guard.fencingToken);
    expect(await connections.use(actorOf(accountId), callOf(tenantId), whoIs)).toBe(String(account.id));
    expect(await mesh.doubledKeys()).toEqual([]);
  });
});

describe('the way out', () => {
  test('without a registry of proxies the real Telegram is not dialled directly unless that is allowed', async () => {
    const waysOut = withoutRegistry({ allowDirect: false });
    const session = { sessionId: 7n, tenantId: randomUUIDv7(), accountId: '' };
    await expect(waysOut.resolve(session, () => undefined)).rejects.toMatchObject({
      reason: ErrorReason.NO_EGRESS,
    });
  });

  test('is what the registry says: through its proxy, or not at all; the place is given back after the socket', async () => {
    const socks = await startSocks5();
    cleanups.push(() => socks.close());
    const registry = await startServiceProcess('proxy-registry', {
      ...mesh.environment,
      ALLOW_PRIVATE_PROXIES: 'loopback',
      PROXY_CHECK_TIMEOUT: '2s',
    });
    cleanups.push(() => registry.stop());
    const proxies = connect(ProxyRegistryService, {
      address: registry.address,
      token: () => mesh.pool.tokenOf(servicePrincipal('tests', tenantId)),
    });
    cleanups.push(() => proxies.close());
    const tenantId = randomUUIDv7();
    const { account, accountId, sessionId } = await mesh.session(tenantId);
    const { proxy } = await proxies.createProxy({ proxy: { host: socks.host, port: socks.port } });
    await proxies.assignProxy({ accountId, sessionId, proxyId: proxy!.proxyId });
    const made = await opened({ settings: { proxyRegistryAddress: registry.address, idleLimitMs: 1_000 } });
    const { connections, database } = made;
    const callers = callOf(tenantId);
    expect(await connections.use(actorOf(accountId), callers, whoIs)).toBe(String(account.id));
    const [holding] = connections.holdings;
    expect(holding!.proxyId).toBe(proxy!.proxyId);
    const held = async () => {
      const { rows } = await sql`
        select 1 from proxy_registry.holds where process_id = ${made.processId}`.execute(database.kysely);
      return rows.length;
    };
    expect(await held()).toBe(1);
    await vi.waitFor(async () => expect(await held()).toBe(0), { timeout: 10_000 });
    expect(socks.open).toBe(0);
    await proxies.deleteProxy({ proxyId: proxy!.proxyId, force: true });
    await expect(connections.use(actorOf(accountId), callOf(tenantId), whoIs)).rejects.toMatchObject({
      reason: ErrorReason.NO_EGRESS,
    });
    const { leases } = await mesh.pool.client(tenantId).listLeases({});
    expect(leases).toEqual([]);
  });
});

describe('the end of a session', () => {
  test('banned by Telegram: the call says so, the pool knows, and nothing is held', async () => {
    const { connections } = await opened();
    const tenantId = randomUUIDv7();
    const { account, accountId } = await mesh.session(tenantId);
    const use = () => connections.use(actorOf(accountId), callOf(tenantId), whoIs);
    await use();
    await fault(
      account.id,
      ['users.getUsers'],
      { case: 'rpcError', value: { code: 401, text: 'USER_DEACTIVATED_BAN' } } as never,
      1,
    );
    await expect(use()).rejects.toMatchObject({ reason: ErrorReason.ACCOUNT_BANNED });
    await vi.waitFor(() => expect([...connections.holdings]).toEqual([]));
    await vi.waitFor(async () =>
      expect(await use().catch((error: unknown) => error)).toMatchObject({
        reason: ErrorReason.SESSION_UNUSABLE,
        metadata: { state: 'banned' },
      }),
    );
  });

  test('a paused account is not connected', async () => {
    const { connections } = await opened();
    const tenantId = randomUUIDv7();
    const { accountId, sessionId } = await mesh.session(tenantId);
    await mesh.pool
      .mesh(tenantId)
      .updateSession({ session: { sessionId, paused: true }, updateMask: { paths: ['paused'] } });
    await expect(connections.use(actorOf(accountId), callOf(tenantId), whoIs)).rejects.toMatchObject({
      reason: ErrorReason.SESSION_UNUSABLE,
      metadata: { state: 'paused' },
    });
  });

  test('when the process stops, what is under way is finished, and new work refused', async () => {
    const { connections, database } = await opened();
    const tenantId = randomUUIDv7();
    const { account, accountId } = await mesh.session(tenantId);
    const use = () => connections.use(actorOf(accountId), callOf(tenantId), whoIs);
    await use();
    await fault(account.id, ['users.getUsers'], {
      case: 'delay',
      value: { delay: { seconds: 0n, nanos: 700_000_000 } },
    } as never);
    const underWay = use();
    const [holding] = connections.holdings;
    await vi.waitFor(() => expect(holding!.running).toBe(1));
    const closed = connections.close(5_000);
    await expect(use()).rejects.toMatchObject({ reason: ErrorReason.GOING_AWAY });
    expect(await underWay).toBe(String(account.id));
    await closed;
    expect((await mesh.pool.client(tenantId).listLeases({})).leases).toEqual([]);
    await vi.waitFor(async () => {
      const { rows } = await sql`select 1 from held_sessions where account_id = ${accountId}`.execute(
        database.kysely,
      );
      expect(rows).toEqual([]);
    });
  });
});
