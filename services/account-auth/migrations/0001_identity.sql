-- Tenants, their users and invitations, logins, API keys, and the keys that tokens are made with.

create table tenants (
  tenant_id uuid primary key,
  name text not null,
  create_time timestamptz not null default clock_timestamp()
);

create table users (
  user_id uuid primary key,
  tenant_id uuid not null references tenants,
  -- In lower case; unique in the deployment, because a login names nothing else.
  email text not null unique,
  role text not null check (role in ('user', 'operator')),
  owner boolean not null,
  password_hash text not null,
  create_time timestamptz not null default clock_timestamp()
);
create index users_by_tenant on users (tenant_id, user_id);
create index operators on users (user_id) where role = 'operator';

-- Those that nobody has used yet: using one deletes it.
create table invitations (
  invitation_id uuid primary key,
  tenant_id uuid not null references tenants,
  secret_hash bytea not null unique,
  -- The only address that may use it; empty: any.
  email text not null default '',
  creator text not null,
  expire_time timestamptz not null,
  create_time timestamptz not null default clock_timestamp()
);
create index invitations_by_tenant on invitations (tenant_id);
create index invitations_by_expiry on invitations (expire_time);

-- One row a login. Its refresh tokens are not stored: each is the login, a generation and a code over both, so
-- that the newest generation says of every token ever given out whether it is the newest, the one before, or old.
create table logins (
  login_id uuid primary key,
  tenant_id uuid not null,
  user_id uuid not null references users on delete cascade,
  generation integer not null default 1,
  rotate_time timestamptz not null default clock_timestamp(),
  expire_time timestamptz not null,
  end_time timestamptz,
  end_reason text,
  create_time timestamptz not null default clock_timestamp()
);
create index logins_by_user on logins (user_id, rotate_time) where end_time is null;
create index logins_by_expiry on logins (expire_time) where end_time is null;
create index logins_ended on logins (end_time) where end_time is not null;

create table api_keys (
  position bigint generated always as identity primary key,
  key_id uuid not null unique,
  tenant_id uuid not null,
  name text not null,
  prefix text not null,
  -- SHA-256 is enough: a secret is 32 random bytes, which nobody guesses.
  secret_hash bytea not null unique,
  scopes text[] not null,
  creator_id uuid,
  expire_time timestamptz,
  last_used_time timestamptz,
  revoke_time timestamptz,
  create_time timestamptz not null default clock_timestamp()
);
create index api_keys_by_tenant on api_keys (tenant_id, position);
create index api_keys_revoked on api_keys (revoke_time) where revoke_time is not null;

-- The keys that sign access tokens (with their public half as a JWK) and make refresh tokens. Sealed.
create table token_keys (
  key_id text primary key,
  purpose text not null check (purpose in ('access', 'refresh')),
  public_key jsonb,
  master_key_version integer not null,
  wrapped_key bytea not null,
  ciphertext bytea not null,
  -- From when on it is used, and until when what it made is accepted; open while it has no successor.
  active_time timestamptz not null,
  expire_time timestamptz,
  create_time timestamptz not null default clock_timestamp()
);

-- How often something was tried, until the end of its window.
create table attempts (
  kind text not null,
  subject text not null,
  count integer not null,
  end_time timestamptz not null,
  primary key (kind, subject)
);
create index attempts_by_end on attempts (end_time);

-- Who did what that matters later; never anything secret.
create table audit (
  audit_id bigint generated always as identity primary key,
  tenant_id uuid not null,
  subject text not null,
  action text not null,
  entity_id text not null,
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
