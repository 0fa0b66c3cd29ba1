-- How actions are executed: who works on them, and when an account may act again.

-- A process that works on actions, for as long as it renews its row: then its actions are taken over.
create table action_workers (
  worker_id text primary key,
  expire_time timestamptz not null
) with (fillfactor = 50);

-- One row an account, locked while its next action is chosen: it does one thing at a time, over all campaigns.
create table account_turns (
  account_id uuid primary key,
  -- It does nothing new before this: the gap after its last action, and Telegram's waits.
  free_time timestamptz not null,
  -- What it does, or did last.
  action_id uuid
) with (fillfactor = 50);

-- Tries without a result in a row; whether one of them may have taken effect; who is at it.
alter table actions
  add column failures integer not null default 0,
  add column unsure boolean not null default false,
  add column worker_id text not null default '';

create index actions_waiting_by_account on actions (account_id, due_time) where state = 'planned';
create index actions_waiting_by_channel on actions (channel, due_time) where state = 'planned';
create index actions_under_way on actions (worker_id) where state = 'running';

-- The trace that a campaign was created in: those of its actions link to it.
alter table campaigns add column traceparent text not null default '';
