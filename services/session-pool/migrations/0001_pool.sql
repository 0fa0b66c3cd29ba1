-- The pool: sessions, their keys, and one narrow hot row a session that says who may use it.

create table installation (
  singleton boolean primary key default true check (singleton),
  -- The high bits of every fencing token. Raised after a restore from a backup, which may have lost grants:
  -- no token that was ever handed out comes again.
  epoch integer not null default 1 check (epoch between 1 and 1048575)
);
insert into installation default values;

create table sessions (
  session_id bigint generated always as identity primary key,
  tenant_id uuid not null,
  name text not null,
  account_id text not null default '',
  environment text not null,
  labels jsonb not null default '{}',
  condition_reason text not null default '',
  data_center smallint not null,
  source text not null check (source in ('import', 'sync', 'login')),
  has_file boolean not null default false,
  -- Across tenants: one key is one session, whoever brings it.
  fingerprint bytea not null unique,
  revision bigint not null default 1,
  create_time timestamptz not null default clock_timestamp(),
  unique (tenant_id, name)
);
create index sessions_by_label on sessions using gin (labels jsonb_path_ops);

-- Apart from everything else, so that no query that lists or leases can touch a key.
create table session_keys (
  session_id bigint primary key references sessions on delete cascade,
  master_key_version integer not null,
  wrapped_key bytea not null,
  ciphertext bytea not null
);

-- One row a session. Every grant, renewal and end of a lease updates it, so it is narrow, half of each page is
-- left free and no column that changes is indexed: updates stay on their page and touch no index (HOT).
create table slots (
  session_id bigint primary key references sessions on delete cascade,
  tenant_id uuid not null,
  fencing_token bigint not null default 0,
  event_sequence bigint not null default 0,
  -- 0 usable, 1 invalid, 2 needs login, 3 frozen, 4 banned, 5 leaves the pool when its lease ends
  condition smallint not null default 0,
  lease_id uuid,
  holder text,
  subject text,
  credentials boolean,
  ttl_ms integer,
  acquire_time timestamptz,
  expire_time timestamptz,
  drain_time timestamptz,
  claim_process text,
  claim_token bigint,
  claim_expire_time timestamptz,
  quarantine_end_time timestamptz,
  -- The end of the longest wait that blocks every grant: of the whole session, or of over an hour.
  wait_end_time timestamptz,
  last_used_time timestamptz
) with (
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0.05,
  autovacuum_analyze_scale_factor = 0.2,
  autovacuum_vacuum_cost_delay = 0
);
create index slots_by_tenant on slots (tenant_id);
-- Grants and renewals leave the condition alone, so this costs them nothing.
create index slots_that_leave on slots (session_id) where condition = 5;

-- The waits that Telegram imposed. An empty method or peer means all.
create table flood_waits (
  session_id bigint not null references sessions on delete cascade,
  method text not null,
  peer text not null,
  end_time timestamptz not null,
  primary key (session_id, method, peer)
);
create index flood_waits_by_end on flood_waits (end_time);

-- Acquires that wait, first in first out a tenant.
create table waiters (
  waiter_id bigint generated always as identity primary key,
  tenant_id uuid not null,
  -- The process whose caller waits; its rows die with it.
  replica_id uuid not null,
  -- The selector as canonical text: waiters with equal text want the same.
  selector_key text not null,
  request jsonb not null,
  -- Set when granted, until the replica has fetched it.
  granted jsonb,
  create_time timestamptz not null default clock_timestamp()
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
create index waiters_by_tenant on waiters (tenant_id, waiter_id);
create index waiters_by_replica on waiters (replica_id);

-- Answers that a repeat with the same request_id gets again, for 24 hours. Never holds a key.
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

-- Who was given a key, when and why.
create table audit (
  audit_id bigint generated always as identity primary key,
  tenant_id uuid not null,
  subject text not null,
  action text not null,
  session_id bigint,
  lease_id uuid,
  detail jsonb not null default '{}',
  audit_time timestamptz not null default clock_timestamp()
);
create index audit_by_tenant on audit (tenant_id, audit_id);

-- Replicas stamp this row while they can reach the database. After a gap nothing expires before its end + TTL.
create table availability (
  singleton boolean primary key default true check (singleton),
  stamp_time timestamptz not null default clock_timestamp(),
  resume_time timestamptz not null default clock_timestamp()
);
insert into availability default values;

create table replicas (
  replica_id uuid primary key,
  stamp_time timestamptz not null default clock_timestamp()
);

-- A lease's id is a UUIDv7: its time, the low 26 bits of its fencing token, and its session. So a lease is found
-- by its id without an index that every grant would have to write, and an id and a token that do not belong
-- together are told apart even after the lease has ended.
create function lease_uuid(session_id bigint, fencing_token bigint, at timestamptz) returns uuid
language sql immutable parallel safe
return (
  lpad(to_hex(floor(extract(epoch from at) * 1000)::bigint), 12, '0')
  || to_hex(x'7000'::int | ((fencing_token >> 14) & 4095)::int)
  || to_hex(x'8000'::int | (fencing_token & 16383)::int)
  || lpad(to_hex(session_id), 12, '0')
)::uuid;

-- Events that were committed and are still to be sent.
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
