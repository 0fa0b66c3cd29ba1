import { randomUUIDv7 } from 'node:crypto';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { ErrorInfoSchema } from '#gen/google/rpc/error_details_pb.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import {
  LeaseAccess,
  LeaseLossReason,
  LeaseProofSchema,
  SessionFormat,
  type Lease,
} from '#gen/telegate/session_pool/v1/lease_pb.ts';
import { SessionState } from '#gen/telegate/session_pool/v1/session_pb.ts';
import {
  SessionPoolService,
  type HoldLeaseRequestSchema,
  type HoldLeaseResponse,
  type ManageLeasesRequestSchema,
  type ManageLeasesResponse,
} from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { connect } from '#lib/rpc/client.ts';
import {
  startPoolMesh,
  telethonString,
  tenantWithSessions,
  type PoolClient,
  type PoolMesh,
} from '../support/session-pool.ts';
import { startServiceProcess } from '../support/service-process.ts';

let mesh: PoolMesh;
beforeAll(async () => {
  mesh = await startPoolMesh({ replicas: 2, env: { POOL_QUEUE_LIMIT: '2000' } });
});
afterAll(() => mesh.stop());

const proofOf = ({ leaseId, fencingToken }: Lease) => create(LeaseProofSchema, { leaseId, fencingToken });

/** One stream of a holder: what it says and hears. */
function hold(client: PoolClient) {
  const stream = client.holdLease();
  const heard = stream.responses[Symbol.asyncIterator]();
  const say = (action: MessageInitShape<typeof HoldLeaseRequestSchema>['action']) => stream.send({ action });
  return {
    stream,
    say,
    open: (request = {}) => say({ case: 'open', value: request }),
    heartbeat: () => say({ case: 'heartbeat', value: {} }),
    async hear<C extends NonNullable<HoldLeaseResponse['event']['case']>>(kind: C) {
      const { value, done } = await heard.next();
      if (done) throw new Error(`the stream ended instead of ${kind}`);
      expect(value.event.case).toBe(kind);
      return value.event.value as Extract<HoldLeaseResponse['event'], { case: C }>['value'];
    },
    ended: async () => (await heard.next()).done,
  };
}

/** One stream of a worker: answers by id, notices in order. */
function manage(client: PoolClient) {
  const stream = client.manageLeases();
  const answers = new Map<string, ManageLeasesResponse['result']>();
  const notices: ManageLeasesResponse['result'][] = [];
  const listening = (async () => {
    for await (const { id, result } of stream.responses) {
      if (id === '') notices.push(result);
      else if (result.case !== 'queued') answers.set(id, result);
    }
  })();
  let count = 0;
  return {
    stream,
    notices,
    listening,
    async ask(action: MessageInitShape<typeof ManageLeasesRequestSchema>['action'], tenantId = '') {
      const id = String((count += 1));
      await stream.send({ id, action, tenantId });
      return vi.waitFor(
        () => {
          expect(answers.has(id)).toBe(true);
          return answers.get(id)!;
        },
        { timeout: 10_000, interval: 5 },
      );
    },
  };
}

