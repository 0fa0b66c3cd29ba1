import { runMigrations } from 'graphile-worker';
import { Client } from 'pg';
import { pause, systemClock, type Clock } from '#lib/lifecycle/clock.ts';
import { MigrationError } from '#lib/postgres/migrate.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import { engineLogger } from './job-log.ts';
import { openJobPool } from './job-pool.ts';
import { JOBS_SCHEMA, JOBS_VERSION } from './job-version.ts';

/** Brings the job engine's schema to what this release asks for. Safe to repeat, and to run twice at once. */
export async function migrateJobs(options: { url: string; log: Logger }): Promise<void> {
  const { url, log } = options;
  const pool = openJobPool({ url, size: 2, applicationName: 'telegate migrate jobs', log });
  const client = await pool.connect();
  try {
    // Freed by the server when this connection ends, however it ends.
    await client.query('select pg_advisory_lock(hashtextextended($1, 0))', [
      `telegate migrate ${JOBS_SCHEMA}`,
    ]);
    await runMigrations({ pgPool: pool, schema: JOBS_SCHEMA, logger: engineLogger(log) });
  } finally {
    client.release(true);
    await pool.end();
  }
}

const WAIT_STEP_MS = 250;

/** Waits for `migrateJobs` to have been run by this release or a newer one. */
export async function waitForJobs(options: {
  url: string;
  timeoutMs: number;
  log: Logger;
  clock?: Clock;
  signal?: AbortSignal;
}): Promise<void> {
  const { url, timeoutMs, log, clock = systemClock, signal } = options;
  const end = clock.monotonic() + timeoutMs;
  for (let isFirst = true; ; isFirst = false) {
    signal?.throwIfAborted();
    if ((await jobsVersion(url)) >= JOBS_VERSION) return;
    const waitingFor = `version ${JOBS_VERSION} of schema ${JOBS_SCHEMA} (npm run migrate)`;
    if (clock.monotonic() >= end)
      throw new MigrationError(`Gave up after ${timeoutMs / 1_000} s of waiting for ${waitingFor}.`);
    if (isFirst) log.info({ event: 'waiting', schema: JOBS_SCHEMA, waitingFor }, `waiting for ${waitingFor}`);
    await pause(clock, WAIT_STEP_MS, signal);
  }
}

/** 0 before the first migration, and while the database is away. */
export async function jobsVersion(url: string): Promise<number> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows: there } = await client.query<{ there: boolean }>(
      'select to_regclass($1) is not null as there',
      [`${JOBS_SCHEMA}.migrations`],
    );
    if (there[0]?.there !== true) return 0;
    const { rows } = await client.query<{ version: number | null }>(
      `select max(id) as version from ${JOBS_SCHEMA}.migrations`,
    );
    return rows[0]?.version ?? 0;
  } catch {
    return 0;
  } finally {
    await client.end().catch(() => undefined);
  }
}
