import { randomUUIDv7 } from 'node:crypto';
import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { sql, type QueryExecutorProvider } from 'kysely';
import { EventSchema } from '#gen/telegate/events/v1/events_pb.ts';
import { appendEvents, type NewEvent } from '#lib/events/outbox.ts';

type MessagingEvent = Extract<
  NonNullable<MessageInitShape<typeof EventSchema>['payload']>,
  {
    case:
      | 'sessionDegraded'
      | 'sessionLimited'
      | 'breakerOpened'
      | 'breakerClosed'
      | 'messageSent'
      | 'messageReceived';
  }
>;

/** An event and what it is about. */
export interface ToldEvent {
  readonly tenantId: string;
  /** Letters, digits, `-` and `_`: it is part of the subject. */
  readonly entityId: string;
  readonly payload: MessagingEvent;
}

const PAYLOAD_VERSION = 1;
const NAMES = {
  sessionDegraded: 'session_degraded',
  sessionLimited: 'session_limited',
  breakerOpened: 'breaker_opened',
  breakerClosed: 'breaker_closed',
  messageSent: 'message_sent',
  messageReceived: 'message_received',
} as const;

/** Writes the events in the caller's transaction, each behind the ones before it about the same entity. */
export async function tellEvents(trx: QueryExecutorProvider, told: readonly ToldEvent[]): Promise<void> {
  if (told.length === 0) return;
  const counts = new Map<string, number>();
  for (const { entityId } of told) counts.set(entityId, (counts.get(entityId) ?? 0) + 1);
  const entities = [...counts.keys()].toSorted();
  const { rows } = await sql<{ entity_id: string; last_sequence: bigint; at: Date }>`
    insert into event_sequences (entity_id, last_sequence)
    select entity_id, count from unnest(
      ${entities}::text[], ${entities.map((entity) => counts.get(entity)!)}::bigint[]
    ) as told (entity_id, count) order by entity_id
    on conflict (entity_id) do update set last_sequence = event_sequences.last_sequence + excluded.last_sequence
    returning entity_id, last_sequence, clock_timestamp() as at`.execute(trx);
  const next = new Map(
    rows.map((row) => [row.entity_id, row.last_sequence - BigInt(counts.get(row.entity_id)!)]),
  );
  const at = rows[0]!.at;
  await appendEvents(
    trx,
    told.map((one) => {
      const sequence = next.get(one.entityId)! + 1n;
      next.set(one.entityId, sequence);
      return written(one, sequence, at);
    }),
  );
}

function written({ tenantId, entityId, payload }: ToldEvent, sequence: bigint, at: Date): NewEvent {
  const eventId = randomUUIDv7();
  const event = create(EventSchema, {
    eventId,
    version: PAYLOAD_VERSION,
    tenantId,
    entityId,
    sequence,
    occurTime: timestampFromDate(at),
    payload,
  });
  return {
    eventId,
    subject: `telegate.v1.messaging.${entityId}.${NAMES[payload.case]}`,
    entityId,
    entitySequence: sequence,
    tenantId,
    payload: toBinary(EventSchema, event),
  };
}
