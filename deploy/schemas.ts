import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { EVENTS_MIGRATIONS, EVENTS_SCHEMA } from '#lib/events/postgres.ts';

/** A schema of the database and the folder of the migrations that make it. */
export interface SchemaFolder {
  schema: string;
  folder: string;
}

const root = new URL('../', import.meta.url);

/** The schema of a service is named as its folder, with underscores. */
export function serviceSchemas(): SchemaFolder[] {
  return readdirSync(new URL('services/', root), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'lib')
    .map((entry) => ({
      schema: entry.name.replaceAll('-', '_'),
      folder: fileURLToPath(new URL(`services/${entry.name}/migrations`, root)),
    }))
    .filter(({ folder }) => existsSync(folder))
    .toSorted((a, b) => (a.schema < b.schema ? -1 : 1));
}

/** Where events wait for their consumers when they travel through PostgreSQL. */
export const eventsSchema: SchemaFolder = {
  schema: EVENTS_SCHEMA,
  folder: EVENTS_MIGRATIONS,
};

/** Every schema that a deployment needs: the events' own only when there is no NATS. */
export function neededSchemas({ natsUrl }: { natsUrl: string | undefined }): SchemaFolder[] {
  return natsUrl === undefined ? [eventsSchema, ...serviceSchemas()] : serviceSchemas();
}
