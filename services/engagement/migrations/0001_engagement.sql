-- Where campaigns may run, what they are, what they did, and what stops them.

-- Channels that a tenant administers.
create table targets (
  target_id uuid primary key,
  ordinal bigint generated always as identity unique,
  tenant_id uuid not null,
  -- The Telegram it is in: "telegram", or the id of a local one.
  environment text not null,
  -- As messaging names it.
  channel text not null,
  title text not null,
  username text not null,
  -- Where comments go; empty: they are closed.
  linked_group text not null,
  allowed_reactions text[] not null,
  all_reactions boolean not null,
  state text not null check (state in ('verified', 'lapsed')),
  state_reason text not null default '',
  admin_account_id uuid not null,
  verify_time timestamptz not null,
  -- Whoever verifies it next puts this off first, so that no two replicas ask at the same time.
  next_verify_time timestamptz not null,
  create_time timestamptz not null default clock_timestamp(),
  unique (tenant_id, environment, channel)
) with (fillfactor = 80);
create index targets_by_tenant on targets (tenant_id, ordinal);
create index targets_by_next_verify on targets (next_verify_time);
create index targets_by_admin on targets (admin_account_id);

create table campaigns (
  campaign_id uuid primary key,
  ordinal bigint generated always as identity unique,
  tenant_id uuid not null,
  -- Who created it, as in `key:…`.
  owner text not null,
  target_id uuid not null references targets,
  -- The target's, which never changes.
  channel text not null,
  kind text not null check (kind in ('comment', 'reaction', 'view')),
  -- What was asked for: CampaignPlan of model.ts.
  plan jsonb not null,
  state text not null check (state in ('scheduled', 'running', 'paused', 'done', 'cancelled')),
  state_reason text not null default '',
  -- Empty unless paused.
  pause_cause text not null default '' check (pause_cause in ('', 'caller', 'target_lapsed', 'kill_switch', 'start_failed')),
  start_time timestamptz not null,
  end_time timestamptz,
  -- The posts that it acts on; null until it began.
  post_ids bigint[],
  -- All actions of these posts are there.
  planned boolean not null default false,
  -- For posts that appear while it runs: the newest that was looked at, and when to look again.
  newest_post_id bigint not null default 0,
  next_look_time timestamptz,
  -- The process that begins or plans it has it until then; free where past or null.
  claim_time timestamptz,
  -- It has ended, and actions may still be planned that are to be skipped.
  leftover boolean not null default false,
  create_time timestamptz not null default clock_timestamp(),
  finish_time timestamptz
) with (fillfactor = 80);
create index campaigns_by_tenant on campaigns (tenant_id, ordinal);
create index campaigns_by_target on campaigns (target_id) where state in ('scheduled', 'running', 'paused');
create index campaigns_to_begin on campaigns (start_time) where state = 'scheduled';
create index campaigns_running on campaigns (campaign_id) where state = 'running';
create index campaigns_to_end on campaigns (end_time) where state in ('scheduled', 'running', 'paused');
create index campaigns_leftover on campaigns (campaign_id) where leftover;

-- Who acts in a campaign, settled when it begins.
create table campaign_accounts (
  campaign_id uuid not null references campaigns,
  account_id uuid not null,
  -- Why it acts no more; empty while it does.
  drop_reason text not null default '',
  drop_time timestamptz,
  primary key (campaign_id, account_id)
);
create index campaign_accounts_by_account on campaign_accounts (account_id);

-- One account acting once on one post. Also the record of it: rows stay.
create table actions (
  action_id uuid primary key,
  ordinal bigint generated always as identity,
  tenant_id uuid not null,
  campaign_id uuid not null references campaigns,
  target_id uuid not null,
  -- The target's: limits of a channel are counted whoever registered it.
  channel text not null,
  account_id uuid not null,
  post_id bigint not null,
  kind text not null check (kind in ('comment', 'reaction', 'view')),
  state text not null default 'planned' check (state in ('planned', 'running', 'done', 'failed', 'skipped')),
  reason text not null default '',
  attempts integer not null default 0,
  -- The comment that was sent or is on its way, or the emoji, which is drawn when it is planned.
  content text not null default '',
  -- The comment in the linked group; 0: none, or not known.
  message_id bigint not null default 0,
  due_time timestamptz not null,
  -- When it counted against the limits: its last attempt that went to messaging.
  start_time timestamptz,
  end_time timestamptz,
  trace_id text not null default '',
  unique (campaign_id, account_id, post_id)
) with (fillfactor = 70);
create index actions_by_due on actions (campaign_id, due_time, ordinal);
create index actions_by_tenant on actions (tenant_id, due_time, ordinal);
create index actions_planned on actions (campaign_id, due_time) where state = 'planned';
create index actions_running on actions (campaign_id) where state = 'running';
create index actions_by_account on actions (account_id, start_time) where start_time is not null;
create index actions_by_channel on actions (channel, start_time) where start_time is not null;
create index actions_by_post on actions (channel, post_id, kind) where state in ('planned', 'running', 'done');

