import { randomUUIDv7 } from 'node:crypto';
import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { EventSchema } from '#gen/telegate/events/v1/events_pb.ts';
import type { NewEvent } from '#lib/events/outbox.ts';

type ProxyEvent = Extract<
  NonNullable<MessageInitShape<typeof EventSchema>['payload']>,
  { case: 'proxyUp' | 'proxyDown' }
>;

const PAYLOAD_VERSION = 1;
const NAMES = { proxyUp: 'proxy_up', proxyDown: 'proxy_down' } as const;

/** Whose event it is, its place among the proxy's events, and the database's time of it. */
export interface EventOrigin {
  proxy_id: string;
  tenant_id: string;
  event_sequence: bigint;
  occur_time: Date;
}

export function proxyEvent(origin: EventOrigin, payload: ProxyEvent): NewEvent {
  const eventId = randomUUIDv7();
  const event = create(EventSchema, {
    eventId,
    version: PAYLOAD_VERSION,
    tenantId: origin.tenant_id,
    entityId: origin.proxy_id,
    sequence: origin.event_sequence,
    occurTime: timestampFromDate(origin.occur_time),
    payload,
  });
  return {
    eventId,
    subject: `telegate.v1.proxy_registry.${origin.proxy_id}.${NAMES[payload.case]}`,
    entityId: origin.proxy_id,
    entitySequence: origin.event_sequence,
    tenantId: origin.tenant_id,
    payload: toBinary(EventSchema, event),
  };
}
