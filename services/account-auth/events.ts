import { randomUUIDv7 } from 'node:crypto';
import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { EventSchema } from '#gen/telegate/events/v1/events_pb.ts';
import type { NewEvent } from '#lib/events/outbox.ts';

type EventInit = MessageInitShape<typeof EventSchema>;
export type AccountAuthEvent = NonNullable<EventInit['payload']> & { case: string };

const PAYLOAD_VERSION = 1;

/** Whose event it is, its place among the entity's events, and the database's time of it. */
export interface EventOrigin {
  entityId: string;
  tenantId: string;
  sequence: bigint;
  occurTime: Date;
}

/** The envelope of an event. Its subject ends in the payload's name in snake case. */
export function accountAuthEvent(origin: EventOrigin, payload: AccountAuthEvent): NewEvent {
  const eventId = randomUUIDv7();
  const { entityId, tenantId, sequence, occurTime } = origin;
  const event = create(EventSchema, {
    eventId,
    version: PAYLOAD_VERSION,
    tenantId,
    entityId,
    sequence,
    occurTime: timestampFromDate(occurTime),
    payload,
  });
  const name = payload.case.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return {
    eventId,
    subject: `telegate.v1.account_auth.${entityId}.${name}`,
    entityId,
    entitySequence: sequence,
    tenantId,
    payload: toBinary(EventSchema, event),
  };
}