-- How many actions of a campaign stand where, in parts by account, so that accounts do not wait for each other.
create table action_counts (
  campaign_id uuid not null,
  part smallint not null,
  planned bigint not null,
  running bigint not null,
  done bigint not null,
  failed bigint not null,
  skipped bigint not null,
  primary key (campaign_id, part)
) with (fillfactor = 50);

-- Counts are kept by the database, so that they are right whoever changes an action.
create function count_actions() returns trigger language plpgsql set search_path from current as $$
begin
  if tg_op = 'INSERT' then
    insert into action_counts as kept (campaign_id, part, planned, running, done, failed, skipped)
    select campaign_id, abs(hashtext(account_id::text) % 16) as part,
      count(*) filter (where state = 'planned'), count(*) filter (where state = 'running'),
      count(*) filter (where state = 'done'), count(*) filter (where state = 'failed'),
      count(*) filter (where state = 'skipped')
    from added group by 1, 2 order by 1, 2
    on conflict (campaign_id, part) do update set
      planned = kept.planned + excluded.planned, running = kept.running + excluded.running,
      done = kept.done + excluded.done, failed = kept.failed + excluded.failed,
      skipped = kept.skipped + excluded.skipped;
  else
    insert into action_counts as kept (campaign_id, part, planned, running, done, failed, skipped)
    select * from (
      select campaign_id, abs(hashtext(account_id::text) % 16) as part,
        coalesce(sum(change) filter (where state = 'planned'), 0) as planned,
        coalesce(sum(change) filter (where state = 'running'), 0) as running,
        coalesce(sum(change) filter (where state = 'done'), 0) as done,
        coalesce(sum(change) filter (where state = 'failed'), 0) as failed,
        coalesce(sum(change) filter (where state = 'skipped'), 0) as skipped
      from (
        select campaign_id, account_id, state, 1 as change from changed_to
        union all
        select campaign_id, account_id, state, -1 from changed_from
      ) as moved
      group by 1, 2
    ) as changes
    where (planned, running, done, failed, skipped) <> (0, 0, 0, 0, 0)
    order by campaign_id, part
    on conflict (campaign_id, part) do update set
      planned = kept.planned + excluded.planned, running = kept.running + excluded.running,
      done = kept.done + excluded.done, failed = kept.failed + excluded.failed,
      skipped = kept.skipped + excluded.skipped;
  end if;
  return null;
end $$;
create trigger count_added after insert on actions
  referencing new table as added for each statement execute function count_actions();
create trigger count_changed after update on actions
  referencing old table as changed_from new table as changed_to for each statement execute function count_actions();

-- What each comment says, chosen once; no two of a campaign are alike.
create table comment_texts (
  action_id uuid primary key,
  tenant_id uuid not null,
  campaign_id uuid not null,
  likeness bytea not null,
  body text not null,
  create_time timestamptz not null default clock_timestamp(),
  unique (campaign_id, likeness)
);
create index comment_texts_by_time on comment_texts (campaign_id, create_time);

-- How many variants of a campaign's templates were used.
create table template_turns (
  campaign_id uuid primary key,
  taken bigint not null
) with (fillfactor = 50);

-- What was asked of the model, by day.
create table model_tokens (
  day date not null,
  scope text not null,
  taken bigint not null,
  primary key (day, scope)
) with (fillfactor = 50);

-- What stops all engagement: of a tenant, by its id, or of the mesh.
create table kill_switches (
  scope text primary key,
  is_on boolean not null,
  reason text not null,
  subject text not null,
  set_time timestamptz not null
);
-- There from the beginning: who begins something locks it.
insert into kill_switches (scope, is_on, reason, subject, set_time)
values ('mesh', false, '', '', clock_timestamp());

-- Limits that were set looser than the default, each from the first process that had it so.
create table raised_ceilings (
  name text not null,
  environment text not null,
  value text not null,
  default_value text not null,
  process_id text not null,
  raise_time timestamptz not null default clock_timestamp(),
  primary key (name, environment, value)
);

-- The last sequence of an entity's events.
create table event_sequences (
  entity_id text primary key,
  last_sequence bigint not null
) with (fillfactor = 70);

-- What somebody changed.
create table audit (
  audit_id bigint generated always as identity primary key,
  tenant_id uuid not null,
  subject text not null,
  action text not null,
  target_id uuid,
  campaign_id uuid,
  account_id uuid,
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
