import { fileURLToPath } from 'node:url';
import { fromBinary } from '@bufbuild/protobuf';
import { sql } from 'kysely';
import { EventSchema, type Event } from '#gen/telegate/events/v1/events_pb.ts';
import { openDatabase } from '#lib/postgres/database.ts';
import { createLogger } from '#lib/telemetry/log.ts';
import { createTestDatabase, expectNoLeaks } from '../../tests/support/postgres.ts';
import { migrateJobs } from './actions/job-schema.ts';
import type { EngagementDatabase, EngagementTables } from './tables.ts';

export const quiet = createLogger({ service: 'engagement', level: 'silent' });

export interface TestTables {
  readonly url: string;
  readonly database: EngagementDatabase;
  events(): Promise<Event[]>;
  close(): Promise<void>;
}

/** The service's tables and the engine's, in a database of the test's own. */
export async function openTestTables(): Promise<TestTables> {
  const folder = fileURLToPath(new URL('migrations', import.meta.url));
  const { url, drop } = await createTestDatabase({ migrations: [{ schema: 'engagement', folder }] });
  await migrateJobs({ url, log: quiet });
  const database = openDatabase<EngagementTables>({
    url,
    schema: 'engagement',
    poolSize: 8,
    applicationName: 'test',
    log: quiet,
  });
  return {
    url,
    database,
    async events() {
      const { rows } = await sql<{ payload: Buffer }>`select payload from outbox order by position`.execute(
        database.kysely,
      );
      return rows.map(({ payload }) => fromBinary(EventSchema, payload));
    },
    async close() {
      await expectNoLeaks(database);
      await database.close();
      await drop();
    },
  };
}
