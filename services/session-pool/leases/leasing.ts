import type { Lease } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import { createBatcher } from '#lib/batching/batcher.ts';
import { Cancelled } from '#lib/rpc/errors.ts';
import { pause } from '#lib/lifecycle/clock.ts';
import { instruments } from '#lib/telemetry/metrics.ts';
import { LeaseLostError } from '../errors.ts';
import type { NoticeHub } from '../notices/hub.ts';
import type { Pool } from '../pool.ts';
import type { Queue } from '../queue/queue.ts';
import { acquireLeases, type AcquireOutcome } from './acquire.ts';
import { createCandidates } from './candidates.ts';
import { giveCredentials, giveCredentialsAgain } from './credentials.ts';
import { leaseMessage, type GrantedLease, type LeaseRequest } from './model.ts';
import { createRefusals } from './refusal.ts';
import { releaseLeases, type Releasable } from './release.ts';
import { renewLeases, type HeldLease, type Renewal } from './renew.ts';

/** How long the first renewal of a batch waits for others: a renewal is in no hurry, and a commit is not free. */
const RENEWAL_GATHER_MS = 100;
const REQUESTS_A_BATCH = 256;
const BUSY_PAUSES_MS = [5, 10, 20, 40, 80, 160];
const RENEWALS_A_BATCH = 1_000;

const metrics = instruments((meter) => ({
  acquireWait: meter.createHistogram('telegate.pool.acquire.wait', {
    unit: 's',
    description: 'From the request for a lease to its grant or refusal.',
  }),
  stale: meter.createCounter('telegate.pool.stale_token_refusals', {
    description: 'Calls that came with a lease that is over or a token that is not its own.',
  }),
}));

export interface AcquireWaiting {
  waitMs: number;
  signal: AbortSignal;
  onQueued?(position: number, estimateMs: number | undefined): void;
}

/** What callers do with leases, however they called: unary or in a stream. */
export interface Leasing {
  /** The lease, committed, with its key where that was asked for. */
  acquire(request: LeaseRequest, waiting: AcquireWaiting): Promise<Lease>;
  /** Undefined when the lease is over. */
  renew(lease: HeldLease): Promise<Renewal | undefined>;
  /** Many that one caller named together. */
  renewAll(leases: readonly HeldLease[]): Promise<readonly (Renewal | undefined)[]>;
  /** True when this ended it, false when it had ended before; throws when the token is not its own. */
  release(lease: Releasable): Promise<boolean>;
}

export function createLeasing(pool: Pool, queue: Queue, hub: NoticeHub): Leasing {
  const { clock } = pool;
  const known = createCandidates(clock);
  const acquires = createBatcher({
    name: 'pool.acquire',
    run: (requests: readonly LeaseRequest[]) => acquireLeases(pool, requests, known),
    maxItems: REQUESTS_A_BATCH,
    gatherMs: 0,
    clock,
  });
  const releases = createBatcher({
    name: 'pool.release',
    run: (leases: readonly Releasable[]) => releaseLeases(pool, leases),
    maxItems: REQUESTS_A_BATCH,
    gatherMs: 0,
    clock,
  });
  const renewals = createBatcher({
    name: 'pool.renew',
    run: (leases: readonly HeldLease[]) => renewLeases(pool, leases),
    maxItems: RENEWALS_A_BATCH,
    gatherMs: RENEWAL_GATHER_MS,
    clock,
  });

  const refusalOf = createRefusals(pool);

  async function settle(request: LeaseRequest, outcome: AcquireOutcome): Promise<Lease> {
    switch (outcome.kind) {
      case 'granted':
        if (request.credentials === undefined) return leaseMessage(outcome.lease);
        return giveCredentials(pool, outcome.lease, request.credentials, request.subject);
      case 'replayed':
        if (request.credentials === undefined) return outcome.lease;
        return giveCredentialsAgain(pool, outcome.lease, request);
      case 'refused':
        throw outcome.error;
      case 'busy':
      case 'none_free':
        throw await refusalOf(request);
    }
  }

  /** Whoever has a row in hand has it for a moment: a change of labels is no reason to refuse a lease. */
  async function acquireSoon(request: LeaseRequest, signal: AbortSignal): Promise<AcquireOutcome> {
    for (const pauseMs of BUSY_PAUSES_MS) {
      const outcome = await acquires.submit(request);
      if (outcome.kind !== 'busy') return outcome;
      await pause(clock, pauseMs, signal);
    }
    return acquires.submit(request);
  }

  /** The caller gave up meanwhile, and without a request_id nobody can ever learn of this lease. */
  async function giveBack({ tenant_id, lease_id, fencing_token }: GrantedLease): Promise<never> {
    await releases.submit({ tenantId: tenant_id, leaseId: lease_id, fencingToken: fencing_token });
    throw new Cancelled();
  }

  async function renew(lease: HeldLease): Promise<Renewal | undefined> {
    const renewal = await renewals.submit(lease);
    if (!renewal) metrics().stale.add(1);
    return renewal;
  }

  return {
    async acquire(request, waiting) {
      const started = clock.monotonic();
      let outcome = await acquireSoon(request, waiting.signal);
      if (isRefusal(outcome) && waiting.waitMs > 0) {
        const waitMs = waiting.waitMs - (clock.monotonic() - started);
        if (waitMs > 0) outcome = await queue.enter(request, { ...waiting, waitMs });
      }
      const attributes = { 'telegate.outcome': outcome.kind };
      metrics().acquireWait.record((clock.monotonic() - started) / 1_000, attributes);
      if (outcome.kind === 'granted' && waiting.signal.aborted && !request.replay)
        await giveBack(outcome.lease);
      return settle(request, outcome);
    },
    renew,
    renewAll: (leases) => Promise.all(leases.map(renew)),
    async release(lease) {
      const outcome = await releases.submit(lease);
      if (outcome.kind === 'refused') {
        if (outcome.error instanceof LeaseLostError) metrics().stale.add(1);
        throw outcome.error;
      }
      if (outcome.kind === 'ended') hub.tellEnded(outcome.leaseId);
      return outcome.kind === 'ended';
    },
  };
}

function isRefusal({ kind }: AcquireOutcome): boolean {
  return kind === 'none_free' || kind === 'busy';
}
