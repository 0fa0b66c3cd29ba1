import { randomUUIDv7 } from 'node:crypto';
import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { sql, type QueryExecutorProvider } from 'kysely';
import { EventSchema } from '#gen/telegate/events/v1/events_pb.ts';
import { appendEvents, type NewEvent } from '#lib/events/outbox.ts';

type EngagementEvent = Extract<
  NonNullable<MessageInitShape<typeof EventSchema>['payload']>,
  { case: 'campaignProgressed' | 'actionEnded' | 'targetChanged' | 'killSwitchSet' }
>;

/** An event and what it is about. */
export interface ToldEvent {
  readonly tenantId: string;
  /** Letters, digits, `-` and `_`: it is part of the subject. */
  readonly entityId: string;
  readonly payload: EngagementEvent;
}

const PAYLOAD_VERSION = 1;
const NAMES = {
  campaignProgressed: 'campaign_progressed',
  actionEnded: 'action_ended',
  targetChanged: 'target_changed',
  killSwitchSet: 'kill_switch_set',
} as const;

/**
 * Writes the events in the caller's transaction, each behind the ones before it about the same entity. An action ends
 * once: its event is its first and last, and waits for no other.
 */
export async function tellEvents(trx: QueryExecutorProvider, told: readonly ToldEvent[]): Promise<void> {
  if (told.length === 0) return;
  const counts = new Map<string, number>();
  for (const { entityId, payload } of told)
    if (payload.case !== 'actionEnded') counts.set(entityId, (counts.get(entityId) ?? 0) + 1);
  const entities = [...counts.keys()].toSorted();
  const { rows } = await sql<{ at: Date; entity_id: string | null; last_sequence: bigint | null }>`
    with raised as (
      insert into event_sequences (entity_id, last_sequence)
      select entity_id, count from unnest(
        ${entities}::text[], ${entities.map((entity) => counts.get(entity)!)}::bigint[]
      ) as told (entity_id, count) order by entity_id
      on conflict (entity_id) do update set last_sequence = event_sequences.last_sequence + excluded.last_sequence
      returning entity_id, last_sequence
    )
    select clock_timestamp() as at, raised.* from (select) as one left join raised on true`.execute(trx);
  const next = new Map<string, bigint>();
  for (const { entity_id: entity, last_sequence: last } of rows)
    if (entity !== null) next.set(entity, last! - BigInt(counts.get(entity)!));
  const { at } = rows[0]!;
  await appendEvents(
    trx,
    told.map((one) => {
      const sequence = (next.get(one.entityId) ?? 0n) + 1n;
      if (one.payload.case !== 'actionEnded') next.set(one.entityId, sequence);
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
    subject: `telegate.v1.engagement.${entityId}.${NAMES[payload.case]}`,
    entityId,
    entitySequence: sequence,
    tenantId,
    payload: toBinary(EventSchema, event),
  };
}
