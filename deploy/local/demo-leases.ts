import { randomBytes } from 'node:crypto';
import { get } from 'node:http';
import { status } from '@grpc/grpc-js';
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Clock } from '#lib/lifecycle/clock.ts';
import type { Client } from '#lib/rpc/client.ts';
import { renderMaterial } from '#lib/telegram/material/detect.ts';
import { ErrorReason } from '#gen/telegate/errors/v1/errors_pb.ts';
import { LeaseLossReason, SessionFormat } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import type { Session } from '#gen/telegate/session_pool/v1/session_pb.ts';
import { SessionState } from '#gen/telegate/session_pool/v1/session_pb.ts';
import type { SessionPoolService } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { holder } from './demo-streams.ts';
import type { Tour } from './demo-tour.ts';
import { check, refusal, told } from './demo-tour.ts';

type PoolClient = Client<typeof SessionPoolService>;

export interface LeaseTour {
  tour: Tour;
  pool: PoolClient;
  clock: Clock;
  /** Distinguishes this tour's sessions from those of others. */
  name: string;
}

const LABEL = 'telegate.demo';
/** A tour that was killed could not tidy up; the next one after this time does. */
const FORGOTTEN_MS = 600_000;

export async function meshIsReady(tour: Tour, admin: string): Promise<void> {
  await tour.step('the mesh is ready', async () => {
    const code = await new Promise<number | undefined>((resolve, reject) => {
      const request = get(`http://${admin}/readyz`, { timeout: 5_000, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      request.on('timeout', () => request.destroy(new Error('no answer within 5 s')));
      request.on('error', reject);
    });
    check(code === 200, `/readyz to answer 200, not ${code}`);
    return told(admin);
  });
}

export async function leaseTour(options: LeaseTour): Promise<void> {
  const { tour, pool, clock, name } = options;
  const [one, two] = await importSessions(options);

  const first = await tour.step('a session is leased', async () => {
    const { lease } = await pool.acquireLease({
      selector: { sessionId: one.sessionId },
      holder: 'demo worker 1',
    });
    check(lease !== undefined, 'a lease in the answer');
    return told(`${lease.sessionName}, fencing token ${lease.fencingToken}`, lease);
  });

  await tour.step('nobody else gets it meanwhile', async () => {
    const refused = await refusal(
      pool.acquireLease({ selector: { sessionId: one.sessionId }, holder: 'demo worker 2' }),
      status.RESOURCE_EXHAUSTED,
    );
    check(refused.metadata['holder'] === 'demo worker 1', 'the refusal to name the holder');
    check(refused.retryAfterMs !== undefined, 'the refusal to say when to try again');
    return told(`held by ${refused.metadata['holder']}, retry in ${seconds(refused.retryAfterMs)} s`);
  });

  const held = holder(pool.holdLease(), clock);
  tour.afterwards('closing a stream', async () => held.close());
  const second = await tour.step('another is held over a stream, with heartbeats', async () => {
    await held.send({
      action: {
        case: 'open',
        value: { selector: { sessionId: two.sessionId }, holder: 'demo worker 3', ttl: { seconds: 5n } },
      },
    });
    const lease = await held.hears('granted');
    const ends: number[] = [];
    for (let beat = 0; beat < 3; beat++) {
      await held.send({ action: { case: 'heartbeat', value: {} } });
      ends.push(ms((await held.hears('renewed')).expireTime));
    }
    check(
      ends.every((end, at) => end >= (ends[at - 1] ?? 0)),
      'each renewal to end no earlier than the last',
    );
    return told(`renewed 3 times; trace ${await held.traceId()}`, lease);
  });

  const waiter = holder(pool.holdLease(), clock);
  tour.afterwards('closing a stream', async () => waiter.close());
  const next = await tour.step('a waiter gets the session when it is released', async () => {
    await waiter.send({
      action: {
        case: 'open',
        value: { selector: { sessionId: one.sessionId }, holder: 'demo worker 4', wait: { seconds: 20n } },
      },
    });
    const { position } = await waiter.hears('queued');
    await pool.releaseLease({ lease: { leaseId: first.leaseId, fencingToken: first.fencingToken } });
    const lease = await waiter.hears('granted');
    check(lease.fencingToken > first.fencingToken, 'a fencing token above the last one');
    return told(`position ${position}, then fencing token ${lease.fencingToken}`, lease);
  });

  await tour.step('a stale fencing token is refused', async () => {
    const refused = await refusal(
      pool.reportFloodWait({
        lease: { leaseId: next.leaseId, fencingToken: first.fencingToken },
        duration: { seconds: 1n },
      }),
      status.ABORTED,
    );
    check(refused.reason === ErrorReason.LEASE_LOST, `LEASE_LOST, not reason ${refused.reason}`);
    return told('ABORTED, LEASE_LOST');
  });

  await tour.step('a revoked holder is asked first, then cut off', async () => {
    await pool.revokeLease({ leaseId: next.leaseId, grace: { seconds: 1n }, reason: 'shown in the demo' });
    await waiter.hears('drainRequested');
    const lost = await waiter.hears('lost');
    check(lost.reason === LeaseLossReason.REVOKED, 'the reason to be REVOKED');
    return told('drain_requested, then lost: revoked');
  });

  await tour.step('a flood wait is known to everybody', async () => {
    const proof = { leaseId: second.leaseId, fencingToken: second.fencingToken };
    await pool.reportFloodWait({ lease: proof, duration: { seconds: 30n } });
    await held.hears('floodWait');
    await held.send({ action: { case: 'release', value: {} } });
    await held.hears('released');
    const { session } = await pool.getSession({ sessionId: two.sessionId });
    check(session?.state === SessionState.FLOOD_WAIT, 'the session to be in FLOOD_WAIT');
    const refused = await refusal(
      pool.acquireLease({ selector: { sessionId: two.sessionId } }),
      status.RESOURCE_EXHAUSTED,
    );
    return told(`told on the stream; released, not granted again for ${seconds(refused.retryAfterMs)} s`);
  });

  await tour.step('the sessions are deleted', async () => {
    for (const { sessionId } of [one, two]) {
      await pool.deleteSession({ sessionId, force: true });
      await refusal(pool.getSession({ sessionId }), status.NOT_FOUND);
    }
    const { sessions } = await pool.listSessions({ namePrefix: name });
    check(sessions.length === 0, 'no session of this tour to be left');
    return told('and not found any more');
  });
}

async function importSessions({ tour, pool, clock, name }: LeaseTour): Promise<[Session, Session]> {
  await tour.step('what an interrupted tour left is removed', async () => {
    const { sessions } = await pool.listSessions({ labels: { [LABEL]: 'true' }, pageSize: 1_000 });
    const forgotten = sessions.filter(({ createTime }) => clock.now() - ms(createTime) > FORGOTTEN_MS);
    for (const { sessionId } of forgotten) await pool.deleteSession({ sessionId, force: true });
    return told(`${forgotten.length} sessions`);
  });

  const sessions = await tour.step('two made-up sessions are imported', async () => {
    const [one, two] = [
      await importMadeUp(pool, tour, `${name}-1`),
      await importMadeUp(pool, tour, `${name}-2`),
    ];
    return told(`${one.name}, ${two.name}`, [one, two] as [Session, Session]);
  });

  await tour.step('the pool shows them', async () => {
    const { status: counts } = await pool.getPoolStatus({});
    const { sessions: listed } = await pool.listSessions({ namePrefix: name });
    check(counts !== undefined && counts.total >= 2 && counts.free >= 2, 'at least two free sessions');
    check(
      listed.length === 2 && listed.every(({ state }) => state === SessionState.FREE),
      'both to be listed as free',
    );
    return told(`${counts.total} sessions, ${counts.free} free`);
  });
  return sessions;
}

/** A key that no Telegram knows, in an environment of its own: nothing ever dials with it. */
async function importMadeUp(pool: PoolClient, tour: Tour, name: string): Promise<Session> {
  const material = renderMaterial({ dataCenter: 2, authKey: randomBytes(256) }, 'telethon-string');
  const { session } = await pool.importSession({
    name,
    material,
    format: SessionFormat.TELETHON_STRING,
    environment: 'demo',
    labels: { [LABEL]: 'true' },
  });
  check(session !== undefined, 'a session in the answer');
  const { sessionId } = session;
  tour.afterwards(`deleting ${name}`, () => deleteIfThere(pool, sessionId));
  return session;
}

async function deleteIfThere(pool: PoolClient, sessionId: bigint): Promise<void> {
  const { sessions } = await pool.listSessions({ labels: { [LABEL]: 'true' }, pageSize: 1_000 });
  if (sessions.some((session) => session.sessionId === sessionId))
    await pool.deleteSession({ sessionId, force: true });
}

function ms(time: Timestamp | undefined): number {
  return time === undefined ? 0 : timestampMs(time);
}

function seconds(milliseconds: number | undefined): string {
  return milliseconds === undefined ? '?' : String(Math.ceil(milliseconds / 1_000));
}
