import { create } from '@bufbuild/protobuf';
import { context } from '@opentelemetry/api';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  FloodWaitSchema,
  LeaseLossReason,
  LeaseLostSchema,
  LeaseProofSchema,
  type Lease,
  type LeaseLost,
  type LeaseProof,
} from '#gen/telegate/session_pool/v1/lease_pb.ts';
import {
  LeaseRenewalsSchema,
  type HearOfLeases,
  type ManageLeasesRequest,
  type ManageLeasesResponse,
  type RenewLeases,
  type SessionPoolService,
} from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { requireServiceOfTheMesh } from '#lib/auth/scopes.ts';
import { InvalidFields, type FieldViolation } from '#lib/rpc/errors.ts';
import type { CallContext, Handlers } from '#lib/rpc/implement.ts';
import { InternalError, toDomainError, toStatusMessage } from '#lib/rpc/status.ts';
import type { OutStream } from '#lib/rpc/streams.ts';
import type { NoticeHub } from '../notices/hub.ts';
import type { Pool } from '../pool.ts';
import { contextFromTraceparent, parseTraceparent } from '#lib/telemetry/spans.ts';
import { text, throwIfAny } from '#lib/requests/validate.ts';
import { readFloodWaitReport } from '../waits/requests.ts';
import { reportFloodWait } from '../waits/store.ts';
import type { Leasing } from './leasing.ts';
import { readLeaseId, type LeaseRequest } from './model.ts';
import type { HeldLease } from './renew.ts';
import { livingAmong } from './read.ts';
import { onBehalfOf, readAcquire, readHeldLease } from './requests.ts';
import { goAwayMessage, inTurn, noticeMessage, queuedMessage, renewedMessage, tell } from './stream.ts';

type ManageLeases = Handlers<typeof SessionPoolService>['manageLeases'];
type Out = Pick<OutStream<(typeof SessionPoolService)['method']['manageLeases']['output']>, 'send'>;
type Result = ManageLeasesResponse['result'];

/**
 * Messages of one stream that are worked on at once; later ones wait on the wire. Acquires that wait in the queue
 * do not count: a worker that waits for many sessions must still be able to renew those it has.
 */
const AT_ONCE = 1_024;
const LEASES_A_RENEWAL = 1_000;
const LONGEST_TRACEPARENT = 64;

/** Any number of leases over one stream: each message is a call of its own, answered under its id. */
export function manageLeases(pool: Pool, leasing: Leasing, hub: NoticeHub): ManageLeases {
  return async (incoming, stream, ctx) => {
    const out = inTurn(stream);
    const worker = new Worker(pool, leasing, hub, out, ctx);
    const stopListening = ctx.onGoAway(() => tell(out, { result: goAwayMessage(pool) }));
    try {
      for await (const message of incoming) {
        await worker.room();
        worker.work(message);
      }
      await worker.allDone();
    } finally {
      stopListening();
      worker.forgetAll();
    }
  };
}

/** One worker's stream: what it waits for and which leases it hears of. */
class Worker {
  readonly #pool: Pool;
  readonly #leasing: Leasing;
  readonly #hub: NoticeHub;
  readonly #out: Out;
  readonly #ctx: CallContext;
  readonly #subscriptions = new Map<string, () => void>();
  readonly #running = new Set<Promise<void>>();
  #queued = 0;
  #change = Promise.withResolvers<void>();

  constructor(pool: Pool, leasing: Leasing, hub: NoticeHub, out: Out, ctx: CallContext) {
    this.#pool = pool;
    this.#leasing = leasing;
    this.#hub = hub;
    this.#out = out;
    this.#ctx = ctx;
  }

