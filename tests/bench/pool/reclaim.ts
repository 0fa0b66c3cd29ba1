import { setTimeout as sleep } from 'node:timers/promises';
import type { Line } from '../report.ts';
import { percentile } from '../statistics.ts';
import { SESSIONS, type Bench } from './bench.ts';
import { openClient } from './client.ts';
import { acquireMany } from './renewals.ts';
import type { System } from './system.ts';

const STREAMS = 4;
/** A TTL that no outage before (such as the start) makes longer: see stampAndReap. */
const TTL_MS = 1_000;
/** Long enough for the reaper to have passed before. */
const EXPIRE_IN_MS = 2_000;
/** Leases that end one after the other, over so long. */
const SPREAD_MS = 10_000;

/** 5,000 leases whose holders are gone: all at the same moment, then one after the other. */
export async function measureReclaim(bench: Bench): Promise<Line[]> {
  const system = await bench.start();
  const client = openClient(system.address, system.apiKey);
  const workers = Array.from({ length: STREAMS }, () => client.manage());
  const acquireAll = () => Promise.all(workers.map((worker) => acquireMany(worker, SESSIONS / STREAMS)));

  await acquireAll();
  const massSeconds = await secondsToReclaim(system);
  await acquireAll();
  const lateness = await latenessOfEach(system);
  workers.forEach((worker) => worker.end());
  client.close();
  await system.stop();

  const late = percentile(lateness, 0.999);
  return [
    {
      name: '5,000 leases expired at once: from their end until all are free',
      value: massSeconds,
      shown: `${massSeconds.toFixed(2)} s`,
      target: { atMost: 1 },
    },
    {
      name: '5,000 leases expired over 10 s: lateness of reclaim, p99.9',
      value: late,
      shown: `${late.toFixed(2)} s`,
      target: { atMost: 1 },
    },
    {
      name: '5,000 leases expired over 10 s: lateness of reclaim, median',
      value: percentile(lateness, 0.5),
      shown: `${percentile(lateness, 0.5).toFixed(2)} s`,
    },
  ];
}

async function secondsToReclaim({ sql }: System): Promise<number> {
  const { rows } = await sql.query<{ end: Date }>(
    `with ending as (
       update slots set expire_time = clock.at, ttl_ms = ${TTL_MS} from (select clock_timestamp() + $1 * interval '1 ms' as at) as clock
       where lease_id is not null returning expire_time
     ) select max(expire_time) as end from ending`,
    [EXPIRE_IN_MS],
  );
  await sleep(EXPIRE_IN_MS);
  for (;;) {
    const { rows: now } = await sql.query<{ left: number; seconds: number }>(
      `select count(*)::int as left, extract(epoch from clock_timestamp() - $1)::float8 as seconds
       from slots where lease_id is not null`,
      [rows[0]!.end],
    );
    if (now[0]!.left === 0) return now[0]!.seconds;
    await sleep(5);
  }
}

/** From each lease's end to the clock that the reaper read when it ended it, in seconds. */
async function latenessOfEach({ sql }: System): Promise<number[]> {
  await sql.query('create temporary table due (session_id bigint, expire_time timestamptz)');
  await sql.query(
    `with ending as (
       update slots set ttl_ms = ${TTL_MS}, expire_time = clock_timestamp() + $1 * interval '1 ms'
         + (session_id % 5000) * interval '1 ms' * $2::float8 / 5000
       where lease_id is not null returning session_id, expire_time
     ) insert into pg_temp.due select * from ending`,
    [EXPIRE_IN_MS, SPREAD_MS],
  );
  const left = async (): Promise<number> => {
    const { rows } = await sql.query<{ left: number }>(
      'select count(*)::int as left from slots where lease_id is not null',
    );
    return rows[0]!.left;
  };
  while ((await left()) > 0) await sleep(100);
  const { rows } = await sql.query<{ seconds: number }>(
    `select extract(epoch from slots.last_used_time - due.expire_time)::float8 as seconds
     from slots join pg_temp.due using (session_id)`,
  );
  return rows.map(({ seconds }) => seconds);
}