describe('AcquireLease', () => {
  test('a second lease on one session is refused, naming the holder and the seconds', async () => {
    const { client, sessionIds } = await tenantWithSessions(mesh, 1);
    const selector = { sessionId: sessionIds[0]! };
    const { lease } = await client.acquireLease({ selector, holder: 'first worker' });
    expect(lease).toMatchObject({ holder: 'first worker', sessionName: 'session 0', environment: 'local' });
    await expect(client.acquireLease({ selector })).rejects.toMatchObject({
      reason: ErrorReason.NO_FREE_SESSION,
      message: expect.stringMatching(/leased by first worker\. .* in \d+ seconds/),
      metadata: { holder: 'first worker', total: '1', leased: '1', free: '0' },
      retryAfterMs: expect.closeTo(30_000, -4),
    });
  });

  test('what can be known of a named session is said', async () => {
    const { client, sessionIds } = await tenantWithSessions(mesh, 1);
    const acquire = (selector: { sessionId?: bigint; name?: string }) => client.acquireLease({ selector });
    await expect(acquire({ name: 'nobody' })).rejects.toMatchObject({ reason: ErrorReason.NOT_FOUND });
    await client.invalidateSession({ sessionId: sessionIds[0]!, condition: SessionState.BANNED });
    await expect(acquire({ sessionId: sessionIds[0]! })).rejects.toMatchObject({
      reason: ErrorReason.SESSION_UNUSABLE,
      metadata: { state: 'banned' },
    });
  });

  test('waits in the queue and gets what another replica frees', async () => {
    const { tenantId, client } = await tenantWithSessions(mesh, 1);
    const { lease } = await client.acquireLease({});
    const elsewhere = mesh.client(tenantId, { replica: 1 });
    const waiting = elsewhere.acquireLease({ wait: durationFromMs(20_000), holder: 'patient' });
    await vi.waitFor(async () => expect((await client.getPoolStatus({})).status!.waiting).toBe(1));
    await client.releaseLease({ lease: proofOf(lease!) });
    expect((await waiting).lease).toMatchObject({ sessionId: lease!.sessionId, holder: 'patient' });
  });

  test('a wait that is over is a typed refusal, within the time of the call', async () => {
    const { client } = await tenantWithSessions(mesh, 1);
    await client.acquireLease({});
    await expect(
      client.acquireLease({ wait: durationFromMs(60_000) }, { deadlineMs: 700 }),
    ).rejects.toMatchObject({ reason: ErrorReason.NO_FREE_SESSION });
    await vi.waitFor(async () => expect((await client.getPoolStatus({})).status!.waiting).toBe(0));
  });

  test('hands the key out to who may have it, once more to a repeat, and not after the end', async () => {
    const { client, tenantId } = await tenantWithSessions(mesh, 0);
    const material = telethonString();
    await client.importSession({ name: 'with key', material });
    const request = {
      access: LeaseAccess.CREDENTIALS,
      credentialsFormat: SessionFormat.TELETHON_STRING,
      requestId: randomUUIDv7(),
    };
    const { lease } = await client.acquireLease(request);
    expect(Buffer.from(lease!.credentials!.material).toString()).toBe(Buffer.from(material).toString());
    expect((await client.acquireLease(request)).lease).toEqual(lease);
    await client.releaseLease({ lease: proofOf(lease!) });
    const { lease: repeated } = await client.acquireLease(request);
    expect(repeated!.leaseId).toBe(lease!.leaseId);
    expect(repeated!.credentials).toBeUndefined();
    const leaser = mesh.client(tenantId, { scopes: ['pool:lease'] });
    await expect(leaser.acquireLease({ access: LeaseAccess.CREDENTIALS })).rejects.toMatchObject({
      reason: ErrorReason.SCOPE_MISSING,
      metadata: { scope: 'pool:credentials' },
    });
  });

  test('every fault of a request is named at once', async () => {
    const { client } = await tenantWithSessions(mesh, 0);
    const labels = Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`l${index}`, '']));
    await expect(
      client.acquireLease({
        holder: 'x'.repeat(129),
        ttl: durationFromMs(-1),
        wait: durationFromMs(3_600_001),
        selector: { sessionId: -1n, labels },
        requestId: 'two\nlines',
      }),
    ).rejects.toMatchObject({
      reason: ErrorReason.INVALID_FIELD,
      fieldViolations: expect.arrayContaining(
        ['holder', 'ttl', 'wait', 'selector.session_id', 'selector.labels', 'request_id'].map((field) =>
          expect.objectContaining({ field, description: expect.stringMatching(/send|remove/) }),
        ),
      ),
    });
  });
});

