-- Events on PostgreSQL, for an installation without NATS.

create table event (
  position bigint generated always as identity primary key,
  event_id uuid not null unique,
  subject text not null,
  tenant_id uuid not null,
  entity_id text not null,
  entity_sequence bigint not null,
  payload bytea not null,
  headers jsonb not null,
  published_time timestamptz not null default clock_timestamp()
);

-- Only ever added to at one end and removed from at the other.
alter table event set (
  autovacuum_vacuum_scale_factor = 0.05,
  autovacuum_vacuum_insert_scale_factor = 0.2
);

create table consumer (
  durable text primary key,
  -- Everything up to here is handled.
  position bigint not null,
  active_time timestamptz not null default clock_timestamp(),
  -- Null: never.
  forget_after interval
)
with (fillfactor = 50);

-- Gives the ids that were new. Publishers take turns, and the lock is held until the commit is visible: so
-- positions become visible in their order, and a consumer that has passed one will meet no lower one later.
create function publish(
  event_ids uuid[],
  subjects text[],
  tenant_ids uuid[],
  entity_ids text[],
  entity_sequences bigint[],
  payloads bytea[],
  all_headers text[]
) returns setof uuid
language plpgsql
as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('telegate events publish', 0));
  return query
    insert into event (event_id, subject, tenant_id, entity_id, entity_sequence, payload, headers)
    select given.event_id, given.subject, given.tenant_id, given.entity_id, given.entity_sequence,
      given.payload, given.headers::jsonb
    from unnest(event_ids, subjects, tenant_ids, entity_ids, entity_sequences, payloads, all_headers)
      with ordinality
      as given (event_id, subject, tenant_id, entity_id, entity_sequence, payload, headers, place)
    order by given.place
    on conflict on constraint event_event_id_key do nothing
    returning event.event_id;
  if found then
    perform pg_notify('telegate_events', '');
  end if;
end
$$;
