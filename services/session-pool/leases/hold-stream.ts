import { create } from '@bufbuild/protobuf';
import { LeaseProofSchema, LeaseLossReason, type Lease } from '#gen/telegate/session_pool/v1/lease_pb.ts';
import type {
  HoldLeaseRequest,
  SessionPoolService,
} from '#gen/telegate/session_pool/v1/session_pool_service_pb.ts';
import { InvalidFields } from '#lib/rpc/errors.ts';
import type { CallContext, Handlers } from '#lib/rpc/implement.ts';
import type { OutStream } from '#lib/rpc/streams.ts';
import { LeaseLostError } from '../errors.ts';
import type { NoticeHub } from '../notices/hub.ts';
import type { Pool } from '../pool.ts';
import type { Leasing } from './leasing.ts';
import { leaseMessage } from './model.ts';
import { readLease } from './read.ts';
import type { HeldLease } from './renew.ts';
import { readAcquire, readHeldLease } from './requests.ts';
import { goAwayMessage, noticeMessage, queuedMessage, renewedMessage, tell } from './stream.ts';

type HoldLease = Handlers<typeof SessionPoolService>['holdLease'];
type Out = OutStream<(typeof SessionPoolService)['method']['holdLease']['output']>;

/** One lease over one stream. The stream is a way to speak of the lease; the lease does not depend on it. */
export function holdLease(pool: Pool, leasing: Leasing, hub: NoticeHub): HoldLease {
  return async (incoming, out, ctx) => {
    const messages = incoming[Symbol.asyncIterator]();
    const first = await messages.next();
    if (first.done) throw firstMessageMissing();
    const { held, granted } = await begin(pool, leasing, out, ctx, first.value);

    const over = Promise.withResolvers<void>();
    const unsubscribe = hub.subscribe(held.leaseId, (notice) => {
      tell(out, { event: noticeMessage(notice) });
      if (notice.kind === 'lost') over.resolve();
    });
    const stopListening = ctx.onGoAway(() => tell(out, { event: goAwayMessage(pool) }));
    try {
      await out.send({ event: { case: 'granted', value: granted } });
      await Promise.race([listenTo(messages, leasing, out, held, unsubscribe), over.promise]);
    } finally {
      unsubscribe();
      stopListening();
    }
  };
}

async function begin(
  pool: Pool,
  leasing: Leasing,
  out: Out,
  ctx: CallContext,
  { action }: HoldLeaseRequest,
): Promise<{ held: HeldLease; granted: Lease }> {
  const { principal } = ctx;
  if (action.case === 'open') {
    const { request, waitMs } = readAcquire(action.value, principal);
    const granted = await leasing.acquire(request, {
      waitMs,
      signal: ctx.signal,
      onQueued: (position, estimateMs) =>
        tell(out, { event: { case: 'queued', value: queuedMessage(position, estimateMs) } }),
    });
    const { leaseId, fencingToken } = granted;
    return { held: { tenantId: principal.tenantId, leaseId, fencingToken }, granted };
  }
  if (action.case !== 'attach') throw firstMessageMissing();
  const { tenantId } = principal;
  const held = { ...readHeldLease('attach', action.value, principal), tenantId };
  const renewal = await leasing.renew(held);
  const lease = renewal && (await readLease(pool, tenantId, held.leaseId));
  if (!lease) throw new LeaseLostError(held.leaseId);
  return { held, granted: leaseMessage({ ...lease, fencing_token: held.fencingToken }) };
}

/** One answer a message, in their order: a holder counts its time from the message that was answered. */
async function listenTo(
  messages: AsyncIterator<HoldLeaseRequest>,
  leasing: Leasing,
  out: Out,
  held: HeldLease,
  unsubscribe: () => void,
): Promise<void> {
  for (let next = await messages.next(); !next.done; next = await messages.next()) {
    const { action } = next.value;
    switch (action.case) {
      case 'heartbeat': {
        const renewal = await leasing.renew(held);
        if (!renewal) return out.send({ event: lost(held, LeaseLossReason.STALE) });
        await out.send({ event: { case: 'renewed', value: renewedMessage(held.leaseId, renewal) } });
        break;
      }
      case 'release': {
        // The stream does not hear of the end that it asked for itself.
        unsubscribe();
        await leasing.release(held);
        const { leaseId, fencingToken } = held;
        const proof = create(LeaseProofSchema, { leaseId, fencingToken });
        return out.send({ event: { case: 'released', value: proof } });
      }
      case 'open':
      case 'attach':
        throw new InvalidFields([
          { field: action.case, description: 'came twice; a stream holds one lease, so open another stream' },
        ]);
      case undefined:
        throw new InvalidFields([{ field: 'action', description: 'is missing; send heartbeat or release' }]);
    }
  }
}

function lost(held: HeldLease, reason: LeaseLossReason) {
  return noticeMessage({ kind: 'lost', lease: held.leaseId, session: '0', reason });
}

function firstMessageMissing(): InvalidFields {
  return new InvalidFields([{ field: 'action', description: 'the first message must be open or attach' }]);
}
