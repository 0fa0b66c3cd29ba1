-- The Telegram accounts of the tenants.

create table accounts (
  account_id uuid primary key,
  -- The order of creation, for pages.
  ordinal bigint generated always as identity unique,
  tenant_id uuid not null,
  name text not null,
  -- E.164; empty until it is known.
  phone text not null default '',
  -- What the owner wants. While there is a session it is the session's, and this a copy that is kept by events.
  paused boolean not null default false,
  state text not null check (state in ('new', 'authorised', 'needs_login', 'limited', 'frozen', 'banned')),
  state_reason text not null default '',
  -- When what the state tells happened: news that are older change nothing.
  state_time timestamptz not null default clock_timestamp(),
  session_id bigint,
  -- Whether the pool still has to hear that the session is this account's.
  untied boolean not null default false,
  -- Of the session while there is one, as of its revision; otherwise what it will get.
  labels jsonb not null default '{}',
  session_revision bigint not null default 0,
  telegram_user_id text not null default '',
  username text not null default '',
  environment text not null,
  allow_direct boolean not null default false,
  -- Telegram was asked to forget the session, or is about to be: what its key is worth is no news any more.
  logging_out boolean not null default false,
  login_time timestamptz,
  check_time timestamptz,
  -- When somebody last set out to check it, whatever came of it.
  check_start_time timestamptz,
  event_sequence bigint not null default 0,
  revision bigint not null default 1,
  create_time timestamptz not null default clock_timestamp()
);
create index accounts_by_tenant on accounts (tenant_id, ordinal);
create unique index accounts_by_phone on accounts (tenant_id, phone) where phone <> '';
-- Session ids are the deployment's: no two tenants have one.
create unique index accounts_by_session on accounts (session_id) where session_id is not null;
create index accounts_by_user on accounts (tenant_id, telegram_user_id) where telegram_user_id <> '';
create index accounts_by_label on accounts using gin (labels jsonb_path_ops);
create index accounts_untied on accounts (ordinal) where untied;
create index accounts_to_check on accounts (check_start_time nulls first) where session_id is not null;

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
