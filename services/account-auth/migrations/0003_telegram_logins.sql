-- Logins of Telegram accounts that are under way, and those that ended in the last 24 hours.

create table telegram_logins (
  login_id uuid primary key,
  tenant_id uuid not null,
  kind text not null check (kind in ('phone', 'qr')),
  -- E.164; empty for a QR login until it is accepted.
  phone text not null,
  environment text not null,
  -- starting: nothing was sent yet. finishing: Telegram has authorised the key, the pool has it not yet for certain.
  state text not null check (state in
    ('starting', 'code_sent', 'qr_shown', 'password_needed', 'finishing', 'authorised', 'cancelled', 'failed')),
  -- A call that may have been carried out: whoever goes on asks Telegram first what became of it.
  is_unsure boolean not null default false,

  -- What was asked for.
  subject text not null,
  request_id text,
  body_hash bytea,
  -- The proxy that was asked for, and then the one that the login keeps.
  proxy_id uuid,
  labels jsonb not null default '{}',
  name text not null default '',

  -- The key that is not authorised yet and the hash of the code, sealed; null when there is none, and again at the end.
  data_center integer,
  master_key_version integer,
  wrapped_key bytea,
  ciphertext bytea,

  code_kind text not null default '',
  code_length integer not null default 0,
  next_code_kind text not null default '',
  resend_time timestamptz,
  attempts_left integer not null,
  password_hint text not null default '',

  -- Who works on it, until when by this database's clock, and who waits for it.
  worker_id uuid,
  worker_end_time timestamptz,
  wanted_by uuid,

  -- Once Telegram has authorised it.
  telegram_user_id text not null default '',
  username text not null default '',
  authorised_time timestamptz,
  -- One that exists, or the id that a new one is to get.
  account_id uuid,
  session_id bigint,

  end_reason text not null default '',
  create_time timestamptz not null default clock_timestamp(),
  expire_time timestamptz not null,
  end_time timestamptz,
  check ((end_time is not null) = (state in ('authorised', 'cancelled', 'failed'))),
  -- A login that ended holds no key.
  check (end_time is null or (ciphertext is null and wrapped_key is null))
);

-- One login a phone at a time.
create unique index telegram_logins_by_phone on telegram_logins (tenant_id, environment, phone)
  where end_time is null and kind = 'phone';
create unique index telegram_logins_by_request on telegram_logins (tenant_id, subject, kind, request_id)
  where request_id is not null;
create index telegram_logins_by_expiry on telegram_logins (expire_time) where end_time is null;
create index telegram_logins_finishing on telegram_logins (create_time) where state = 'finishing';
create index telegram_logins_ended on telegram_logins (end_time) where end_time is not null;

-- Until when Telegram is not asked again for a phone, by what it is asked.
create table phone_waits (
  environment text not null,
  phone text not null,
  method text not null,
  telegram_error text not null,
  end_time timestamptz not null,
  primary key (environment, phone, method)
);
create index phone_waits_by_end on phone_waits (end_time);
