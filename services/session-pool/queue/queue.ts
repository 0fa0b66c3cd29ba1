import { transaction } from '#lib/postgres/transaction.ts';
import type { AcquireOutcome } from '../leases/acquire.ts';
import { releaseLeases } from '../leases/release.ts';
import { selectorKey, type LeaseRequest } from '../leases/model.ts';
import type { Pool } from '../pool.ts';
import { withReplayRetry } from '#lib/requests/replay.ts';
import { outcomeFromRow } from './model.ts';
import {
  allTenantsThatWait,
  enqueue,
  fetchResults,
  leaveQueue,
  lockQueue,
  readEstimates,
  readPositions,
  readPresent,
  serveTenant,
  tenantsThatWait,
} from './store.ts';

export interface Waiting {
  waitMs: number;
  /** Aborts when nobody waits for the answer any more. */
  signal: AbortSignal;
  /** Hears of the position at first and whenever it changes. */
  onQueued?(position: number, estimateMs: number | undefined): void;
}

/** The waiters of this replica, and its part in serving everybody's. */
export interface Queue {
  /** Waits for a session; `none_free` when the time is over. */
  enter(request: LeaseRequest, waiting: Waiting): Promise<AcquireOutcome>;
  /** Something may have become free for these tenants. Returns at once. */
  wake(tenantIds: Iterable<string>): void;
  /** Some of this replica's waiters were granted something, as a notice says. */
  fetchSoon(): void;
  /** Serves every tenant that waits, and tells waiters their positions: for what becomes free by time. */
  tick(): Promise<void>;
  readonly length: number;
}

interface Waiter {
  request: LeaseRequest;
  settle(end: AcquireOutcome | 'over' | 'forgotten'): void;
  outcome?: AcquireOutcome;
  onQueued?: Waiting['onQueued'];
  position: number;
}

/** Equal for requests that compete for the same sessions. */
function wishOf({ tenantId, selector }: LeaseRequest): string {
  return `${tenantId} ${selectorKey(selector)}`;
}

