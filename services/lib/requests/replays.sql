-- Copy into a migration of each service whose calls take a request_id; replay.ts reads and writes it.

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
