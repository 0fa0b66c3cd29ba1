-- Whom a session knows, what it sent, and how much was done at a post.

-- Each user and chat that a session was shown in full, with the hash by which Telegram lets it be named.
create table peers (
  session_id bigint not null,
  -- user:…, chat:… or channel:…
  form text not null,
  tenant_id uuid not null,
  -- As PeerKind.
  kind smallint not null,
  access_hash bigint not null,
  title text not null,
  username text not null,
  phone text not null,
  seen_time timestamptz not null default clock_timestamp(),
  primary key (session_id, form)
);
create index peers_by_age on peers (session_id, seen_time);

-- Whom a name meant when Telegram was last asked, or last said: @username in small letters, or a phone.
create table peer_names (
  session_id bigint not null,
  name text not null,
  form text not null,
  tenant_id uuid not null,
  resolve_time timestamptz not null default clock_timestamp(),
  primary key (session_id, name)
);
create index peer_names_by_form on peer_names (session_id, form);
create index peer_names_by_time on peer_names (resolve_time);

-- A message that was asked for, written before Telegram hears of it. Its random_id is how Telegram knows it again.
create table sends (
  principal text not null,
  method text not null,
  request_id text not null,
  body_hash bytea not null,
  tenant_id uuid not null,
  session_id bigint not null,
  account_id text not null,
  random_id bigint not null,
  -- 1: nobody knows whether Telegram has it; 2: sent; 3: Telegram refused it, and never had it.
  state smallint not null default 1 check (state between 1 and 3),
  -- Sent: the chat and the number in it, 0 where Telegram did not say.
  peer text not null default '',
  message_id bigint not null default 0,
  -- Sent: the answer. Refused: Telegram's error.
  answer bytea,
  create_time timestamptz not null default clock_timestamp(),
  primary key (principal, method, request_id)
) with (fillfactor = 70);
create index sends_by_time on sends (create_time);
create index sends_by_message on sends (session_id, peer, message_id) where message_id <> 0;

alter table sends set (
  autovacuum_vacuum_scale_factor = 0.05,
  autovacuum_vacuum_cost_delay = 0
);

-- What was done at a post: each row is one of the few that its ceiling allows, over all callers.
create table post_actions (
  environment text not null,
  channel text not null,
  post_id bigint not null,
  -- 'comment' or 'reaction'
  kind text not null,
  -- Whose: an account's reaction counts once however often it changes, a comment by its request.
  actor text not null,
  tenant_id uuid not null,
  action_time timestamptz not null default clock_timestamp(),
  primary key (environment, channel, post_id, kind, actor)
);
create table post_counts (
  environment text not null,
  channel text not null,
  post_id bigint not null,
  kind text not null,
  taken integer not null check (taken >= 0),
  primary key (environment, channel, post_id, kind)
) with (fillfactor = 70);

-- Each time that a process began to serve with a higher ceiling than the default.
create table raised_ceilings (
  process_id text primary key,
  environment text not null,
  ceiling integer not null,
  raise_time timestamptz not null default clock_timestamp()
);
