import type pg from 'pg';

export interface OutboxRow {
  position: bigint;
  event_id: string;
  subject: string;
  entity_id: string;
  entity_sequence: bigint;
  tenant_id: string;
  payload: Buffer;
  traceparent: string | null;
  age_seconds: number;
}

export const BATCH_ROWS = 500;
const BATCH_BYTES = 8 * 1024 * 1024;
const COUNT_LIMIT = 100_000;

/**
 * The oldest committed rows, without those of entities that wait for their next attempt. There is no mark to
 * start from: a row with a lower position may commit later than one that is long gone.
 */
export async function readOutbox(client: pg.Client, heldEntities: readonly string[]): Promise<OutboxRow[]> {
  const { rows } = await client.query<OutboxRow>(
    `select position, event_id, subject, entity_id, entity_sequence, tenant_id, payload, traceparent,
       extract(epoch from clock_timestamp() - created_time)::float8 as age_seconds
     from (
       select *, sum(octet_length(payload)) over (order by position) - octet_length(payload) as bytes_before
       from (
         select * from outbox
         where cardinality($1::text[]) = 0
           or split_part(subject, '.', 3) || '/' || tenant_id || '/' || entity_id <> all ($1::text[])
         order by position
         limit ${BATCH_ROWS}
       ) oldest
     ) sized
     where bytes_before < ${BATCH_BYTES}
     order by position`,
    [heldEntities],
  );
  return rows;
}

/**
 * In one statement. Measured on 2 cores, 40,000 rows in batches of 500: reading and deleting 155,000 rows/s;
 * reading, marking and pruning 79,000 rows/s, with twice the disk.
 */
export async function deletePublished(client: pg.Client, positions: readonly bigint[]): Promise<void> {
  await client.query('delete from outbox where position = any ($1::bigint[])', [positions.map(String)]);
}

/** Exact up to a bound, so that counting a long backlog does not slow its relay down. */
export async function countOutbox(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ backlog: number }>(
    `select count(*)::int as backlog from (select from outbox limit ${COUNT_LIMIT}) counted`,
  );
  return rows[0]?.backlog ?? 0;
}
