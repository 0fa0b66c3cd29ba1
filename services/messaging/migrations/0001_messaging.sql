-- Which processes serve, what they send and hear of, and what was answered before.

-- The processes that hold sessions, each alive for as long as it says so by the database's clock.
create table processes (
  process_id text primary key,
  -- host:port of its gRPC, for the other processes.
  address text not null,
  expire_time timestamptz not null
) with (fillfactor = 70);

-- Sessions that somebody watches, by who watches: whoever holds one keeps it connected.
create table keeps (
  session_id bigint not null,
  process_id text not null,
  tenant_id uuid not null,
  expire_time timestamptz not null,
  primary key (session_id, process_id)
) with (fillfactor = 70);

-- Which process holds which session: a hint where to send a call. Who may hold it, the pool says.
create table held_sessions (
  session_id bigint primary key,
  tenant_id uuid not null,
  -- Empty: not known.
  account_id text not null,
  process_id text not null
) with (fillfactor = 70);
create index held_sessions_by_account on held_sessions (tenant_id, account_id);

-- The Telegram user of a session, once it is known: a key does not tell.
create table session_users (
  session_id bigint primary key,
  tenant_id uuid not null,
  user_id bigint not null
);

-- The last sequence of an entity's events.
create table event_sequences (
  entity_id text primary key,
  last_sequence bigint not null
) with (fillfactor = 70);

-- Answers that a repeat with the same request_id gets again, for 24 hours. Never holds a key or a password.
create table replays (
  principal text not null,
  method text not null,
  request_id text not null,
  body_hash bytea not null,
  answer bytea not null,
  create_time timestamptz not null default clock_timestamp(),
  primary key (principal, method, request_id)
);
create index replays_by_time on replays (create_time);

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
