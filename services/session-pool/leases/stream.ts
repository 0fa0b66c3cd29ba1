import { create, type DescMessage, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromDate, timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  DrainRequestedSchema,
  FloodWaitSchema,
  GoAwaySchema,
  LeaseLostSchema,
  LeaseQueuedSchema,
  LeaseRenewedSchema,
  type LeaseQueued,
  type LeaseRenewed,
} from '#gen/telegate/session_pool/v1/lease_pb.ts';
import type { OutStream } from '#lib/rpc/streams.ts';
import type { LeaseNotice } from '../notices/hub.ts';
import type { Pool } from '../pool.ts';
import type { Renewal } from './renew.ts';

/** Sends what nobody waits for. A stream that is over has told its handler so by its signal. */
export function tell<O extends DescMessage>(
  out: Pick<OutStream<O>, 'send'>,
  message: MessageInitShape<O>,
): void {
  out.send(message).catch(() => undefined);
}

/**
 * Sends in order, each message when the wire had room for the one before. A batch answers hundreds of messages of
 * a stream at once, and a thousand leases may end together: not awaited, those would end the stream (see
 * OutStream.send).
 */
export function inTurn<O extends DescMessage>(out: OutStream<O>): Pick<OutStream<O>, 'send'> {
  let last = Promise.resolve();
  return {
    send(message) {
      const send = (): Promise<void> => out.send(message);
      last = last.then(send, send);
      return last;
    },
  };
}

/** A notice in the words of the contract; both lease streams have these cases under the same names. */
export function noticeMessage(notice: LeaseNotice) {
  switch (notice.kind) {
    case 'lost':
      return {
        case: 'lost' as const,
        value: create(LeaseLostSchema, {
          leaseId: notice.lease,
          sessionId: BigInt(notice.session),
          reason: notice.reason,
        }),
      };
    case 'drain':
      return {
        case: 'drainRequested' as const,
        value: create(DrainRequestedSchema, {
          leaseId: notice.lease,
          deadline: timestampFromDate(new Date(notice.deadline)),
        }),
      };
    case 'flood_wait':
      return {
        case: 'floodWait' as const,
        value: create(FloodWaitSchema, {
          sessionId: BigInt(notice.session),
          method: notice.method,
          peer: notice.peer,
          endTime: timestampFromDate(new Date(notice.end)),
        }),
      };
  }
}

/** This replica closes its streams when its calls have had SHUTDOWN_GRACE to finish. */
export function goAwayMessage({ clock, settings }: Pool) {
  const deadline = timestampFromMs(clock.now() + settings.shutdownGraceMs);
  return { case: 'goAway' as const, value: create(GoAwaySchema, { deadline }) };
}

export function queuedMessage(position: number, estimateMs: number | undefined): LeaseQueued {
  const estimate = estimateMs === undefined ? undefined : durationFromMs(Math.ceil(estimateMs));
  return create(LeaseQueuedSchema, { position, estimate });
}

export function renewedMessage(leaseId: string, renewal: Renewal): LeaseRenewed {
  return create(LeaseRenewedSchema, { leaseId, expireTime: timestampFromDate(renewal.expire_time) });
}
