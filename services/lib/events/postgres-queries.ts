import type pg from 'pg';
import type { BusEvent, PublishOutcome, StartFrom } from './bus.ts';
import { entityKey } from './entity.ts';
import { HeldBack } from './errors.ts';

type Queryable = Pick<pg.Pool, 'query'> | Pick<pg.Client, 'query'>;

/** As long as NATS keeps them here. */
const KEPT = '7 days';
const KEPT_EVENTS = 5_000_000;
const PRUNED_AT_ONCE = 5_000;

/** All or none, in the order given; the ids that were not there yet. */
export async function publish(db: Queryable, events: readonly BusEvent[]): Promise<Set<string>> {
  const column = <T>(value: (event: BusEvent) => T): T[] => events.map(value);
  const { rows } = await db.query<{ event_id: string }>(
    `select publish(
       $1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::bigint[], $6::bytea[], $7::text[]
     ) as event_id`,
    [
      column((event) => event.eventId),
      column((event) => event.subject),
      column((event) => event.tenantId),
      column((event) => event.entityId),
      column((event) => event.entitySequence.toString()),
      column((event) => event.payload),
      column((event) => JSON.stringify(event.headers)),
    ],
  );
  return new Set(rows.map((row) => row.event_id));
}

export async function publishOneByOne(
  db: Queryable,
  events: readonly BusEvent[],
  failure: (error: unknown) => PublishOutcome,
): Promise<PublishOutcome[]> {
  const failed = new Set<string>();
  const outcomes: PublishOutcome[] = [];
  for (const event of events) {
    if (failed.has(entityKey(event))) {
      const error = new HeldBack('an earlier event of the same entity is not stored yet');
      outcomes.push({ ok: false, error });
      continue;
    }
    try {
      const added = await publish(db, [event]);
      outcomes.push({ ok: true, duplicate: !added.has(event.eventId) });
    } catch (error) {
      failed.add(entityKey(event));
      outcomes.push(failure(error));
    }
  }
  return outcomes;
}

/** Makes the durable if it is new; where a known one stands is not touched. */
export async function registerConsumer(
  db: Queryable,
  options: { durable: string; startFrom: StartFrom; forgetAfterMs: number | undefined },
): Promise<void> {
  await db.query(
    `insert into consumer (durable, position, forget_after)
     select $1, ${startPosition(options.startFrom)}, $2::float8 * interval '1 millisecond'
     on conflict (durable) do update
       set forget_after = excluded.forget_after, active_time = clock_timestamp()`,
    [options.durable, options.forgetAfterMs ?? null],
  );
}

/** Behind it the durable begins. */
function startPosition(startFrom: StartFrom): string {
  if (startFrom === 'first') return '0';
  if (startFrom === 'new') return '(select coalesce(max(position), 0) from event)';
  // Read backwards, so that only what is young is looked at.
  return `coalesce((
    select position from event
    where published_time < clock_timestamp() - ${startFrom.agoMs} * interval '1 millisecond'
    order by position desc limit 1
  ), 0)`;
}

export async function positionOf(db: Queryable, durable: string): Promise<number> {
  const { rows } = await db.query<{ position: bigint }>('select position from consumer where durable = $1', [
    durable,
  ]);
  if (!rows[0]) throw new Error(`the durable "${durable}" was forgotten while nobody consumed it`);
  return Number(rows[0].position);
}

export async function savePosition(db: Queryable, durable: string, position: number): Promise<void> {
  await db.query(
    'update consumer set position = greatest(position, $2), active_time = clock_timestamp() where durable = $1',
    [durable, position],
  );
}

const READ_ROWS = 500;

export interface EventsRead {
  events: Array<{ position: number; event: BusEvent }>;
  /** Everything up to here was looked at, whether its subject matched or not. */
  horizon: number;
  /** There may be more right now. */
  full: boolean;
  /** Roughly how many are still to be looked at. */
  pending: number;
}

interface EventRow {
  horizon: bigint | null;
  looked_at: number;
  newest: bigint | null;
  position: bigint | null;
  event_id: string;
  subject: string;
  tenant_id: string;
  entity_id: string;
  entity_sequence: bigint;
  payload: Buffer;
  headers: Record<string, string>;
}

export async function readEvents(
  db: Queryable,
  after: number,
  subjects: readonly string[],
): Promise<EventsRead> {
  const { rows } = await db.query<EventRow>(
    `with scanned as (select * from event where position > $1 order by position limit ${READ_ROWS})
     select seen.horizon, seen.looked_at, (select max(position) from event) as newest, matching.*
     from (select max(position) as horizon, count(*)::int as looked_at from scanned) seen
     left join (select * from scanned where subject ~ any ($2::text[])) matching on true
     order by matching.position`,
    [after, subjects.map(toPattern)],
  );
  const horizon = Number(rows[0]?.horizon ?? after);
  const full = rows[0]?.looked_at === READ_ROWS;
  const events = rows
    .filter((row) => row.position !== null)
    .map((row) => ({
      position: Number(row.position),
      event: {
        eventId: row.event_id,
        subject: row.subject,
        tenantId: row.tenant_id,
        entityId: row.entity_id,
        entitySequence: row.entity_sequence,
        payload: row.payload,
        headers: row.headers,
      },
    }));
  const pending = Math.max(0, Number(rows[0]?.newest ?? 0) - horizon);
  return { events, horizon, full, pending };
}

/** `telegate.v1.pool.*.added` and `telegate.v1.pool.>` as regular expressions. */
export function toPattern(subject: string): string {
  const parts = subject.split('.').map((part, index, all) => {
    if (part === '*') return '[^.]+';
    if (part === '>' && index === all.length - 1) return '.+';
    if (!/^[A-Za-z0-9_-]+$/.test(part))
      throw new Error(`"${subject.slice(0, 250)}" is not a subject pattern`);
    return part;
  });
  return `^${parts.join('\\.')}$`;
}

/** Removes what is too old or too much, a piece at a time, and durables that nobody came back for. */
export async function prune(db: Queryable): Promise<number> {
  let removed = 0;
  for (;;) {
    const { rowCount } = await db.query(
      `delete from event where position in (
         select position from (
           select position, published_time from event order by position limit ${PRUNED_AT_ONCE}
         ) oldest
         where published_time < clock_timestamp() - interval '${KEPT}'
           or position <= (select max(position) from event) - ${KEPT_EVENTS}
       )`,
    );
    removed += rowCount ?? 0;
    if ((rowCount ?? 0) < PRUNED_AT_ONCE) break;
  }
  await db.query('delete from consumer where active_time + forget_after < clock_timestamp()');
  return removed;
}
