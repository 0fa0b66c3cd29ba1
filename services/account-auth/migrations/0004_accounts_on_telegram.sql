-- When Telegram was asked to forget the session of an account that is being logged out: what a process that died left
-- undone is taken up by another some time after.
alter table accounts add column logging_out_time timestamptz;
create index accounts_logging_out on accounts (logging_out_time) where logging_out;

-- What the owner said about direct connections since the registry of proxies was told last.
alter table accounts add column direct_untold boolean not null default false;
create index accounts_direct_untold on accounts (ordinal) where direct_untold;

-- From when on the next account may be checked, for all replicas together.
create table health_sweep (
  singleton boolean primary key default true check (singleton),
  next_time timestamptz not null default clock_timestamp()
);
insert into health_sweep default values;
