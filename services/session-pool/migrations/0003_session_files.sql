-- What sync saw in the folder of sessions, a row a file. A session has a file exactly when a row names it that is
-- not broken.
create table session_files (
  tenant_id uuid not null,
  file_name text not null,
  -- The session whose key the file holds. A session that is removed takes the row along: to sync the file is new.
  session_id bigint unique references sessions on delete cascade,
  fingerprint bytea,
  size bigint not null,
  mtime_ms float8 not null,
  inode numeric(20) not null,
  -- Old enough when it was read that a later change shows in size, time or inode.
  settled boolean not null,
  -- What the file holds is no session, whatever the pool holds; true until the file changes.
  broken boolean not null,
  -- Why it can not be used, in plain words.
  fault text,
  primary key (tenant_id, file_name)
);

-- The last sync of a tenant's folder that was completed, and the one that may write now.
create table session_sync (
  tenant_id uuid primary key,
  run_id uuid not null,
  start_time timestamptz,
  end_time timestamptz,
  added integer not null default 0,
  removed integer not null default 0,
  total integer not null default 0,
  fault_count integer not null default 0
);

-- slots.condition as it was before sync let the session leave because its file was gone: what it gets back when
-- the file returns first.
alter table sessions add column condition_before_leaving smallint;
