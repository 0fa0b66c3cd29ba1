-- What happens to accounts, in Telegram's order, and where each account stands in it.

-- The key that a tenant's events are encrypted with, itself wrapped by the master key.
create table watch_keys (
  tenant_id uuid primary key,
  master_key_version integer not null,
  wrapped_key bytea not null,
  ciphertext bytea not null
);

-- Where a session stands in what Telegram told it. Null: it never ran, and begins at what Telegram says then.
create table update_states (
  session_id bigint primary key,
  tenant_id uuid not null,
  -- Who read it last: what any earlier reader still wants to write comes too late.
  writer uuid not null,
  pts integer,
  qts integer,
  date integer,
  seq integer,
  -- As ConnectionState, 0 while none was told.
  connection_state smallint not null default 0,
  -- Up to and with this position its events are gone.
  pruned_position bigint not null default 0
) with (fillfactor = 70);
create index update_states_by_pruned on update_states (tenant_id, pruned_position);

create table update_channels (
  session_id bigint not null,
  channel_id bigint not null,
  pts integer not null,
  access_hash bigint not null,
  primary key (session_id, channel_id)
) with (fillfactor = 70);

-- The position of a tenant's last event. Positions are given out under this row's lock, which lasts to the commit:
-- so they become visible in their order, and a position is a cursor for any of the tenant's accounts.
create table watch_heads (
  tenant_id uuid primary key,
  last_position bigint not null
) with (fillfactor = 50);

create table watch_events (
  tenant_id uuid not null,
  position bigint not null,
  session_id bigint not null,
  -- Of a new message, its chat and number: a difference that is read twice does not tell it twice.
  message_key text,
  -- A WatchMessagesResponse without its cursor, encrypted with the tenant's key.
  body bytea not null,
  create_time timestamptz not null default clock_timestamp(),
  primary key (tenant_id, position)
);
create index watch_events_by_session on watch_events (session_id, position);
create index watch_events_by_message on watch_events (session_id, message_key) where message_key is not null;
create index watch_events_by_time on watch_events using brin (create_time);

-- Old events go as fast as new ones come.
alter table watch_events set (
  autovacuum_vacuum_scale_factor = 0.05,
  autovacuum_vacuum_cost_delay = 0
);
