import { sql, type Generated, type QueryExecutorProvider } from 'kysely';
import type { BusEvent } from './bus.ts';
import { entityKey } from './entity.ts';

/** A service includes inbox.sql in its migrations, and this in the types of its tables. */
export interface InboxTables {
  inbox: { durable: string; event_id: string; handled_time: Generated<Date> };
  inbox_entity: { durable: string; entity: string; last_sequence: string };
}

/** `duplicate`: seen before; `outdated`: a later event of the entity was applied before it. */
export type HandleOutcome = 'applied' | 'duplicate' | 'outdated';

/**
 * Runs `apply` unless the event was seen before or is older than what was applied of its entity. The mark is
 * made in `trx`, so it is there exactly if the effect is: apply everything through the same transaction.
 */
export async function handleOnce<Trx extends QueryExecutorProvider>(
  trx: Trx,
  durable: string,
  event: BusEvent,
  apply: (trx: Trx, event: BusEvent) => Promise<void>,
): Promise<HandleOutcome> {
  const { rows } = await sql<{ fresh: boolean; newest: boolean }>`
    with seen as (
      insert into inbox (durable, event_id) values (${durable}, ${event.eventId}::uuid)
      on conflict do nothing
      returning true
    ), applied as (
      insert into inbox_entity as known (durable, entity, last_sequence)
      select ${durable}, ${entityKey(event)}, ${event.entitySequence.toString()}::bigint
      where exists (select from seen)
      on conflict (durable, entity) do update set last_sequence = excluded.last_sequence
        where known.last_sequence <= excluded.last_sequence
      returning true
    )
    select exists (select from seen) as fresh, exists (select from applied) as newest`.execute(trx);
  const { fresh = false, newest = false } = rows[0] ?? {};
  if (!fresh) return 'duplicate';
  if (!newest) return 'outdated';
  await apply(trx, event);
  return 'applied';
}

/** A day longer than the broker keeps an event. */
const KEPT = '8 days';
const PRUNED_AT_ONCE = 5_000;

/** Removes one piece of what is too old, and says how much; call it again while it is not 0. */
export async function pruneInbox(db: QueryExecutorProvider): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from inbox where (durable, event_id) in (
      select durable, event_id from inbox
      where handled_time < clock_timestamp() - interval '${sql.raw(KEPT)}'
      order by handled_time
      limit ${sql.lit(PRUNED_AT_ONCE)}
    )`.execute(db);
  return Number(numAffectedRows ?? 0);
}
