-- Proxies, how they do, and which account is on which.

create table proxies (
  proxy_id uuid primary key,
  -- In the order of creation: pages of lists, and whose turn it is.
  ordinal bigint generated always as identity unique,
  tenant_id uuid not null,
  host text not null,
  port integer not null check (port between 1 and 65535),
  username text not null default '',
  name text not null default '',
  labels jsonb not null default '{}',
  country text not null default '',
  -- 0: the deployment's default.
  capacity integer not null default 0 check (capacity >= 0),
  -- What `host` was when it was written; nothing else is dialled.
  pinned_address text not null,
  -- Rises with each change of what is dialled: what a check found out is of the revision that it looked at.
  dial_revision bigint not null default 1,
  revision bigint not null default 1,
  create_time timestamptz not null default clock_timestamp(),
  unique (tenant_id, host, port, username)
);
create index proxies_by_tenant on proxies (tenant_id, ordinal);

-- Apart from everything else, so that no query that lists or assigns can touch a password.
create table proxy_passwords (
  proxy_id uuid primary key references proxies on delete cascade,
  tenant_id uuid not null,
  master_key_version integer not null,
  wrapped_key bytea not null,
  ciphertext bytea not null
);

-- One narrow row a proxy for all that changes often.
create table proxy_status (
  proxy_id uuid primary key references proxies on delete cascade,
  tenant_id uuid not null,
  -- As ProxyState: 1 unchecked, 2 up, 3 slow, 4 down
  state smallint not null default 1 check (state between 1 and 4),
  state_reason text not null default '',
  latency_ms integer,
  exit_address text not null default '',
  check_time timestamptz,
  -- Checks in a row that failed.
  failures integer not null default 0,
  -- Whoever checks it puts this off first, so that no other replica does meanwhile.
  next_check_time timestamptz not null default clock_timestamp(),
  assigned_count integer not null default 0 check (assigned_count >= 0),
  event_sequence bigint not null default 0
) with (fillfactor = 70);
create index proxy_status_by_check on proxy_status (next_check_time);
create index proxy_status_by_tenant on proxy_status (tenant_id);

-- A tenant's assignments change one transaction at a time, whoever holds this row: so no proxy gets more
-- accounts than it has room for, and no two transactions wait for each other.
create table turns (
  tenant_id uuid primary key,
  -- The proxy whose turn was last.
  last_ordinal bigint not null default 0
);

create table assignments (
  assignment_id uuid primary key,
  ordinal bigint generated always as identity unique,
  tenant_id uuid not null,
  -- Null: not known yet, the session came from a file.
  account_id uuid,
  session_id bigint,
  proxy_id uuid references proxies,
  -- As AssignmentState: 1 assigned, 2 waiting, 3 direct
  state smallint not null check ((state = 1) = (proxy_id is not null)),
  -- As AssignmentPolicy.
  policy smallint not null check (policy between 1 and 4),
  labels jsonb not null default '{}',
  country text not null default '',
  allow_direct boolean not null default false,
  assign_time timestamptz not null default clock_timestamp(),
  check (account_id is not null or session_id is not null),
  unique (tenant_id, account_id),
  unique (tenant_id, session_id)
);
create index assignments_by_proxy on assignments (proxy_id);
create index assignments_by_tenant on assignments (tenant_id, ordinal);

-- Sockets that live, or may be opened now. While one holds an assignment, it does not change.
create table holds (
  hold_id uuid primary key,
  tenant_id uuid not null,
  -- Null: a login that has no account yet.
  assignment_id uuid references assignments on delete cascade,
  -- Null: direct.
  proxy_id uuid references proxies on delete cascade,
  process_id text not null,
  expire_time timestamptz not null
) with (fillfactor = 70);
create index holds_by_assignment on holds (assignment_id);
create index holds_by_proxy on holds (proxy_id);

-- Who changed what.
create table audit (
  audit_id bigint generated always as identity primary key,
  tenant_id uuid not null,
  subject text not null,
  action text not null,
  proxy_id uuid,
  account_id uuid,
  session_id bigint,
  detail jsonb not null default '{}',
  audit_time timestamptz not null default clock_timestamp()
);
create index audit_by_tenant on audit (tenant_id, audit_id);

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