describe('HoldLease', () => {
  test('opens, renews in order, releases', async () => {
    const { client } = await tenantWithSessions(mesh, 1);
    const holder = hold(client);
    await holder.open({ ttl: durationFromMs(5_000), holder: 'streamer' });
    const granted = await holder.hear('granted');
    let end = timestampMs(granted.expireTime!);
    for (let beat = 0; beat < 3; beat += 1) {
      await holder.heartbeat();
      const renewed = timestampMs((await holder.hear('renewed')).expireTime!);
      expect(renewed).toBeGreaterThan(end);
      end = renewed;
    }
    await holder.say({ case: 'release', value: {} });
    expect(await holder.hear('released')).toMatchObject({ leaseId: granted.leaseId });
    expect(await holder.ended()).toBe(true);
    expect((await client.getPoolStatus({})).status).toMatchObject({ free: 1, leased: 0 });
  });

  test('a broken stream ends nothing: another replica takes it up, and only with the right token', async () => {
    const { client, tenantId } = await tenantWithSessions(mesh, 1);
    const first = hold(client);
    await first.open();
    const granted = await first.hear('granted');
    first.stream.cancel();
    const elsewhere = mesh.client(tenantId, { replica: 1 });
    const second = hold(elsewhere);
    await second.say({ case: 'attach', value: proofOf(granted) });
    expect(await second.hear('granted')).toMatchObject({
      leaseId: granted.leaseId,
      fencingToken: granted.fencingToken,
    });
    const stale = hold(elsewhere);
    const wrong = { leaseId: granted.leaseId, fencingToken: granted.fencingToken - 1n };
    await stale.say({ case: 'attach', value: wrong });
    await expect(stale.hear('granted')).rejects.toMatchObject({ reason: ErrorReason.LEASE_LOST });
    second.stream.cancel();
  });

  test('hears of the queue, of waits, of a drain and of the end, whichever replica it happens on', async () => {
    const { client, tenantId, sessionIds } = await tenantWithSessions(mesh, 1);
    const { lease: blocking } = await client.acquireLease({});
    const holder = hold(mesh.client(tenantId, { replica: 1 }));
    await holder.open({ wait: durationFromMs(20_000) });
    expect(await holder.hear('queued')).toMatchObject({
      position: 1,
      estimate: { seconds: expect.anything() },
    });
    await client.releaseLease({ lease: proofOf(blocking!) });
    const granted = await holder.hear('granted');
    const lease = proofOf(granted);
    await client.reportFloodWait({ lease, method: 'messages.sendMessage', duration: durationFromMs(9_000) });
    expect(await holder.hear('floodWait')).toMatchObject({
      sessionId: sessionIds[0],
      method: 'messages.sendMessage',
    });
    await client.revokeLease({ leaseId: granted.leaseId, grace: durationFromMs(1_000) });
    expect(await holder.hear('drainRequested')).toMatchObject({ leaseId: granted.leaseId });
    expect(await holder.hear('lost')).toMatchObject({ reason: LeaseLossReason.REVOKED });
    expect(await holder.ended()).toBe(true);
    await expect(client.reportFloodWait({ lease, duration: durationFromMs(1_000) })).rejects.toMatchObject({
      reason: ErrorReason.LEASE_LOST,
    });
  });

  test('a lease that is not renewed is lost within its TTL and a second', async () => {
    const { client } = await tenantWithSessions(mesh, 1);
    const holder = hold(client);
    const started = performance.now();
    await holder.open({ ttl: durationFromMs(5_000) });
    await holder.hear('granted');
    expect(await holder.hear('lost')).toMatchObject({ reason: LeaseLossReason.EXPIRED });
    expect(performance.now() - started).toBeGreaterThan(5_000);
    expect((await client.getPoolStatus({})).status).toMatchObject({ free: 1 });
  });

  test('what is no first message, or comes twice, is refused by its name', async () => {
    const { client } = await tenantWithSessions(mesh, 1);
    const silent = hold(client);
    await silent.heartbeat();
    await expect(silent.hear('granted')).rejects.toMatchObject({
      fieldViolations: [{ field: 'action', description: expect.stringContaining('open or attach') }],
    });
    const twice = hold(client);
    await twice.open();
    await twice.hear('granted');
    await twice.open();
    await expect(twice.hear('granted')).rejects.toMatchObject({ reason: ErrorReason.INVALID_FIELD });
  });
});

