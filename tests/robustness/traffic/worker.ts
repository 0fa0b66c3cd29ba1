import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import {
  AcquireLeaseRequestSchema,
  RenewLeasesSchema,
  ReportFloodWaitRequestSchema,
  type ManageLeasesRequest,
  type ManageLeasesResponse,
  type SessionPoolService,
} from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { LeaseProofSchema } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import type { BidiStream } from '#lib/rpc/client-streams.ts';
import type { OperationEntry, OperationName } from '../history.ts';
import { monotonic, pause } from '../time.ts';
import { createRoute, msOf, nameOf } from './attempt.ts';
import { asTenant } from './site.ts';
import type { Post } from './traffic.ts';

type ManageLeases = (typeof SessionPoolService)['method']['manageLeases'];
type Stream = BidiStream<ManageLeases['input'], ManageLeases['output']>;

const LEASES = 28;
const ANSWER_LIMIT_MS = 2_000;
const TURN_MS = 150;
const ENDED_KEPT = 20;

interface Proof {
  readonly leaseId: string;
  readonly sessionId: bigint;
  readonly fencingToken: bigint;
}

interface Asked {
  op: OperationName;
  t: number;
  proofs: readonly Proof[];
  stale?: boolean;
  requestId?: string;
}

/** Many leases over one ManageLeases stream; after a break the other replica is asked, and all are renewed. */
export async function runWorker(post: Post): Promise<void> {
  const { random, signal, site, name } = post;
  const caller = asTenant(site, site.tenants.managed, `key:${name}`);
  const route = createRoute(random.integer(0, 1));
  const leases = new Map<string, Proof>();
  const ended: Proof[] = [];
  while (!signal.aborted) {
    const stream = caller.at(route.replica).manageLeases({ isLongLived: true });
    await manageOver(stream, post, route.replica, leases, ended);
    route.turn();
    await pause(random.between(20, 200), signal);
  }
  caller.close();
}

