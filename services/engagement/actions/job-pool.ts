import { Pool } from 'pg';
import { connectionConfig } from '#lib/postgres/database.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import { JOBS_SCHEMA } from './job-version.ts';

/**
 * The job engine's own connections: it writes what it reads into JSON, so numbers have to come as the driver gives
 * them by itself. One of them listens for new jobs.
 */
export function openJobPool(options: {
  url: string;
  size: number;
  applicationName: string;
  log: Logger;
}): Pool {
  const { url, size, applicationName, log } = options;
  const { types: _types, ...config } = connectionConfig({ url, schema: JOBS_SCHEMA, applicationName });
  const pool = new Pool({ ...config, max: size, idleTimeoutMillis: 60_000 });
  pool.on('error', (error) => {
    log.warn(
      { event: 'database_connection_lost', problem: error.message },
      'an idle connection of the job engine broke; it is replaced when needed',
    );
  });
  // One that breaks while it is in use fails its statement as well.
  pool.on('connect', (client) => void client.on('error', () => undefined));
  return pool;
}