describe('ManageLeases', () => {
  test('a process of the mesh holds leases of any tenants over one stream; nobody else names a tenant', async () => {
    const tenants = [await tenantWithSessions(mesh, 1), await tenantWithSessions(mesh, 1)];
    const process = manage(mesh.mesh(randomUUIDv7()));
    const acquired = await Promise.all(
      tenants.map(({ tenantId }) => process.ask({ case: 'acquire', value: {} }, tenantId)),
    );
    const leases = acquired.flatMap((result) => (result.case === 'acquired' ? [result.value] : []));
    expect(leases.map(({ sessionId }) => sessionId)).toEqual(tenants.map(({ sessionIds }) => sessionIds[0]));
    expect(await process.ask({ case: 'renew', value: { leases: leases.map(proofOf) } })).toMatchObject({
      value: { renewed: leases.map(({ leaseId }) => ({ leaseId })), lost: [] },
    });
    const wait = { lease: proofOf(leases[1]!), duration: durationFromMs(60_000) };
    expect(await process.ask({ case: 'reportFloodWait', value: wait })).toMatchObject({
      case: 'floodWaitReported',
    });
    const { client } = tenants[0]!;
    const user = manage(client);
    const other = tenants[1]!.tenantId;
    expect(await user.ask({ case: 'acquire', value: {} }, other)).toMatchObject({
      case: 'error',
      value: { code: 7 },
    });
    expect(await user.ask({ case: 'renew', value: { leases: [proofOf(leases[1]!)] } })).toMatchObject({
      value: { renewed: [], lost: [{ leaseId: leases[1]!.leaseId }] },
    });
    for (const lease of leases)
      expect(await process.ask({ case: 'release', value: proofOf(lease) })).toMatchObject({
        case: 'released',
      });
    expect((await tenants[1]!.client.listLeases({})).leases).toEqual([]);
    for (const { stream, listening } of [process, user]) {
      stream.end();
      await listening;
    }
  });

  test('many leases over one stream: each message has its answer, each fault its own', async () => {
    const { client } = await tenantWithSessions(mesh, 3);
    const worker = manage(client);
    const acquired = await Promise.all(
      [1, 2, 3, 4].map(() => worker.ask({ case: 'acquire', value: { ttl: durationFromMs(10_000) } })),
    );
    const leases = acquired.flatMap((result) => (result.case === 'acquired' ? [result.value] : []));
    expect(leases).toHaveLength(3);
    const refused = acquired.find((result) => result.case === 'error')!;
    const info = (refused.value as { details: { typeUrl: string; value: Uint8Array }[] }).details[0]!;
    expect(info.typeUrl).toContain(ErrorInfoSchema.typeName);
    const stale = { leaseId: leases[0]!.leaseId, fencingToken: 1n };
    expect(
      await worker.ask({ case: 'renew', value: { leases: [...leases.map(proofOf), stale] } }),
    ).toMatchObject({
      case: 'renewed',
      value: {
        renewed: leases.map(({ leaseId }) => ({ leaseId })),
        lost: [{ leaseId: stale.leaseId, reason: LeaseLossReason.STALE }],
      },
    });
    expect(await worker.ask({ case: 'release', value: stale })).toMatchObject({ case: 'error' });
    expect(await worker.ask({ case: 'release', value: proofOf(leases[0]!) })).toMatchObject({
      case: 'released',
    });
    await client.revokeLease({ leaseId: leases[1]!.leaseId });
    await vi.waitFor(() =>
      expect(worker.notices).toMatchObject([{ case: 'lost', value: { leaseId: leases[1]!.leaseId } }]),
    );
    worker.stream.end();
    await worker.listening;
    // The end of the stream ended no lease.
    expect((await client.listLeases({})).leases.map(({ leaseId }) => leaseId)).toEqual([leases[2]!.leaseId]);
  });

  test('a worker that waits for more sessions than are worked on at once still renews those it has', async () => {
    const { client } = await tenantWithSessions(mesh, 1);
    const worker = manage(client);
    const acquired = await worker.ask({ case: 'acquire', value: { ttl: durationFromMs(60_000) } });
    if (acquired.case !== 'acquired') throw new Error('not acquired');
    for (let index = 0; index < 1_100; index += 1)
      await worker.stream.send({
        id: `waits ${index}`,
        action: { case: 'acquire', value: { wait: durationFromMs(60_000) } },
      });
    expect(await worker.ask({ case: 'renew', value: { leases: [proofOf(acquired.value)] } })).toMatchObject({
      case: 'renewed',
      value: { lost: [] },
    });
    worker.stream.cancel();
    await expect(worker.listening).rejects.toMatchObject({ reason: ErrorReason.CANCELLED });
  });

  test('a message without id or action is a fault of its own', async () => {
    const { client } = await tenantWithSessions(mesh, 1);
    const worker = manage(client);
    expect(await worker.ask(undefined)).toMatchObject({
      case: 'error',
      value: { message: expect.stringContaining('action') },
    });
    expect(await worker.ask({ case: 'renew', value: { leases: [] } })).toMatchObject({ case: 'error' });
    expect(await worker.ask({ case: 'acquire', value: {} })).toMatchObject({ case: 'acquired' });
    worker.stream.end();
    await worker.listening;
  });
});

