import { fromBinary } from '@bufbuild/protobuf';
import { AcquireLeaseResponseSchema } from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import type { Lease } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import { RequestIdReused } from '#lib/rpc/errors.ts';
import { transaction } from '#lib/postgres/transaction.ts';
import { findAnswers, withReplayRetry, type ReplayKey } from '#lib/requests/replay.ts';
import type { Pool } from '../pool.ts';
import { lockQueue, serveTenant, tenantsThatWait } from '../queue/store.ts';
import type { PoolTransaction } from '../slots.ts';
import type { Candidates } from './candidates.ts';
import { lockFree } from './free.ts';
import { grantLeases, type Grant } from './grant.ts';
import { selectorKey, type GrantedLease, type LeaseRequest } from './model.ts';

export type AcquireOutcome =
  | { kind: 'granted'; lease: GrantedLease }
  /** The answer that the same request got before. */
  | { kind: 'replayed'; lease: Lease }
  | { kind: 'refused'; error: RequestIdReused }
  | { kind: 'none_free' }
  /** One would do, but another transaction has its row in hand for the moment: ask again. */
  | { kind: 'busy' };

/**
 * Leases a session to each request that finds one, all in one transaction. Behind a queue, waiters are served
 * first: a session is given to somebody who did not wait only if no waiter wants it.
 */
export async function acquireLeases(
  pool: Pool,
  requests: readonly LeaseRequest[],
  known?: Candidates,
): Promise<readonly AcquireOutcome[]> {
  const outcomes = await withReplayRetry(() =>
    transaction(pool.database, (trx) => acquireIn(trx, requests, known)),
  );
  if (outcomes.some(({ kind }) => kind === 'granted')) pool.wakeRelay();
  return outcomes;
}

async function acquireIn(
  trx: PoolTransaction,
  requests: readonly LeaseRequest[],
  known: Candidates | undefined,
): Promise<AcquireOutcome[]> {
  const outcomes = new Map<LeaseRequest, AcquireOutcome>();
  const { fresh, repeats } = await answerRepeats(trx, requests, outcomes);

  const busy = new Set<LeaseRequest>();
  let chosen = await chooseAll(trx, fresh, busy, { behindQueue: false, ...(known ? { known } : {}) });
  const missed = fresh.filter((request) => !chosen.has(request));
  const behind = await tenantsThatWait(
    trx,
    missed.map(({ tenantId }) => tenantId),
  );
  if (behind.length > 0) {
    for (const tenantId of behind.toSorted()) {
      await lockQueue(trx, tenantId);
      await serveTenant(trx, tenantId);
    }
    // A waiter that was just served may have had the request_id of one of these.
    const late = missed.filter(({ tenantId }) => behind.includes(tenantId));
    const { fresh: unanswered } = await answerRepeats(trx, late, outcomes);
    const lateChoice = await chooseAll(trx, unanswered, busy, { behindQueue: true });
    chosen = new Map([...chosen, ...lateChoice]);
  }

  const granted = await grantLeases(trx, [...chosen.values()]);
  for (const [request, lease] of granted) outcomes.set(request, { kind: 'granted', lease });
  for (const [request, first] of repeats) {
    const outcome = outcomes.get(first);
    if (outcome) outcomes.set(request, outcome);
  }
  return requests.map(
    (request) => outcomes.get(request) ?? { kind: busy.has(request) ? 'busy' : 'none_free' },
  );
}

/**
 * Gives repeats the answer of old. `fresh` are the requests to work on, `repeats` those that stand in the same
 * batch as their first.
 */
async function answerRepeats(
  trx: PoolTransaction,
  requests: readonly LeaseRequest[],
  outcomes: Map<LeaseRequest, AcquireOutcome>,
): Promise<{ fresh: LeaseRequest[]; repeats: Map<LeaseRequest, LeaseRequest> }> {
  const keys = requests.flatMap(({ replay }) => (replay ? [replay] : []));
  const answers = await findAnswers(trx, keys);
  const firstWith = new Map<string, LeaseRequest>();
  const fresh: LeaseRequest[] = [];
  const repeats = new Map<LeaseRequest, LeaseRequest>();
  for (const request of requests) {
    const { replay } = request;
    if (!replay) {
      fresh.push(request);
      continue;
    }
    const answer = answers.get(replay);
    if (answer) {
      outcomes.set(request, replayed(answer));
      continue;
    }
    const first = firstWith.get(replayId(replay));
    if (!first) {
      firstWith.set(replayId(replay), request);
      fresh.push(request);
    } else if (Buffer.compare(first.replay!.bodyHash, replay.bodyHash) === 0) repeats.set(request, first);
    else outcomes.set(request, { kind: 'refused', error: new RequestIdReused(replay.requestId) });
  }
  return { fresh, repeats };
}

function replayId({ principal, requestId }: ReplayKey): string {
  return JSON.stringify([principal, requestId]);
}

function replayed(answer: Uint8Array | RequestIdReused): AcquireOutcome {
  if (answer instanceof RequestIdReused) return { kind: 'refused', error: answer };
  return { kind: 'replayed', lease: fromBinary(AcquireLeaseResponseSchema, answer).lease! };
}

/** One locking statement for all requests that want the same. */
async function chooseAll(
  trx: PoolTransaction,
  requests: readonly LeaseRequest[],
  busy: Set<LeaseRequest>,
  options: { behindQueue: boolean; known?: Candidates },
): Promise<Map<LeaseRequest, Grant>> {
  const chosen = new Map<LeaseRequest, Grant>();
  const groups = Map.groupBy(requests, ({ tenantId, selector }) => `${tenantId} ${selectorKey(selector)}`);
  const taken = new Set<bigint>();
  for (const group of groups.values()) {
    const { tenantId, selector } = group[0]!;
    // Sessions that an earlier group of this batch took are locked by this very transaction: ask for more.
    const free = await lockFree(trx, tenantId, selector, group.length + taken.size, options);
    const usable = free.sessions.filter((sessionId) => !taken.has(sessionId));
    for (const request of group) {
      const sessionId = usable.shift();
      if (sessionId === undefined) {
        if (free.busy) busy.add(request);
        continue;
      }
      taken.add(sessionId);
      chosen.set(request, { sessionId, request });
    }
  }
  return chosen;
}
