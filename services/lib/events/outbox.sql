-- Copy into a migration of each service that publishes events; outbox.ts writes it, relay.ts empties it.
--
-- A row is deleted when the broker has acknowledged it, so the table holds only what is still to be sent.
-- The relay goes by what is there and never by a high-water mark: positions commit out of order.
create table outbox (
  position bigint generated always as identity primary key,
  event_id uuid not null,
  subject text not null,
  entity_id text not null,
  entity_sequence bigint not null,
  tenant_id uuid not null,
  payload bytea not null,
  traceparent text,
  created_time timestamptz not null default clock_timestamp()
);

-- A queue's table is small and changes entirely every few seconds: vacuum by number of rows, not by share.
alter table outbox set (
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_insert_scale_factor = 0,
  autovacuum_vacuum_insert_threshold = 50000,
  autovacuum_analyze_scale_factor = 0,
  autovacuum_analyze_threshold = 50000,
  autovacuum_vacuum_cost_delay = 0
);