  /** Resolves when there is room for one more message. */
  async room(): Promise<void> {
    while (this.#running.size - this.#queued >= AT_ONCE) await this.#change.promise;
  }

  async allDone(): Promise<void> {
    await Promise.all(this.#running);
  }

  forgetAll(): void {
    for (const unsubscribe of this.#subscriptions.values()) unsubscribe();
    this.#subscriptions.clear();
  }

  /** Never rejects: a fault is the answer to its message. */
  work(message: ManageLeasesRequest): void {
    const { id } = message;
    const done = inTraceOf(message, () => this.#resultOf(message))
      .catch((error: unknown): Result => {
        if (toDomainError(error) instanceof InternalError)
          this.#pool.log.error(
            { event: 'rpc_fault', method: 'ManageLeases', err: error },
            'a message failed',
          );
        return { case: 'error', value: toStatusMessage(error) };
      })
      // The answer counts as work until the wire has room for it: a worker that does not read is read no more.
      .then((result) => this.#out.send({ id, result }))
      .catch(() => undefined)
      .finally(() => {
        this.#running.delete(done);
        this.#changed();
      });
    this.#running.add(done);
  }

  #changed(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers<void>();
  }

  async #resultOf({ id, action, tenantId }: ManageLeasesRequest): Promise<Result> {
    const violations: FieldViolation[] = [];
    text(violations, 'id', id, { min: 1, max: 64 });
    throwIfAny(violations);
    const principal = onBehalfOf(this.#ctx.principal, tenantId);
    switch (action.case) {
      case 'acquire': {
        const { request, waitMs } = readAcquire(action.value, principal);
        return { case: 'acquired', value: await this.#acquire(id, request, waitMs) };
      }
      case 'renew':
        return { case: 'renewed', value: await this.#renew(action.value) };
      case 'hear':
        return { case: 'heard', value: await this.#hear(action.value) };
      case 'release': {
        const held = readHeldLease('release', action.value, principal);
        await this.#release(held);
        const { leaseId, fencingToken } = held;
        return { case: 'released', value: create(LeaseProofSchema, { leaseId, fencingToken }) };
      }
      case 'reportFloodWait': {
        const report = readFloodWaitReport(action.value, principal);
        const { sessionId, endTime } = await reportFloodWait(this.#pool, report);
        const { method, peer } = report;
        const wait = { sessionId, method, peer, endTime: timestampFromDate(endTime) };
        return { case: 'floodWaitReported', value: create(FloodWaitSchema, wait) };
      }
      case undefined:
        throw new InvalidFields([
          {
            field: 'action',
            description: 'is missing; send acquire, renew, hear, release or report_flood_wait',
          },
        ]);
    }
  }

  /** A stream does not hear of the end that it asked for itself. */
  async #release(held: HeldLease): Promise<void> {
    const wasSubscribed = this.#unsubscribe(held.leaseId);
    try {
      await this.#leasing.release(held);
    } catch (error) {
      if (wasSubscribed) this.#subscribe(held.leaseId);
      throw error;
    }
  }

  async #acquire(id: string, request: LeaseRequest, waitMs: number): Promise<Lease> {
    let isQueued = false;
    try {
      const lease = await this.#leasing.acquire(request, {
        waitMs,
        signal: this.#ctx.signal,
        onQueued: (position, estimateMs) => {
          if (!isQueued) {
            isQueued = true;
            this.#queued += 1;
            this.#changed();
          }
          tell(this.#out, { id, result: { case: 'queued', value: queuedMessage(position, estimateMs) } });
        },
      });
      this.#subscribe(lease.leaseId);
      return lease;
    } finally {
      if (isQueued) this.#queued -= 1;
    }
  }

  async #renew({ leases }: RenewLeases) {
    mustBeSome('renew.leases', leases);
    const held = leases.map((proof, index) =>
      readHeldLease(`renew.leases[${index}]`, proof, this.#ctx.principal),
    );
    const renewals = await this.#leasing.renewAll(held);
    const answer = create(LeaseRenewalsSchema);
    for (const [index, { leaseId }] of held.entries()) {
      const renewal = renewals[index];
      if (renewal) {
        this.#subscribe(leaseId);
        answer.renewed.push(renewedMessage(leaseId, renewal));
      } else {
        this.#unsubscribe(leaseId);
        answer.lost.push(staleLease(leaseId));
      }
    }
    return answer;
  }

  /** Subscribed first and looked at then: an end between the two is heard of twice, not never. */
  async #hear({ leases }: HearOfLeases) {
    requireServiceOfTheMesh(this.#ctx.principal);
    mustBeSome('hear.leases', leases);
    const held = leases.map((proof, index) =>
      readHeldLease(`hear.leases[${index}]`, proof, this.#ctx.principal),
    );
    for (const { leaseId } of held) this.#subscribe(leaseId);
    const living = await livingAmong(this.#pool, held);
    const answer = create(LeaseRenewalsSchema);
    for (const { leaseId } of held.filter((lease) => !living.has(lease.leaseId))) {
      this.#unsubscribe(leaseId);
      answer.lost.push(staleLease(leaseId));
    }
    return answer;
  }

  #subscribe(leaseId: string): void {
    if (this.#subscriptions.has(leaseId) || this.#ctx.signal.aborted) return;
    const unsubscribe = this.#hub.subscribe(leaseId, (notice) => {
      if (notice.kind === 'lost') this.#unsubscribe(leaseId);
      tell(this.#out, { result: noticeMessage(notice) });
    });
    this.#subscriptions.set(leaseId, unsubscribe);
  }

  #unsubscribe(leaseId: string): boolean {
    this.#subscriptions.get(leaseId)?.();
    return this.#subscriptions.delete(leaseId);
  }
}

/** What a message asks for belongs to the call that it was sent for. */
function inTraceOf<T>({ traceparent }: ManageLeasesRequest, work: () => T): T {
  const known = traceparent.length <= LONGEST_TRACEPARENT && parseTraceparent(traceparent);
  return known ? context.with(contextFromTraceparent(traceparent), work) : work();
}

function staleLease(leaseId: string): LeaseLost {
  const sessionId = readLeaseId(leaseId)?.sessionId ?? 0n;
  return create(LeaseLostSchema, { leaseId, sessionId, reason: LeaseLossReason.STALE });
}

function mustBeSome(field: string, leases: readonly LeaseProof[]): void {
  if (leases.length > 0 && leases.length <= LEASES_A_RENEWAL) return;
  const description = `has ${leases.length} leases; send 1 to ${LEASES_A_RENEWAL}`;
  throw new InvalidFields([{ field, description }]);
}