export function createQueue(pool: Pool): Queue {
  const waiters = new Map<bigint, Waiter>();
  const awake = new Set<string>();
  let serving = false;
  let fetches = 0;

  async function serve(tenantId: string): Promise<void> {
    const granted = await withReplayRetry(() =>
      transaction(pool.database, async (trx) => {
        await lockQueue(trx, tenantId);
        return serveTenant(trx, tenantId);
      }),
    );
    if (granted) pool.wakeRelay();
  }

  // One pass at a time, over all that was woken meanwhile: a thousand releases are one look at the queue.
  async function serveAwake(): Promise<void> {
    if (serving) return;
    serving = true;
    try {
      while (awake.size > 0) {
        const tenantIds = [...awake];
        awake.clear();
        for (const tenantId of await tenantsThatWait(pool.database.kysely, tenantIds)) await serve(tenantId);
      }
    } finally {
      serving = false;
    }
  }

  async function tellPositions(): Promise<void> {
    const listening = [...waiters].filter(([, { onQueued }]) => onQueued);
    if (listening.length === 0) return;
    const positions = await readPositions(
      pool.database,
      listening.map(([waiterId, { request }]) => ({ waiterId, tenantId: request.tenantId })),
    );
    const moved = positions.flatMap(({ waiter_id, position }) => {
      const waiter = waiters.get(waiter_id);
      return waiter && waiter.position !== position ? [{ waiter, position }] : [];
    });
    const wishes = Map.groupBy(moved, ({ waiter: { request } }) => wishOf(request));
    for (const alike of wishes.values()) {
      const furthest = Math.max(...alike.map(({ position }) => position));
      const estimates = await readEstimates(pool.database, alike[0]!.waiter.request, furthest);
      for (const { waiter, position } of alike) {
        waiter.position = position;
        // Who was given something meanwhile waits no more.
        if (!waiter.outcome) waiter.onQueued!(position, estimates[position - 1]);
      }
    }
  }

  // One at a time, and once more for those who came meanwhile: a thousand who come at once are told twice, not
  // a thousand times.
  let telling: Promise<void> | undefined;
  let tellAgain = false;
  function tell(): Promise<void> {
    tellAgain = true;
    telling ??= (async () => {
      while (tellAgain) {
        tellAgain = false;
        await tellPositions();
      }
    })()
      .catch((error: unknown) => {
        pool.log.warn(
          { event: 'queue', err: error },
          'positions could not be read; the next tick tries again',
        );
      })
      .finally(() => {
        telling = undefined;
      });
    return telling;
  }

  function wake(tenantIds: Iterable<string>): void {
    for (const tenantId of tenantIds) awake.add(tenantId);
    serveAwake().catch((error: unknown) => {
      pool.log.warn(
        { event: 'queue', err: error },
        'the queue could not be served; the next tick tries again',
      );
    });
  }

  async function fetch(): Promise<void> {
    fetches += 1;
    try {
      for (const { waiter_id, granted } of await fetchResults(pool.database, pool.replicaId)) {
        const outcome = outcomeFromRow(granted);
        const waiter = waiters.get(waiter_id);
        if (!waiter) await giveBack(outcome);
        else {
          waiter.outcome = outcome;
          waiter.settle(outcome);
        }
      }
    } finally {
      fetches -= 1;
    }
  }

  /**
   * A replica that stood still for long counts as dead, and its waiters are removed; when it goes on, they must
   * not wait for a turn that never comes. A row that a fetch took is missing too, but its waiter has its outcome.
   */
  async function findForgotten(): Promise<void> {
    const waiterIds = [...waiters.keys()];
    if (waiterIds.length === 0) return;
    const present = await readPresent(pool.database, waiterIds);
    if (fetches > 0) return;
    for (const waiterId of waiterIds) if (!present.has(waiterId)) waiters.get(waiterId)?.settle('forgotten');
  }

  /** A lease that came for somebody who is gone. A repeat with its request_id would still be given it. */
  async function giveBack(outcome: AcquireOutcome, request?: LeaseRequest): Promise<void> {
    if (outcome.kind !== 'granted' || request?.replay) return;
    const { tenant_id, lease_id, fencing_token } = outcome.lease;
    await releaseLeases(pool, [{ tenantId: tenant_id, leaseId: lease_id, fencingToken: fencing_token }]);
  }

  async function enter(request: LeaseRequest, waiting: Waiting): Promise<AcquireOutcome> {
    const endsAt = pool.clock.monotonic() + waiting.waitMs;
    for (;;) {
      const waitMs = endsAt - pool.clock.monotonic();
      const outcome = await standInQueue(request, { ...waiting, waitMs });
      if (outcome !== 'forgotten') return outcome;
    }
  }

  async function standInQueue(
    request: LeaseRequest,
    waiting: Waiting,
  ): Promise<AcquireOutcome | 'forgotten'> {
    const waiterId = await transaction(pool.database, (trx) => enqueue(trx, pool, request));
    const { promise, resolve } = Promise.withResolvers<AcquireOutcome | 'over' | 'forgotten'>();
    const waiter: Waiter = { request, settle: resolve, onQueued: waiting.onQueued, position: 0 };
    waiters.set(waiterId, waiter);
    const timer = pool.clock.setTimer(waiting.waitMs, () => resolve('over'));
    const giveUp = (): void => resolve('over');
    waiting.signal.addEventListener('abort', giveUp, { once: true });
    try {
      // Something may have become free between the attempt that failed and the row that now waits.
      wake([request.tenantId]);
      if (waiting.onQueued) void tell();
      if (waiting.signal.aborted) giveUp();
      const end = await promise;
      if (end !== 'over') return end;
      // Should this fail, the row is granted something one day, fetched for nobody, and that is given back.
      const lastMoment = await leaveQueue(pool.database, waiterId);
      const late = lastMoment === undefined ? waiter.outcome : outcomeFromRow(lastMoment);
      if (late === undefined) return { kind: 'none_free' };
      if (!waiting.signal.aborted) return late;
      await giveBack(late, request);
      return { kind: 'none_free' };
    } finally {
      timer.cancel();
      waiting.signal.removeEventListener('abort', giveUp);
      waiters.delete(waiterId);
    }
  }

  return {
    enter,
    fetchSoon() {
      fetch().catch((error: unknown) => {
        pool.log.warn(
          { event: 'queue', err: error },
          'what waiters were granted could not be read; the next tick tries again',
        );
      });
    },
    wake,
    async tick() {
      for (const tenantId of await allTenantsThatWait(pool.database)) awake.add(tenantId);
      await serveAwake();
      if (waiters.size > 0) await fetch();
      await findForgotten();
      await tell();
    },
    get length() {
      return waiters.size;
    },
  };
}
