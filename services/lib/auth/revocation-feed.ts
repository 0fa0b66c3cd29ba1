import { fromBinary } from '@bufbuild/protobuf';
import { EventSchema } from '#gen/telegate/events/v1/events_pb.ts';
import type { Consumer, EventBus } from '#lib/events/bus.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import { REMEMBERED_MS, type Revocations } from './revocations.ts';

const SUBJECTS = ['telegate.v1.account_auth.*.credential_revoked'];
/** A process that is gone for so long is forgotten by the bus; one that comes back begins anew. */
const FORGET_AFTER_MS = 60_000;

/**
 * Every process hears of every revocation, under a name of its own. What was revoked shortly before it began to
 * listen still has tokens about, so it hears of that too.
 */
export function followRevocations(options: {
  bus: EventBus;
  /** Of this process and no other. */
  processId: string;
  revocations: Revocations;
  log: Logger;
}): Promise<Consumer> {
  const { bus, processId, revocations, log } = options;
  return bus.consume({
    durable: `revocations-${processId}`,
    subjects: SUBJECTS,
    startFrom: { agoMs: REMEMBERED_MS },
    forgetAfterMs: FORGET_AFTER_MS,
    handle(event) {
      const { payload } = fromBinary(EventSchema, event.payload);
      if (payload.case === 'credentialRevoked') {
        const { keyId, loginId } = payload.value;
        for (const id of [keyId, loginId]) if (id !== '') revocations.end(id);
      } else
        log.warn({ event: 'revocation_unreadable', event_id: event.eventId }, 'an event says no revocation');
      return Promise.resolve();
    },
  });
}