describe('a replica that stops', () => {
  test('says go_away and drains; leases are untouched and go on elsewhere', async () => {
    const { client, tenantId } = await tenantWithSessions(mesh, 2);
    const { lease: kept } = await client.acquireLease({ ttl: durationFromMs(20_000) });
    const leaving = await startServiceProcess('session-pool', mesh.environment);
    const other = mesh.clientAt(tenantId, leaving.address);
    const holder = hold(other);
    await holder.open();
    const granted = await holder.hear('granted');
    const stopped = leaving.stop();
    expect(await holder.hear('goAway')).toMatchObject({ deadline: { seconds: expect.anything() } });
    expect(await stopped).toBe(0);
    for (const lease of [kept!, granted]) {
      const again = hold(client);
      await again.say({ case: 'attach', value: proofOf(lease) });
      await again.hear('granted');
      again.stream.cancel();
    }
  });
});

describe('/readyz', () => {
  test('says so when the database is gone', async () => {
    const alone = await startPoolMesh();
    onTestFinished(() => alone.stop());
    const ready = () => fetch(`${alone.replicas[0]!.admin}/readyz`);
    expect((await ready()).status).toBe(200);
    await alone.database.drop();
    await vi.waitFor(
      async () => {
        const answer = await ready();
        expect(answer.status).toBe(503);
        expect(await answer.text()).toContain('database');
      },
      { timeout: 20_000, interval: 250 },
    );
  });
});

describe('ClaimEgress', () => {
  test('one process a session, as long as the claim lives; a session is granted after it is closed', async () => {
    const { client, tenantId } = await tenantWithSessions(mesh, 1);
    const messaging = mesh.mesh(tenantId);
    const { lease } = await client.acquireLease({});
    const leases = [proofOf(lease!)];
    expect(await messaging.claimEgress({ processId: 'm1', leases })).toMatchObject({
      claims: [{ leaseId: lease!.leaseId, environment: 'local', ttl: { seconds: 15n } }],
      refused: [],
    });
    expect(await messaging.claimEgress({ processId: 'm2', leases })).toMatchObject({
      claims: [],
      refused: [{ leaseId: lease!.leaseId, error: { code: 10 } }],
    });
    await client.releaseLease({ lease: leases[0]! });
    await expect(client.acquireLease({})).rejects.toMatchObject({ metadata: { closing: '1' } });
    expect(await messaging.claimEgress({ processId: 'm1', leases })).toMatchObject({
      refused: [{ leaseId: lease!.leaseId }],
    });
    await messaging.releaseEgress({ processId: 'm2', leases });
    await expect(client.acquireLease({})).rejects.toMatchObject({ metadata: { closing: '1' } });
    const waiting = client.acquireLease({ wait: durationFromMs(10_000) });
    await messaging.releaseEgress({ processId: 'm1', leases });
    expect((await waiting).lease!.fencingToken).toBe(lease!.fencingToken + 1n);
  });

  test('is for the mesh alone', async () => {
    const operator = connect(SessionPoolService, {
      address: mesh.replicas[0]!.address,
      apiKey: mesh.operatorKey,
    });
    onTestFinished(() => operator.close());
    await expect(operator.claimEgress({ processId: 'p', leases: [] })).rejects.toMatchObject({
      reason: ErrorReason.SCOPE_MISSING,
      metadata: { scope: 'mesh' },
    });
  });
});
