import { pathToFileURL } from 'node:url';
import { databaseUrl, logLevel, natsUrl, startTimeout } from '#lib/config/shared.ts';
import { runProcess } from '#lib/lifecycle/process.ts';
import { migrate } from '#lib/postgres/migrate.ts';
import type { Logger } from '#lib/telemetry/log.ts';
import { awaitDatabase } from './await-database.ts';
import { migrateJobs } from '../services/engagement/actions/job-schema.ts';
import type { SchemaFolder } from './schemas.ts';
import { neededSchemas } from './schemas.ts';

export interface MigratedSchema {
  schema: string;
  applied: readonly string[];
  version: number;
}

/** Brings each schema to the version of its folder, one after the other; safe to repeat and to run twice at once. */
export async function migrateAll(
  url: string,
  schemas: readonly SchemaFolder[],
  log: Logger,
): Promise<MigratedSchema[]> {
  const outcomes: MigratedSchema[] = [];
  for (const { schema, folder } of schemas) {
    outcomes.push({ schema, ...(await migrate({ url, schema, folder, log })) });
    // Its actions are jobs of an engine that makes its schema itself.
    if (schema === 'engagement') await migrateJobs({ url, log });
  }
  return outcomes;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runProcess({
    name: 'migrate',
    purpose:
      'brings the database to the version that the services need. Safe to repeat; services wait for it.',
    fields: { databaseUrl, natsUrl, startTimeout, logLevel },
    env: process.env,
    argv: process.argv.slice(2),
    task: true,
    async main({ config, log, clock, stopping }) {
      await awaitDatabase(config.databaseUrl, {
        clock,
        limitMs: config.startTimeout,
        signal: stopping,
        say: (text) => log.info({ event: 'waiting' }, text),
        remedy: 'Start it, or correct DATABASE_URL. START_TIMEOUT changes how long is waited.',
      });
      const outcomes = await migrateAll(config.databaseUrl, neededSchemas(config), log);
      for (const { schema, applied, version } of outcomes)
        log.info(
          { event: 'schema_migrated', schema, applied, version },
          `${schema} is at version ${version}${applied.length === 0 ? ' already' : ''}`,
        );
    },
  });
}
