import { randomUUIDv7 } from 'node:crypto';
import { Client } from 'pg';
import type { Entry } from '../history.ts';

/**
 * Writes down every change of a slot, every event and every end of an outage, in the transaction that made it
 * and by the database's clock: exactly what was committed, whatever the replicas and their clients believe.
 */
const WITNESS = `
  create schema robustness;
  create table robustness.slot_log (
    id bigserial primary key, at timestamptz not null default clock_timestamp(),
    session_id bigint, lease_id uuid, fencing_token bigint, event_sequence bigint, ttl_ms integer,
    expire_time timestamptz, drain_time timestamptz,
    claim_process text, claim_token bigint, claim_expire_time timestamptz
  );
  create function robustness.see_slot() returns trigger language plpgsql as $$ begin
    insert into robustness.slot_log (session_id, lease_id, fencing_token, event_sequence, ttl_ms, expire_time,
      drain_time, claim_process, claim_token, claim_expire_time)
    values (new.session_id, new.lease_id, new.fencing_token, new.event_sequence, new.ttl_ms, new.expire_time,
      new.drain_time, new.claim_process, new.claim_token, new.claim_expire_time);
    return null;
  end $$;
  create trigger robustness_slot after update on session_pool.slots
    for each row execute function robustness.see_slot();

  create table robustness.event_log (
    id bigserial primary key, at timestamptz not null default clock_timestamp(),
    event_id uuid, subject text, entity_id text, entity_sequence bigint
  );
  create function robustness.see_event() returns trigger language plpgsql as $$ begin
    insert into robustness.event_log (event_id, subject, entity_id, entity_sequence)
    values (new.event_id, new.subject, new.entity_id, new.entity_sequence);
    return null;
  end $$;
  create trigger robustness_event after insert on session_pool.outbox
    for each row execute function robustness.see_event();

  create table robustness.resume_log (at timestamptz not null);
  create function robustness.see_resume() returns trigger language plpgsql as $$ begin
    insert into robustness.resume_log values (new.resume_time);
    return null;
  end $$;
  create trigger robustness_resume after update on session_pool.availability
    for each row when (old.resume_time is distinct from new.resume_time)
    execute function robustness.see_resume();`;

export async function installWitness(url: string): Promise<void> {
  await withClient(url, (client) => client.query(WITNESS));
}

/** Sessions without keys: nothing here looks at a key. */
export async function addSessions(url: string, tenantId: string, count: number): Promise<void> {
  await withClient(url, (client) =>
    client.query(
      `with added as (
         insert into session_pool.sessions (tenant_id, name, environment, data_center, source, fingerprint)
         select $1::uuid, 's' || number, 'local', 2, 'import', sha256(convert_to($3 || number, 'utf8'))
         from generate_series(1, $2::integer) as number
         returning session_id, tenant_id
       )
       insert into session_pool.slots (session_id, tenant_id)
       select session_id, tenant_id from added order by session_id`,
      [tenantId, count, randomUUIDv7()],
    ),
  );
}

export async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

const ms = (column: string): string => `(extract(epoch from ${column}) * 1000)::float8`;

/** All that was witnessed, as entries of the history. */
export async function readWitness(url: string): Promise<Entry[]> {
  return withClient(url, async (client) => {
    const slots = await client.query<Entry>(`
      select 'slot' as kind, id::float8, ${ms('at')} as at, session_id::text as session, lease_id::text as lease,
        fencing_token::text as token, event_sequence::float8 as sequence, ttl_ms as "ttlMs",
        ${ms('expire_time')} as "expireAt", ${ms('drain_time')} as "drainAt",
        claim_process as "claimProcess", claim_token::text as "claimToken",
        ${ms('claim_expire_time')} as "claimExpireAt"
      from robustness.slot_log order by id`);
    const events = await client.query<Entry>(`
      select 'committed' as kind, id::float8, ${ms('at')} as at, event_id::text as event, subject,
        entity_id as session, entity_sequence::float8 as sequence
      from robustness.event_log order by id`);
    const resumes = await client.query<Entry>(
      `select 'resume' as kind, ${ms('at')} as at from robustness.resume_log order by at`,
    );
    return [...slots.rows, ...events.rows, ...resumes.rows];
  });
}
