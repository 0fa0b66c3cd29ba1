-- Copy into a migration of each service that consumes events; consumer.ts reads and writes it.

-- The events that were handled. Rows older than events are kept by the broker can go (pruneInbox).
create table inbox (
  durable text not null,
  event_id uuid not null,
  handled_time timestamptz not null default clock_timestamp(),
  primary key (durable, event_id)
);

create index inbox_handled_time on inbox (handled_time);

-- The newest sequence that was applied, an entity.
create table inbox_entity (
  durable text not null,
  entity text not null,
  last_sequence bigint not null,
  primary key (durable, entity)
)
with (fillfactor = 70);
