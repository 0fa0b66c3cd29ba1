import { randomUUIDv7 } from 'node:crypto';
import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { EventSchema } from '#gen/telegate/events/v1/events_pb.ts';
import type { NewEvent } from '#lib/events/outbox.ts';

type EventInit = MessageInitShape<typeof EventSchema>;
export type PoolEvent = NonNullable<EventInit['payload']> & { case: string };

const PAYLOAD_VERSION = 1;

/** Whose event it is, its place among the session's events, and the database's time of it. */
export interface EventOrigin {
  session_id: bigint;
  tenant_id: string;
  event_sequence: bigint;
  occur_time: Date;
}

/** The envelope of an event of a session. Its subject ends in the payload's name in snake case. */
export function sessionEvent(origin: EventOrigin, payload: PoolEvent): NewEvent {
  const eventId = randomUUIDv7();
  const entityId = String(origin.session_id);
  const event = create(EventSchema, {
    eventId,
    version: PAYLOAD_VERSION,
    tenantId: origin.tenant_id,
    entityId,
    sequence: origin.event_sequence,
    occurTime: timestampFromDate(origin.occur_time),
    payload,
  });
  return {
    eventId,
    subject: `telegate.v1.session_pool.${entityId}.${snakeCase(payload.case)}`,
    entityId,
    entitySequence: origin.event_sequence,
    tenantId: origin.tenant_id,
    payload: toBinary(EventSchema, event),
  };
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