async function manageOver(
  stream: Stream,
  { recorder, random, site, signal, name }: Post,
  replica: number,
  leases: Map<string, Proof>,
  ended: Proof[],
): Promise<void> {
  const asked = new Map<string, Asked>();
  let serial = 0;
  let renewedAt = -Infinity;

  function send(about: Omit<Asked, 't'>, action: ManageLeasesRequest['action']): void {
    const id = String((serial += 1));
    asked.set(id, { ...about, t: monotonic() });
    void stream.send({ id, action });
  }
  function note(
    about: Asked,
    proof: Proof | undefined,
    outcome: OperationEntry['outcome'],
    seen: Partial<OperationEntry>,
  ) {
    const named = proof && {
      session: String(proof.sessionId),
      lease: proof.leaseId,
      token: String(proof.fencingToken),
    };
    const { op, t, stale, requestId } = about;
    recorder.write({
      kind: 'op',
      op,
      client: name,
      via: 'manage',
      replica,
      t,
      end: monotonic(),
      outcome,
      ...(stale ? { stale } : {}),
      ...(requestId === undefined ? {} : { requestId }),
      ...named,
      ...seen,
    });
  }
  function forget(proof: Proof): void {
    leases.delete(proof.leaseId);
    ended.push(proof);
    if (ended.length > ENDED_KEPT) ended.shift();
  }
  const proofMessage = ({ leaseId, fencingToken }: Proof) =>
    create(LeaseProofSchema, { leaseId, fencingToken });
  function renew(proofs: readonly Proof[], stale: boolean): void {
    if (proofs.length === 0) return;
    const value = create(RenewLeasesSchema, { leases: proofs.map(proofMessage) });
    send({ op: 'renew', proofs, stale }, { case: 'renew', value });
  }

  function act(): void {
    const now = monotonic();
    for (const { t } of asked.values()) if (now - t > ANSWER_LIMIT_MS) return stream.cancel();
    if (signal.aborted) return stream.cancel();
    if (now - renewedAt > site.ttlMs / 3) {
      renewedAt = now;
      renew([...leases.values()], false);
    }
    const acquiring = [...asked.values()].filter(({ op }) => op === 'acquire').length;
    for (let missing = Math.min(6, LEASES - leases.size - acquiring); missing > 0; missing -= 1) {
      const requestId = random.chance(0.3) ? `${name}-${site.seed}-${now}-${missing}` : '';
      const request = { holder: name, ttl: durationFromMs(site.ttlMs), requestId };
      const value = create(AcquireLeaseRequestSchema, request);
      send(
        { op: 'acquire', proofs: [], ...(requestId === '' ? {} : { requestId }) },
        { case: 'acquire', value },
      );
    }
    if (leases.size === 0) return;
    const proof = random.pick([...leases.values()]);
    const dice = random.next();
    if (dice < 0.25) {
      leases.delete(proof.leaseId);
      send({ op: 'release', proofs: [proof] }, { case: 'release', value: proofMessage(proof) });
    } else if (dice < 0.28) {
      forget(proof);
    } else if (dice < 0.33) {
      const request = {
        lease: proofMessage(proof),
        method: 'messages.sendMessage',
        duration: durationFromMs(800),
      };
      const value = create(ReportFloodWaitRequestSchema, request);
      send({ op: 'report', proofs: [proof] }, { case: 'reportFloodWait', value });
    } else if (dice < 0.38) {
      const wrong = { ...proof, fencingToken: proof.fencingToken + 1n };
      renew([wrong, ...(ended.length > 0 ? [random.pick(ended)] : [])], true);
    }
  }

  function hear({ id, result }: ManageLeasesResponse): void {
    const about = asked.get(id);
    if (result.case === 'lost') {
      const { leaseId } = result.value;
      recorder.write({ kind: 'lost', t: monotonic(), client: name, lease: leaseId });
      const proof = leases.get(leaseId);
      if (proof) forget(proof);
    }
    if (!about || result.case === 'queued') return;
    asked.delete(id);
    switch (result.case) {
      case 'acquired': {
        const { leaseId, sessionId, fencingToken } = result.value;
        leases.set(leaseId, { leaseId, sessionId, fencingToken });
        return note(about, undefined, 'ok', nameOf(result.value));
      }
      case 'renewed': {
        const renewed = new Map(result.value.renewed.map((one) => [one.leaseId, one]));
        for (const proof of about.proofs) {
          const one = renewed.get(proof.leaseId);
          if (one) note(about, proof, 'ok', { expireAt: msOf(one.expireTime!) });
          else note(about, proof, 'failed', { reason: 'LEASE_LOST' });
          if (!one && leases.get(proof.leaseId)?.fencingToken === proof.fencingToken) forget(proof);
        }
        return;
      }
      case 'released':
        ended.push(...about.proofs);
        return note(about, about.proofs[0], 'ok', {});
      case 'floodWaitReported':
        return note(about, about.proofs[0], 'ok', {});
      case 'error': {
        // A status here says what a unary call's would; only these leave it open whether something was done.
        const isOpen = [1, 2, 4, 13, 14, 15].includes(result.value.code);
        return note(about, about.proofs[0], isOpen ? 'unknown' : 'failed', {
          reason: `CODE_${result.value.code}`,
        });
      }
      default:
    }
  }

  const acting = setInterval(act, TURN_MS);
  try {
    act();
    for await (const response of stream.responses) {
      if (response.result.case === 'goAway') break;
      hear(response);
    }
  } catch {
    // What was not answered is written down below; the stream's end says no more.
  } finally {
    clearInterval(acting);
    stream.cancel();
  }
  for (const about of asked.values())
    for (const proof of about.proofs.length > 0 ? about.proofs : [undefined])
      note(about, proof, 'unknown', { reason: 'UNANSWERED' });
}
