import { sql, type Generated, type QueryExecutorProvider } from 'kysely';
import { currentTraceparent } from '../telemetry/spans.ts';

/** A service includes outbox.sql in its migrations, and this in the types of its tables. */
export interface OutboxTables {
  outbox: {
    position: Generated<bigint>;
    event_id: string;
    subject: string;
    entity_id: string;
    entity_sequence: string;
    tenant_id: string;
    payload: Uint8Array;
    traceparent: string | null;
    created_time: Generated<Date>;
  };
}

export interface NewEvent {
  /** A UUID. */
  eventId: string;
  /** `telegate.v1.<service>.<entity id>.<event>` */
  subject: string;
  entityId: string;
  entitySequence: bigint;
  tenantId: string;
  payload: Uint8Array;
  /** The active span's when not given. */
  traceparent?: string;
}

/** Below the broker's message limit of 1 MiB, headers included. */
export const MAX_PAYLOAD_BYTES = 512 * 1024;
const MAX_SUBJECT_LENGTH = 250;
const SUBJECT = /^telegate\.v1\.[a-z][a-z0-9_-]*\.[A-Za-z0-9_-]+\.[a-z][a-z0-9_]*$/;

export class InvalidEvent extends Error {
  override name = 'InvalidEvent';
}

/**
 * Writes the events in the caller's transaction, in the order given, in one statement whatever their number.
 * They are published after the commit, and only then.
 */
export async function appendEvents(trx: QueryExecutorProvider, events: readonly NewEvent[]): Promise<void> {
  if (events.length === 0) return;
  for (const event of events) check(event);
  const traceparent = currentTraceparent();
  // All payloads as one value, which travels as bytes; an array of them would travel as text, twice as long.
  let end = 1;
  const starts = events.map(({ payload }) => (end += payload.byteLength) - payload.byteLength);
  const column = <T>(value: (event: NewEvent) => T): T[] => events.map(value);
  await sql`
    insert into outbox (event_id, subject, entity_id, entity_sequence, tenant_id, payload, traceparent)
    select event_id, subject, entity_id, entity_sequence, tenant_id,
      substr(${Buffer.concat(column(({ payload }) => payload))}::bytea, start, size), traceparent
    from unnest(
      ${column((event) => event.eventId)}::uuid[],
      ${column((event) => event.subject)}::text[],
      ${column((event) => event.entityId)}::text[],
      ${column((event) => event.entitySequence.toString())}::bigint[],
      ${column((event) => event.tenantId)}::uuid[],
      ${starts}::integer[],
      ${column(({ payload }) => payload.byteLength)}::integer[],
      ${column((event) => event.traceparent ?? traceparent ?? null)}::text[]
    ) with ordinality
      as event (event_id, subject, entity_id, entity_sequence, tenant_id, start, size, traceparent, ordinality)
    order by ordinality`.execute(trx);
}

function check(event: NewEvent): void {
  if (event.subject.length > MAX_SUBJECT_LENGTH || !SUBJECT.test(event.subject))
    throw new InvalidEvent(
      `subject "${event.subject.slice(0, MAX_SUBJECT_LENGTH)}" is not of the form telegate.v1.<service>.<entity id>.<event>`,
    );
  if (event.payload.byteLength > MAX_PAYLOAD_BYTES)
    throw new InvalidEvent(
      `the payload of ${event.subject} has ${event.payload.byteLength} bytes; at most ${MAX_PAYLOAD_BYTES} are allowed`,
    );
}
